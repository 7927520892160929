#include "agent/boot/server_lookup.h"

#include <algorithm>

#include "agent/boot/stage2.h"
#include "wire/boot_tokens.h"

namespace ka::agent {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto one_try = 5s;

// The servers, and by which interface they answered.
struct Found {
  std::vector<ServerAddress> servers;
  Network::Up by;
};

Awaitable<std::optional<Found>> ask(asio::io_context& io, Log& log, const BootOptions& options, Network& network) {
  const std::vector<Network::Up> interfaces = network.up();
  for (const Network::Up& up : interfaces) {
    std::vector<ServerAddress> servers;
    if (options.server) {
      servers.push_back(*options.server);
    } else {
      net::Discovery question;
      question.session = options.session;
      question.interface = up.link.name;
      question.timeout = std::chrono::milliseconds(one_try) / static_cast<int>(interfaces.size());
      try {
        const bool knows_keys = !options.server_keys.empty();
        servers = co_await discover(io, std::move(question), "end one of them, or name one by kaserver=", knows_keys);
      } catch (const Error& error) {
        log.line("Looking for a KA server on " + up.link.name + ": " + error.what());
      }
    }
    if (servers.empty()) continue;
    Found found;
    found.servers = std::move(servers);
    found.by = up;
    co_return found;
  }
  co_return std::nullopt;
}

Awaitable<std::unique_ptr<ServerLink>> try_once(asio::io_context& io, Log& log, const BootOptions& options,
                                                const std::string& own, Network& network, std::string& why) {
  std::optional<Found> found = co_await ask(io, log, options, network);
  if (!found) co_return nullptr;
  NodeIdentity identity;
  identity.host_name = found->by.lease.host_name;
  identity.hardware_address = found->by.link.address.text();
  if (!options.token.empty()) identity.token = wire::shown_token(options.token, own);
  identity.tools_root = Stage2::root;
  identity.server_keys = options.server_keys;
  const std::function<void(const std::string&)> say = [&log](const std::string& text) { log.line(text); };
  try {
    MetServer met = co_await meet(io, std::move(found->servers), std::move(identity), say);
    log.line("Server IP is " + met.server.address.to_string());
    co_return std::move(met.link);
  } catch (const ServerLost& lost) {
    why = lost.what();
  }
  log.line(why);
  co_return nullptr;
}

}  // namespace

Awaitable<std::unique_ptr<ServerLink>> find_server(asio::io_context& io, Log& log, const BootOptions& options,
                                                   std::string own, Network& network) {
  asio::steady_timer rest(io);
  std::string why;  // the last one that answered was none
  for (int number = 1; number <= server_tries; ++number) {
    log.line("Waiting for rescue from KA server (Try " + std::to_string(number) + "/" + std::to_string(server_tries) +
             ")");
    rest.expires_after(one_try);
    auto link = co_await try_once(io, log, options, own, network, why);
    if (link) co_return link;
    // A refused connection comes back at once: the tries still take their time.
    co_await rest.async_wait(asio::use_awaitable);
  }
  throw NoServer(std::string("Can't reach a valid KA server") + (why.empty() ? "" : ": ") + why);
}

}  // namespace ka::agent
