#pragma once
/// A source as the chain wants it: in chunks, packed by the zstd program where that was asked for and pays.

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server/job/filter.h"
#include "server/job/source.h"
#include "wire/chunk.h"
#include "wire/packing_choice.h"

namespace ka::server {

/// What a session's compression asks for: "off", "auto" or a level from 1 to 19. Throws Error for anything else.
void check_compression(const std::string& compression);

/// Whether this machine has the zstd program.
bool can_pack();

class ChunkSource {
 public:
  /// With "auto", wire/packing_choice.h decides what is packed, and zstd about the level. `start_packing` starts zstd
  /// for this compression; without it, it is a child of this process.
  ChunkSource(asio::io_context& io, std::unique_ptr<Source> source, const std::string& compression, wire::Time now,
              StartFilter start_packing = {});
  /// Of bytes that zstd has packed already. How far the unpacked ones are is told by the share that was read.
  struct Packed {
    std::uint64_t packed = 0, unpacked = 0;  ///< bytes in all
  };
  ChunkSource(asio::io_context& io, std::unique_ptr<Source> source, Packed sizes);
  ~ChunkSource();
  ChunkSource(const ChunkSource&) = delete;
  ChunkSource& operator=(const ChunkSource&) = delete;

  /// Sets length and packed of the header, and the bytes. False: the source is at its end; the chunk may hold its last
  /// bytes then, or none. Throws Error if reading or packing fails.
  Awaitable<bool> fill(wire::Chunk& chunk);
  /// After the end; as Source::finish().
  Awaitable<std::vector<std::string>> finish();

  /// How far it shall be read past what the first member has.
  std::uint64_t read_ahead(std::uint64_t window) const;
  /// After each chunk: where the stream is now, what all members have of it, and how long it was not read for them.
  void look(wire::Time now, std::uint64_t stream_end, std::uint64_t floor, wire::Time waited);

  bool packs() const;
  /// Bytes as the source gave them: all so far; those that every member has; those that were packed, and into how many.
  std::uint64_t unpacked() const;
  std::uint64_t through() const { return through_; }
  std::uint64_t packed_in() const;
  std::uint64_t packed_out() const;

 private:
  struct State;
  struct Mark {
    std::uint64_t stream, unpacked;
  };

  std::shared_ptr<State> state_;
  std::optional<wire::PackingChoice> choice_;
  std::deque<Mark> marks_;  ///< ends of chunks that some member does not have
  std::uint64_t through_ = 0;
};

}  // namespace ka::server
