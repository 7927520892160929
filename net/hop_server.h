#pragma once
/// The sending end of a hop, on the server and on every node: listens for the next node of the chain and feeds it from
/// a ring.

#include <chrono>
#include <memory>
#include <optional>

#include "base/asio.h"
#include "net/signal.h"
#include "wire/chunk.h"
#include "wire/ring.h"

namespace ka::net {

class HopServer {
 public:
  /// Listens at once. With `any_port_will_do`, a port that is taken is replaced by another one.
  /// Throws Error when it cannot listen.
  HopServer(asio::io_context& io, asio::ip::address_v4 address, std::uint16_t port, bool any_port_will_do);
  ~HopServer();
  HopServer(const HopServer&) = delete;
  HopServer& operator=(const HopServer&) = delete;

  std::uint16_t port() const;

  /// From now on, serves whoever opens a hop of `stream`; of several of one address, the one with the highest epoch.
  /// Both must stay where they are until detach().
  void attach(std::uint64_t stream, const wire::Ring& ring, const std::optional<wire::ChunkHeader>& end);
  /// The ring has more, or the end is known.
  void moved();
  /// The ring was truncated: who got more than `offset` bytes of it is told that they count for nothing.
  void went_back(std::uint64_t offset);
  /// So long, since attach(), something was under way to the node that came last.
  std::chrono::microseconds busy() const;
  /// Cuts the hop off, also in the midst of a chunk.
  void detach();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::net
