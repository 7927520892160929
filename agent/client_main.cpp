#include "agent/client_main.h"

#include <getopt.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "agent/server_link.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/discovery.h"

namespace ka::agent {

namespace {

enum Status { status_ok = 0, status_failed = 1, status_usage = 2, status_no_server = 3 };

struct Options {
  net::Discovery discovery;
  std::optional<asio::ip::address_v4> server;
  std::string command, file;
  unsigned tries = 5;
  bool go = false;
};

constexpr const char* usage =
    "Usage: ka-client -s SESSION [-e COMMAND | -o FILE] [options]\n"
    "Receives a session of ka-server send (or of ka-server) and relays it to the next node of the chain.\n"
    "  -s, --session NAME      the session to join\n"
    "  -e, --execute COMMAND   feed the stream to this shell command\n"
    "  -o, --output FILE       write the stream to this file or block device\n"
    "                          (with neither: to standard output)\n"
    "  -H, --server ADDRESS    do not look for the server: it is there\n"
    "  -i, --interface NAME    look for the server through this network interface only\n"
    "  -p, --port PORT         control port of the server (30765)\n"
    "  -t, --tries N           look for the server so many times, 5 seconds each (5)\n"
    "  -g, --go                start the round now, with the nodes that wait\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n"
    "Exit status: 0 only if all bytes came, were right, and the command ended with 0; 1 if not; 2 wrong usage;\n"
    "3 no server found.\n";

void say(std::string_view text) {
  std::fprintf(stderr, "ka-client: %.*s\n", static_cast<int>(text.size()), text.data());
}

[[noreturn]] void wrong_usage(const std::string& why) { throw std::invalid_argument(why); }

unsigned number(const char* option, const char* text, std::uint64_t most) {
  auto value = parse_unsigned(text);
  if (!value || *value == 0 || *value > most)
    wrong_usage(std::string(option) + " " + text + ": a number from 1 to " + std::to_string(most) + " is needed");
  return static_cast<unsigned>(*value);
}

// nullopt: there is nothing left to do (help).
std::optional<Options> parse(int argc, char** argv) {
  static const option long_options[] = {{"session", required_argument, nullptr, 's'},
                                        {"execute", required_argument, nullptr, 'e'},
                                        {"output", required_argument, nullptr, 'o'},
                                        {"server", required_argument, nullptr, 'H'},
                                        {"interface", required_argument, nullptr, 'i'},
                                        {"port", required_argument, nullptr, 'p'},
                                        {"tries", required_argument, nullptr, 't'},
                                        {"go", no_argument, nullptr, 'g'},
                                        {"help", no_argument, nullptr, 'h'},
                                        {"version", no_argument, nullptr, 'V'},
                                        {nullptr, 0, nullptr, 0}};
  Options options;
  options.discovery.session.clear();
  for (int c; (c = ::getopt_long(argc, argv, "s:e:o:H:i:p:t:ghV", long_options, nullptr)) != -1;) {
    boost::system::error_code error;
    switch (c) {
      case 's': options.discovery.session = optarg; break;
      case 'e': options.command = optarg; break;
      case 'o': options.file = optarg; break;
      case 'H':
        options.server = asio::ip::make_address_v4(optarg, error);
        if (error) wrong_usage(std::string("-H ") + optarg + ": an IPv4 address is needed");
        break;
      case 'i': options.discovery.interface = optarg; break;
      case 'p': options.discovery.port = static_cast<std::uint16_t>(number("-p", optarg, 65535)); break;
      case 't': options.tries = number("-t", optarg, 1'000'000); break;
      case 'g': options.go = true; break;
      case 'h': std::fputs(usage, stdout); return std::nullopt;
      case 'V': std::puts("ka-client " KA_VERSION); return std::nullopt;
      default: wrong_usage("");
    }
  }
  if (optind < argc) wrong_usage(std::string("what is ") + argv[optind] + "?");
  if (!wire::is_session_name(options.discovery.session))
    wrong_usage("-s SESSION is needed: letters, digits, . _ and -, 64 at most");
  if (!options.command.empty() && !options.file.empty()) wrong_usage("either -e or -o, not both");
  return options;
}

std::unique_ptr<Sink> make_sink(asio::io_context& io, const Options& options) {
  if (options.command.empty()) return std::make_unique<FileSink>(options.file.empty() ? "/dev/stdout" : options.file);
  Command command({"sh", "-c", options.command});
  if (const char* path = ::getenv("PATH")) command.environment.push_back(std::string("PATH=") + path);
  if (const char* home = ::getenv("HOME")) command.environment.push_back(std::string("HOME=") + home);
  auto repeat = [](std::string_view line) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  };
  return std::make_unique<CommandSink>(io, command, repeat);
}

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

Awaitable<std::optional<ServerAddress>> find_server(asio::io_context& io, const Options& options) {
  if (options.server) co_return ServerAddress{*options.server, options.discovery.port};
  for (unsigned attempt = 1; attempt <= options.tries; ++attempt) {
    if (attempt > 1)
      say("Waiting for " + options.discovery.session + " from KA server (Try " + std::to_string(attempt) + "/" +
          std::to_string(options.tries) + ")");
    std::optional<ServerAddress> found = co_await discover(io, options.discovery, "name one with -H");
    if (found) co_return found;
  }
  co_return std::nullopt;
}

// Round after round, until one was received whole.
Awaitable<ReceiveStats> receive_in_some_round(asio::io_context& io, const Options& options, ServerLink& link) {
  for (;;) {
    std::unique_ptr<Sink> sink = make_sink(io, options);
    try {
      co_return co_await link.receive(options.discovery.session, *sink);
    } catch (const PutOut& out) {
      say(std::string(out.what()) + "; waiting for the next round");
    }
  }
}

Awaitable<int> run_client(asio::io_context& io, const Options& options) {
  for (;;) {
    std::optional<ServerAddress> server = co_await find_server(io, options);
    if (!server) {
      say("Can't reach a valid KA server");
      co_return status_no_server;
    }
    try {
      NodeIdentity identity;
      identity.host_name = host_name();
      identity.clones = false;
      identity.starts_round = options.go;
      std::unique_ptr<ServerLink> link = co_await connect(io, *server, identity);
      ReceiveStats stats = co_await receive_in_some_round(io, options, *link);
      double seconds = std::max(stats.elapsed.count(), 1e-6);
      say("received " + format_size(stats.bytes) + " in " + std::to_string(seconds) + " s, " +
          format_size(static_cast<std::uint64_t>(static_cast<double>(stats.bytes) / seconds)) + "/s");
      co_return status_ok;
    } catch (const ServerLost& lost) {
      say(std::string(lost.what()) + "; looking for it again");
    }
    // One that takes connections and drops them must not be asked in a tight loop.
    asio::steady_timer pause(io, std::chrono::seconds(1));
    co_await pause.async_wait(asio::use_awaitable);
  }
}

int run(const Options& options) {
  asio::io_context io(1);
  reap_children(io);
  int status = status_failed;
  auto ended = [&](std::exception_ptr error, int result) {
    status = result;
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& why) {
      say(why.what());
      status = status_failed;
    }
    io.stop();
  };
  asio::co_spawn(io, run_client(io, options), ended);
  // The command must not take the end of this program for the end of its input: it is killed first (CommandSink).
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  auto stop = [&io](boost::system::error_code error, int) {
    if (error) return;
    say("stopped by a signal");
    io.stop();
  };
  signals.async_wait(stop);
  io.run();
  return status;
}

}  // namespace

int client_main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    std::optional<Options> options = parse(argc, argv);
    return options ? run(*options) : status_ok;
  } catch (const std::invalid_argument& wrong) {
    if (*wrong.what() != '\0') say(wrong.what());
    std::fputs(usage, stderr);
    return status_usage;
  } catch (const std::exception& error) {
    say(error.what());
    return status_failed;
  }
}

}  // namespace ka::agent
