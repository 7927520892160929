#include "wire/chunk.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstring>
#include <limits>

namespace ka::wire {

namespace {

constexpr std::uint32_t hop_magic = 0x4b414831;  // "KAH1"
constexpr std::uint8_t packed_flag = 1, last_flag = 2;
constexpr std::uint32_t signature_size = 64;

Digest canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  Digest digest;
  std::memcpy(digest.data(), bytes.digest, digest.size());
  return digest;
}

}  // namespace

std::string encode(const ChunkHeader& header) {
  std::string bytes;
  bytes.reserve(chunk_header_size);
  Writer writer(bytes);
  writer(static_cast<std::uint8_t>(header.kind));
  writer(static_cast<std::uint8_t>((header.packed ? packed_flag : 0) | (header.last ? last_flag : 0)));
  writer(std::uint16_t{0});
  writer(header.length);
  writer(header.offset);
  writer(header.digest);
  return bytes;
}

ChunkHeader parse_chunk_header(std::string_view bytes) {
  Reader reader(bytes);
  std::uint8_t kind = 0, flags = 0;
  std::uint16_t reserved = 0;
  ChunkHeader header;
  reader(kind);
  reader(flags);
  reader(reserved);
  reader(header.length);
  reader(header.offset);
  reader(header.digest);
  reader.finish();
  if (kind < 1 || kind > 4) throw ProtocolError("not a chunk: wrong first byte");
  header.kind = static_cast<ChunkHeader::Kind>(kind);
  const bool data = header.kind == ChunkHeader::Kind::data, seal = header.kind == ChunkHeader::Kind::seal;
  const std::uint8_t known_flags = data ? packed_flag : seal ? last_flag : 0;
  if ((flags & ~known_flags) != 0 || reserved != 0) throw ProtocolError("a chunk with unknown flags");
  header.packed = (flags & packed_flag) != 0;
  header.last = (flags & last_flag) != 0;
  const std::uint32_t fixed = seal ? signature_size : 0;
  if (data ? header.length == 0 || header.length > longest_chunk : header.length != fixed)
    throw ProtocolError("a chunk of " + std::to_string(header.length) + " bytes");
  if (header.offset > std::numeric_limits<std::uint64_t>::max() - header.length)
    throw ProtocolError("a chunk behind the end of all streams");
  return header;
}

ChunkHeader back_to(std::uint64_t offset) {
  ChunkHeader mark;
  mark.kind = ChunkHeader::Kind::back;
  mark.offset = offset;
  return mark;
}

std::string encode(const HopOpen& open) {
  std::string bytes;
  Writer writer(bytes);
  writer(hop_magic);
  writer(std::uint16_t{1});
  writer(std::uint16_t{0});
  writer(open.stream);
  writer(open.epoch);
  writer(std::uint32_t{0});
  writer(open.offset);
  return bytes;
}

HopOpen parse_hop_open(std::string_view bytes) {
  Reader reader(bytes);
  std::uint32_t magic = 0, authentication = 0;
  std::uint16_t version = 0, flags = 0;
  HopOpen open;
  reader(magic);
  reader(version);
  reader(flags);
  reader(open.stream);
  reader(open.epoch);
  reader(authentication);
  reader(open.offset);
  reader.finish();
  if (magic != hop_magic) throw ProtocolError("not a KA data connection: wrong first bytes");
  if (version != 1)
    throw ProtocolError("a data connection of version " + std::to_string(version) + "; this is version 1");
  if (flags != 0 || authentication != 0) throw ProtocolError("a data connection with unknown flags");
  return open;
}

Digest chunk_digest(const ChunkHeader& header, std::span<const std::byte> bytes) {
  const std::uint64_t seed = header.offset ^ (header.packed ? std::uint64_t{1} << 63 : 0);
  return canonical(XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed));
}

std::string damaged(std::uint64_t offset) {
  return "the chunk at " + std::to_string(offset) + " was damaged on its way";
}

std::string out_of_place(std::uint64_t offset, std::uint64_t due) {
  return "a chunk at " + std::to_string(offset) + " where one at " + std::to_string(due) + " was due";
}

struct StreamDigest::State {
  XXH3_state_t hash;
};

StreamDigest::StreamDigest() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->hash); }
StreamDigest::~StreamDigest() = default;

void StreamDigest::add(const ChunkHeader& header) {
  std::string bytes = encode(header);
  XXH3_128bits_update(&state_->hash, bytes.data(), bytes.size());
}

Digest StreamDigest::value() const { return canonical(XXH3_128bits_digest(&state_->hash)); }

std::shared_ptr<Chunk> ChunkPool::get(std::uint32_t size) {
  if (size <= longest_chunk / 2) return std::make_shared<Chunk>(size);
  std::unique_ptr<Chunk> chunk;
  if (free_->empty()) {
    chunk = std::make_unique<Chunk>(longest_chunk);
  } else {
    chunk = std::move(free_->back());
    free_->pop_back();
  }
  auto give_back = [free = free_](Chunk* used) { free->emplace_back(used); };
  return {chunk.release(), give_back};
}

}  // namespace ka::wire
