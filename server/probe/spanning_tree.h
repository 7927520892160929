#pragma once
/// Whether the switch at the other end of a cable speaks the spanning tree protocol (IEEE 802.1D), which may keep a
/// machine's packets back for half a minute after its card was switched on; firmware has given up by then. How long it
/// really takes is not measured: that would take this machine's own network away.

#include <string>

#include "base/asio.h"

namespace ka::server {

class SpanningTree {
 public:
  /// Listens as long as it lives; a switch speaks every two seconds. Where the kernel does not let it, it hears
  /// nothing.
  SpanningTree(asio::io_context& io, int interface);

  /// A sentence; empty: no switch has spoken.
  std::string heard();

 private:
  asio::posix::stream_descriptor packets_;
};

/// The sentence for a packet without its Ethernet header; empty: it is none of this protocol.
std::string spanning_tree_text(std::string_view packet);

}  // namespace ka::server
