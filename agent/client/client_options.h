#pragma once
/// The command line of ka-client (docs/ka-client.1).

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/asio.h"
#include "net/discovery.h"
#include "wire/trust/key.h"

namespace ka::agent {

struct ClientOptions {
  net::Discovery discovery;
  std::optional<asio::ip::address_v4> server;
  std::vector<wire::PublicKey> keys;  ///< of servers that may send; empty: any may (--open)
  std::string command, file;          ///< both empty: standard output
  unsigned tries = 5;
  bool go = false;
  bool quiet = false;
};

/// A command line that cannot be followed; what() may be empty if the reason was told.
class WrongUsage : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

extern const char* const client_usage;

/// nullopt: there is nothing left to do (help). Throws WrongUsage.
std::optional<ClientOptions> parse_client_options(int argc, char** argv);

}  // namespace ka::agent
