#pragma once
/// The receiving end of a hop.

#include <array>
#include <cstddef>
#include <span>

#include "base/asio.h"
#include "wire/chunk.h"

namespace ka::agent {

/// Takes headers and chunks out of a socket, in turn. The kernel is told how much is waited for, so that this process
/// wakes once per chunk and not for every packet of it.
class HopReader {
 public:
  /// The socket must live as long as this.
  explicit HopReader(asio::ip::tcp::socket& socket);

  /// Throws ProtocolError, or what the socket reports.
  Awaitable<wire::ChunkHeader> header();
  /// All the bytes of the chunk whose header was read.
  Awaitable<void> bytes(std::span<std::byte> room);

 private:
  void wait_for(std::size_t size);

  asio::ip::tcp::socket& socket_;
  std::array<char, wire::chunk_header_size> header_;
  std::size_t have_ = 0;  ///< of the next header
  bool can_wait_ = true;
  std::size_t awaited_ = 1;
};

}  // namespace ka::agent
