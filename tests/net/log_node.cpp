// The log port of a node, as ka-init has it, in a program of its own: log_node LOG [KEY…] serves the file LOG at TCP
// 12345, and runs commands for who has one of these keys (their secret halves). What was run it writes to the log.

#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include "agent/boot/log_server.h"
#include "base/process.h"
#include "wire/ports.h"

int main(int argc, char** argv) {
  using namespace ka;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    if (argc < 2) throw Error("log_node LOG [KEY...]");
    const std::string path = argv[1];
    asio::io_context io(1);
    reap_children(io);
    std::ofstream log(path, std::ios::app);
    std::optional<agent::LogServer> server;
    agent::House house;
    for (int i = 2; i < argc; ++i) house.keys.push_back(wire::parse_key_pair(argv[i]).public_key());
    house.place = [] { return agent::House::Place(); };
    house.note = [&](const std::string& line) {
      log << line << std::endl;
      server->notify();
    };
    server.emplace(io, path, wire::log_port, std::move(house));
    io.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
