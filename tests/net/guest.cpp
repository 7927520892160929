// Somebody who says to be a node, of the parts that ka-init has: guest SERVER KEY CARD TOKEN OWN. Says "admitted", or
// why not, and stays until its standard input ends.

#include <csignal>
#include <cstdio>
#include <string>

#include <unistd.h>

#include "agent/link/server_link.h"
#include "base/error.h"
#include "wire/boot_tokens.h"

namespace {

using namespace ka;

Awaitable<void> visit(asio::io_context& io, agent::ServerAddress server, agent::NodeIdentity identity) {
  const std::unique_ptr<agent::ServerLink> link = co_await agent::connect(io, server, std::move(identity));
  std::puts("admitted");
  std::fflush(stdout);
  asio::posix::stream_descriptor input(io, ::dup(STDIN_FILENO));
  char byte = 0;
  auto room = asio::buffer(&byte, 1);
  co_await input.async_read_some(room, asio::as_tuple(asio::use_awaitable));
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  int status = 0;
  asio::io_context io(1);
  const auto ended = [&](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& why) {
      status = 1;
      std::puts(why.what());
    }
    io.stop();
  };
  try {
    if (argc != 6) throw Error("guest SERVER KEY CARD TOKEN OWN");
    agent::NodeIdentity identity;
    identity.server_keys = wire::parse_public_keys(argv[2]);
    identity.hardware_address = argv[3];
    if (*argv[4] != '\0') identity.token = wire::shown_token(argv[4], argv[5]);
    agent::ServerAddress server;
    server.address = asio::ip::make_address_v4(argv[1]);
    asio::co_spawn(io, visit(io, server, std::move(identity)), ended);
    io.run();
  } catch (const std::exception& error) {
    std::puts(error.what());
    return 1;
  }
  return status;
}
