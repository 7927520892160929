#include "wire/sealing.h"

#include <algorithm>
#include <cstring>

namespace ka::wire {

namespace {

constexpr std::size_t record_size = chunk_header_size + sizeof(Hash);

std::string_view record(const std::string& records, std::size_t number) {
  return std::string_view(records).substr(number * record_size, record_size);
}

ChunkHeader header_of(std::string_view record) { return parse_chunk_header(record.substr(0, chunk_header_size)); }

std::string_view text_of(const Hash& hash) { return {reinterpret_cast<const char*>(hash.data()), hash.size()}; }

}  // namespace

Digest digest_of(const Hash& hash) {
  Digest digest;
  std::copy_n(hash.begin(), digest.size(), digest.begin());
  return digest;
}

void Run::add(const ChunkHeader& header, const Hash& hash) {
  records_ += encode(header);
  records_ += text_of(hash);
}

void Run::go_back(std::uint64_t offset) {
  while (!records_.empty() && header_of(record(records_, records_.size() / record_size - 1)).offset >= offset)
    records_.resize(records_.size() - record_size);
}

std::string Run::statement(std::uint64_t end, bool last) const {
  std::string text = "KA seal 1";
  Writer writer(text);
  writer(stream_);
  writer(begin_);
  writer(end);
  writer(last);
  text += text_of(hash_of(std::as_bytes(std::span(records_))));
  return text;
}

void Run::close(std::uint64_t end, StreamDigest& digest) {
  for (std::size_t i = 0; i < records_.size() / record_size; ++i) digest.add(header_of(record(records_, i)));
  records_.clear();
  begin_ = end;
}

void Sealer::add(Chunk& chunk) {
  const Hash hash = hash_of(chunk.bytes());
  chunk.header.digest = digest_of(hash);
  run_.add(chunk.header, hash);
}

ChunkPtr Sealer::seal(std::uint64_t end, bool last, StreamDigest& digest) {
  const Signature signature = signer_.sign(run_.statement(end, last));
  auto seal = std::make_shared<Chunk>(static_cast<std::uint32_t>(signature.size()));
  seal->header.kind = ChunkHeader::Kind::seal;
  seal->header.last = last;
  seal->header.length = static_cast<std::uint32_t>(signature.size());
  seal->header.offset = end;
  std::memcpy(seal->room.get(), signature.data(), signature.size());
  run_.close(end, digest);
  return seal;
}

void SealCheck::add(const Chunk& chunk) {
  if (last_) throw ProtocolError("a chunk behind the last seal");
  if (chunk.end() > run_.begin() + window_ / 2) throw ProtocolError("a chunk where a seal was due");
  const Hash hash = hash_of(chunk.bytes());
  if (digest_of(hash) != chunk.header.digest) throw ProtocolError(damaged(chunk.header.offset));
  run_.add(chunk.header, hash);
}

void SealCheck::take(const Chunk& seal, StreamDigest& digest) {
  Signature signature;
  if (last_ || seal.header.length != signature.size()) throw ProtocolError("a seal where none is due");
  std::memcpy(signature.data(), seal.room.get(), signature.size());
  if (!is_signed(key_, run_.statement(seal.header.offset, seal.header.last), signature))
    throw Forged("what it sent from " + std::to_string(run_.begin()) + " to " + std::to_string(seal.header.offset) +
                 " is not what the server signed");
  run_.close(seal.header.offset, digest);
  last_ = seal.header.last;
}

}  // namespace ka::wire
