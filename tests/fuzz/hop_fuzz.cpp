// Any bytes on a data connection: a stream takes them only if place and digest are right.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "wire/node_stream.h"

namespace {

using namespace ka::wire;

void feed(const Start& start, std::string_view bytes) {
  NodeStream stream(start, 4 * longest_chunk);
  ChunkPool pool;
  try {
    while (bytes.size() >= chunk_header_size) {
      const ChunkHeader header = parse_chunk_header(bytes.substr(0, chunk_header_size));
      if (encode(header) != bytes.substr(0, chunk_header_size) && header.kind == ChunkHeader::Kind::data) std::abort();
      bytes.remove_prefix(chunk_header_size);
      if (header.kind == ChunkHeader::Kind::end) {
        stream.take_end(header);
        break;
      }
      if (header.kind == ChunkHeader::Kind::back) {
        stream.take_back(header.offset);
        continue;
      }
      if (!stream.room() || bytes.size() < header.length) break;
      auto chunk = pool.get(header.length);
      chunk->header = header;
      std::memcpy(chunk->room.get(), bytes.data(), header.length);
      bytes.remove_prefix(header.length);
      const std::uint64_t before = stream.ring().end();
      if (header.kind == ChunkHeader::Kind::seal) {
        stream.take_seal(chunk);
        continue;
      }
      stream.take(chunk);
      if (stream.ring().end() != before + header.length) std::abort();
      if (!start.seal.empty() && stream.for_sink()) std::abort();
    }
  } catch (const ProtocolError&) {
  }
  if (!start.seal.empty() && (stream.whole() || stream.position().received != 0)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    HopOpen open = parse_hop_open(bytes.substr(0, hop_open_size));
    if (encode(open) != bytes.substr(0, hop_open_size)) std::abort();
  } catch (const ProtocolError&) {
  }
  // Once without seals, and once with them: as a member that cannot sign, whatever it sends.
  const Signer signer(ka::Secret(std::string(32, 's')));
  const Start plain{1, "s", 1, 4 * longest_chunk, longest_chunk, zstd_packing, "", ""};
  Start sealed = plain;
  sealed.seal.assign(signer.key().begin(), signer.key().end());
  feed(plain, bytes);
  feed(sealed, bytes);
  return 0;
}
