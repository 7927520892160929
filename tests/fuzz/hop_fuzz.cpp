// Any bytes on a data connection: a stream takes them only if place and digest are right.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "wire/node_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ka::wire;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    HopOpen open = parse_hop_open(bytes.substr(0, hop_open_size));
    if (encode(open) != bytes.substr(0, hop_open_size)) std::abort();
  } catch (const ProtocolError&) {
  }
  NodeStream stream(Start{1, "s", 1, 4 * longest_chunk, longest_chunk, zstd_packing}, 4 * longest_chunk);
  ChunkPool pool;
  try {
    while (bytes.size() >= chunk_header_size) {
      const ChunkHeader header = parse_chunk_header(bytes.substr(0, chunk_header_size));
      bytes.remove_prefix(chunk_header_size);
      if (header.kind == ChunkHeader::Kind::end) {
        stream.take_end(header);
        break;
      }
      if (!stream.room() || bytes.size() < header.length) break;
      auto chunk = pool.get(header.length);
      chunk->header = header;
      std::memcpy(chunk->room.get(), bytes.data(), header.length);
      bytes.remove_prefix(header.length);
      const std::uint64_t before = stream.position().received;
      stream.take(chunk);
      if (stream.position().received != before + header.length) std::abort();
    }
  } catch (const ProtocolError&) {
  }
  return 0;
}
