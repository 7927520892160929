#pragma once
/// This node's connection to a KA server: finding it, receiving sessions through the chain, reporting.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/machine/sink.h"
#include "base/asio.h"
#include "base/error.h"
#include "net/discovery.h"
#include "wire/disk_offer.h"
#include "wire/identity_note.h"
#include "wire/passphrase.h"
#include "wire/ports.h"
#include "wire/trust/key.h"

namespace ka::agent {

/// The server could not be reached, or the connection to it broke: look for a server again.
class ServerLost : public Error {
  using Error::Error;
};

/// Who answers has not shown the key that this node knows: it was told nothing, and gives nothing.
class NotProven : public ServerLost {
  using ServerLost::ServerLost;
};

/// The server took this node out of the running round (too slow, silent, a new round was needed), not for
/// good: receive the job's first session that was not kept (stage2 is kept) once more, from its beginning.
class PutOut : public Error {
  using Error::Error;
};

struct ServerAddress {
  asio::ip::address_v4 address;
  std::uint16_t control_port = wire::control_port;
};

/// Those that serve the session; none: nobody answered. Throws Error if the question cannot be sent or, of a node that
/// knows no keys to tell them apart by, if there are several. `how_to_choose`: what a person does to name one of them.
Awaitable<std::vector<ServerAddress>> discover(asio::io_context& io, net::Discovery what, std::string how_to_choose,
                                               bool knows_keys);

/// Who this node is, for the server's table and for the operator.
struct NodeIdentity {
  std::string host_name;         ///< may be empty
  std::string hardware_address;  ///< "52:54:00:12:34:56"
  std::string token;             ///< wire::shown_token(); empty: it has none
  bool clones = true;            ///< true: takes a whole clone job; false: one session (ka-client)
  /// Where zstd will be when a packed session begins (stage2's root); empty: on this machine, if it is there now.
  std::string tools_root;
  /// Who has one of these is this node's server, and nobody else is told who it is; empty: whoever answers is.
  std::vector<wire::PublicKey> server_keys;
  bool starts_round = false;  ///< with its first join, the server shall start with the nodes that wait (ka-client -g)
};

struct ReceiveStats {
  std::uint64_t bytes = 0;  ///< that the sink got
  std::chrono::duration<double> elapsed{};
};

/// One control connection. Everything runs on the given io_context's thread.
class ServerLink {
 public:
  virtual ~ServerLink() = default;

  /// Joins `session`, waits until the server starts it, feeds the sink and relays to the next node; returns
  /// after sink.close(), after all that later nodes need from here was passed on, and after the server confirmed that
  /// the digest of the whole stream is the one it sent. Throws PutOut, ServerLost, or Error (the source failed, the
  /// sink failed, the session is refused); the sink is aborted then, unless it was closed already, and the server knows
  /// the reason. Throws at once what the server said since the last session ended.
  virtual Awaitable<ReceiveStats> receive(std::string session, Sink& sink) = 0;

  /// Asks the server whether these disks may be written to now, and waits for its answer. Returns only at the server's
  /// yes, given to this question; throws PutOut, ServerLost or Error otherwise, and at once what the server said since
  /// the last session ended. Nothing on any disk may be changed before it has returned. Returns the passphrases that
  /// came with the yes.
  virtual Awaitable<std::vector<wire::DevicePassphrase>> ask_to_write(std::vector<wire::DiskOffer> disks) = 0;

  /// "partitioning", "formatting sda5", … for the server's table. Never blocks, never throws.
  virtual void report(std::string stage) = 0;

  /// What of the golden machine the clone has not any more, and what it has still, for the server's report. Never
  /// blocks, never throws.
  virtual void tell_identity(std::vector<wire::IdentityNote> notes) = 0;

  /// This node is cloned and verified. Returns when the server releases it to reboot (see -d). Throws ServerLost, or
  /// Error when the server does not count this node (any more).
  virtual Awaitable<void> done() = 0;

  /// This node failed for good in this round, because of `reason`. Returns when the server has heard it, or at
  /// latest after a few seconds.
  virtual Awaitable<void> failed(std::string reason) = 0;
};

/// Connects, and says who this node is once the server has shown a key of identity.server_keys. Throws NotProven,
/// ServerLost, or Error when the server refuses this node (version, session).
Awaitable<std::unique_ptr<ServerLink>> connect(asio::io_context& io, ServerAddress server, NodeIdentity identity);

struct MetServer {
  std::unique_ptr<ServerLink> link;
  ServerAddress server;
};

/// connect()s to the first of these that is this node's; `say` hears of the others why not. Throws as connect() does
/// for the last of them.
Awaitable<MetServer> meet(asio::io_context& io, std::vector<ServerAddress> servers, NodeIdentity identity,
                          std::function<void(const std::string&)> say);

}  // namespace ka::agent
