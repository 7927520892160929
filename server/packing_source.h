#pragma once
/// A source whose bytes go through the zstd program on their way: sessions with compression.

#include <string>

#include "server/source.h"

namespace ka::server {

/// What a session's compression asks for: "off", "auto" or a level from 1 to 19. Throws Error for anything else.
void check_compression(const std::string& compression);

/// Whether this machine has the zstd program.
bool can_pack();

class PackingSource final : public Source {
 public:
  /// "auto" lets zstd find the level at which it is as fast as its output is taken.
  PackingSource(asio::io_context& io, std::unique_ptr<Source> inner, const std::string& compression);
  ~PackingSource() override;

  Awaitable<std::size_t> read(std::span<std::byte> room) override;
  Awaitable<std::vector<std::string>> finish() override;

  /// Bytes that the inner source gave so far.
  std::uint64_t unpacked() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
