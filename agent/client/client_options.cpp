#include "agent/client/client_options.h"

#include <getopt.h>

#include <cstdio>

#include "base/error.h"
#include "base/text.h"
#include "wire/discovery.h"

namespace ka::agent {

const char* const client_usage =
    "Usage: ka-client -s SESSION --key KEY [-e COMMAND | -o FILE] [options]\n"
    "Receives a session of ka-server send (or of ka-server) and relays it to the next node of the chain.\n"
    "  -s, --session NAME      the session to join\n"
    "  -k, --key KEY[,KEY]     take it from nobody but who has one of these keys: ka-server key shows them\n"
    "  --open                  take it from whoever answers\n"
    "  -e, --execute COMMAND   feed the stream to this shell command\n"
    "  -o, --output FILE       write the stream to this file or block device\n"
    "                          (with neither: to standard output)\n"
    "  -H, --server ADDRESS    do not look for the server: it is there\n"
    "  -i, --interface NAME    look for the server through this network interface only\n"
    "  -p, --port PORT         control port of the server. Default: 30765\n"
    "  -t, --tries N           look for the server so many times, 5 seconds each. Default: 5\n"
    "  -g, --go                start the round now, with the nodes that wait (not for a clone)\n"
    "  -q, --quiet             say only what went wrong\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n"
    "Exit status: 0 only if all bytes came, were right, and the command ended with 0; 1 if not; 2 wrong usage;\n"
    "3 no server found; 130 interrupted (128 + the number of the signal).\n";

namespace {

unsigned number(const char* option, const char* text, std::uint64_t most) {
  auto value = parse_unsigned(text);
  if (!value || *value == 0 || *value > most)
    throw WrongUsage(std::string(option) + " " + text + ": a number from 1 to " + std::to_string(most) + " is needed");
  return static_cast<unsigned>(*value);
}

constexpr int open_option = 256;  // it has no letter

std::vector<wire::PublicKey> server_keys(const char* text) {
  try {
    return wire::parse_public_keys(text);
  } catch (const Error& error) {
    throw WrongUsage(std::string("--key ") + text + ": " + error.what());
  }
}

std::string not_empty(const char* option, const char* text) {
  if (*text == '\0') throw WrongUsage(std::string(option) + ": what follows it is empty");
  return text;
}

}  // namespace

std::optional<ClientOptions> parse_client_options(int argc, char** argv) {
  static const option long_options[] = {
      {"session", required_argument, nullptr, 's'},   {"execute", required_argument, nullptr, 'e'},
      {"output", required_argument, nullptr, 'o'},    {"server", required_argument, nullptr, 'H'},
      {"interface", required_argument, nullptr, 'i'}, {"port", required_argument, nullptr, 'p'},
      {"tries", required_argument, nullptr, 't'},     {"go", no_argument, nullptr, 'g'},
      {"quiet", no_argument, nullptr, 'q'},           {"help", no_argument, nullptr, 'h'},
      {"version", no_argument, nullptr, 'V'},         {"key", required_argument, nullptr, 'k'},
      {"open", no_argument, nullptr, open_option},    {nullptr, 0, nullptr, 0}};
  ClientOptions options;
  bool open = false;
  options.discovery.session.clear();
  for (int c; (c = ::getopt_long(argc, argv, "s:k:e:o:H:i:p:t:gqhV", long_options, nullptr)) != -1;) {
    boost::system::error_code error;
    switch (c) {
      case 's': options.discovery.session = optarg; break;
      case 'e': options.command = not_empty("-e", optarg); break;
      case 'o': options.file = not_empty("-o", optarg); break;
      case 'H':
        options.server = asio::ip::make_address_v4(optarg, error);
        if (error) throw WrongUsage(std::string("-H ") + optarg + ": an IPv4 address is needed");
        break;
      case 'i': options.discovery.interface = not_empty("-i", optarg); break;
      case 'p': options.discovery.port = static_cast<std::uint16_t>(number("-p", optarg, 65535)); break;
      case 't': options.tries = number("-t", optarg, 1'000'000); break;
      case 'k': options.keys = server_keys(optarg); break;
      case open_option: open = true; break;
      case 'g': options.go = true; break;
      case 'q': options.quiet = true; break;
      case 'h': std::fputs(client_usage, stdout); return std::nullopt;
      case 'V': std::puts("ka-client " KA_VERSION); return std::nullopt;
      default: throw WrongUsage("");
    }
  }
  if (optind < argc) throw WrongUsage(std::string("what is ") + argv[optind] + "?");
  if (!wire::is_session_name(options.discovery.session))
    throw WrongUsage("-s SESSION is needed: letters, digits, . _ and -, 64 at most");
  if (open == !options.keys.empty())
    throw WrongUsage(open ? "either --key or --open, not both"
                          : "--key KEY is needed, which the server's ka-server key shows; or --open, to take it from "
                            "whoever answers");
  if (!options.command.empty() && !options.file.empty()) throw WrongUsage("either -e or -o, not both");
  return options;
}

}  // namespace ka::agent
