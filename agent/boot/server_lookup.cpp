#include "agent/boot/server_lookup.h"

#include <algorithm>

#include "agent/boot/stage2.h"

namespace ka::agent {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto one_try = 5s;

// The server, and by which interface it answered.
struct Found {
  ServerAddress server;
  Network::Up by;
};

Awaitable<std::optional<Found>> ask(asio::io_context& io, Log& log, const BootOptions& options, Network& network) {
  const std::vector<Network::Up> interfaces = network.up();
  for (const Network::Up& up : interfaces) {
    std::optional<ServerAddress> server = options.server;
    if (!server) {
      net::Discovery question;
      question.session = options.session;
      question.interface = up.link.name;
      question.timeout = std::chrono::milliseconds(one_try) / static_cast<int>(interfaces.size());
      try {
        server = co_await discover(io, std::move(question), "end one of them, or name one by kaserver=");
      } catch (const Error& error) {
        log.line("Looking for a KA server on " + up.link.name + ": " + error.what());
      }
    }
    if (!server) continue;
    Found found;
    found.server = *server;
    found.by = up;
    co_return found;
  }
  co_return std::nullopt;
}

Awaitable<std::unique_ptr<ServerLink>> try_once(asio::io_context& io, Log& log, const BootOptions& options,
                                                Network& network) {
  std::optional<Found> found = co_await ask(io, log, options, network);
  if (!found) co_return nullptr;
  log.line("Server IP is " + found->server.address.to_string());
  NodeIdentity identity;
  identity.host_name = found->by.lease.host_name;
  identity.hardware_address = found->by.link.address.text();
  identity.tools_root = Stage2::root;
  try {
    co_return co_await connect(io, found->server, std::move(identity));
  } catch (const ServerLost& lost) {
    log.line(lost.what());
  }
  co_return nullptr;
}

}  // namespace

Awaitable<std::unique_ptr<ServerLink>> find_server(asio::io_context& io, Log& log, const BootOptions& options,
                                                   Network& network) {
  asio::steady_timer rest(io);
  for (int number = 1; number <= server_tries; ++number) {
    log.line("Waiting for rescue from KA server (Try " + std::to_string(number) + "/" + std::to_string(server_tries) +
             ")");
    rest.expires_after(one_try);
    auto link = co_await try_once(io, log, options, network);
    if (link) co_return link;
    // A refused connection comes back at once: the tries still take their time.
    co_await rest.async_wait(asio::use_awaitable);
  }
  throw NoServer("Can't reach a valid KA server");
}

}  // namespace ka::agent
