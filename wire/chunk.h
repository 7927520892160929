#pragma once
/// Chunks: the pieces a stream is cut into by the server and that travel unchanged from node to node
/// (docs/protocol.md, "Hops").

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.h"

namespace ka::wire {

inline constexpr std::uint32_t longest_chunk = 64 * 1024;
inline constexpr std::uint32_t least_chunk = 512;  ///< a server cuts its stream no finer
/// A window holds at least so many.
inline constexpr std::uint64_t least_chunks_in_window = 4;
inline constexpr std::size_t chunk_header_size = 32;
inline constexpr std::size_t hop_open_size = 32;

/// In front of every chunk, and alone as the end of the stream.
struct ChunkHeader {
  enum class Kind : std::uint8_t {
    data = 1,
    end = 2,
    seal = 3,  ///< of a sealed stream (wire/sealing.h): proves the run of chunks before it
    back = 4   ///< of a sealed stream: what came since that offset counts for nothing, and comes again
  };

  Kind kind = Kind::data;
  bool packed = false;       ///< data: the sink gets it unpacked (Start::packing)
  bool last = false;         ///< seal: nothing but the end mark follows
  std::uint32_t length = 0;  ///< data: 1 … longest_chunk; seal: 64; else 0
  std::uint64_t offset = 0;  ///< of its first byte in the stream; for the end: bytes in all; seal: where its run ends
  Digest digest{};           ///< data: of offset and bytes; end: of the whole stream (StreamDigest); else zeros
};

std::string encode(const ChunkHeader& header);
/// Throws ProtocolError for an unknown kind, a length out of bounds, an offset that overflows.
ChunkHeader parse_chunk_header(std::string_view bytes);

/// The mark that takes back what was sent since `offset`.
ChunkHeader back_to(std::uint64_t offset);

/// What the receiver says first on a data connection: which stream, and from which byte on.
struct HopOpen {
  std::uint64_t stream = 0;
  std::uint32_t epoch = 0;
  std::uint64_t offset = 0;
};

std::string encode(const HopOpen& open);
HopOpen parse_hop_open(std::string_view bytes);

/// What header.digest must be in a stream without seals: XXH3-128 of the bytes, with the offset as its seed, so that a
/// right chunk in a wrong place is wrong; the seed's highest bit tells packed ones from others.
Digest chunk_digest(const ChunkHeader& header, std::span<const std::byte> bytes);

/// What is said of a chunk whose digest is wrong, or that does not begin where one is due.
std::string damaged(std::uint64_t offset);
std::string out_of_place(std::uint64_t offset, std::uint64_t due);

/// The digest of a whole stream: XXH3-128 over the headers of its chunks, in order. Since every header holds
/// the digest of its bytes, checked at every hop, this covers every byte and costs next to nothing.
class StreamDigest {
 public:
  StreamDigest();
  ~StreamDigest();
  StreamDigest(const StreamDigest&) = delete;
  StreamDigest& operator=(const StreamDigest&) = delete;

  void add(const ChunkHeader& header);
  Digest value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A chunk in memory; header.length bytes of its room count.
struct Chunk {
  explicit Chunk(std::uint32_t size) : room(std::make_unique_for_overwrite<std::byte[]>(size)) {}

  ChunkHeader header;
  std::unique_ptr<std::byte[]> room;

  std::span<const std::byte> bytes() const { return {room.get(), header.length}; }
  std::uint64_t end() const { return header.offset + header.length; }
};

using ChunkPtr = std::shared_ptr<const Chunk>;

/// Hands out chunks and takes them back when their last user is gone: a fresh 64 KiB from the allocator costs
/// page faults each time. Chunks may outlive the pool.
class ChunkPool {
 public:
  ChunkPool() : free_(std::make_shared<std::vector<std::unique_ptr<Chunk>>>()) {}
  /// With room for `size` bytes, at most longest_chunk. One that needs far less than the longest gets no more than
  /// that, so that nobody can make this machine hold 64 KiB for every byte.
  std::shared_ptr<Chunk> get(std::uint32_t size = longest_chunk);

 private:
  std::shared_ptr<std::vector<std::unique_ptr<Chunk>>> free_;
};

}  // namespace ka::wire
