#pragma once
/// A sealed stream (docs/protocol.md, "Seals"): the server signs runs of chunks, and nobody uses a byte before the run
/// that it is in was found right. So no member of the chain, nor several together, can make another take what the
/// server did not send, in another place, of another stream, or less of it than there is. No I/O.
///
/// A relay passes chunks on before their seal has come. What it then finds false it takes back (ChunkHeader::Kind::
/// back), and a seal it passes on only after its run was right: so who sends a run and a seal that do not go together
/// has altered them.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/secret.h"
#include "wire/chunk.h"
#include "wire/trust/seal.h"

namespace ka::wire {

/// A seal is not the server's: whoever sent it, and the run before it, has altered one of them.
class Forged : public ProtocolError {
  using ProtocolError::ProtocolError;
};

/// Bytes of a run, at most; less where a window is small.
inline constexpr std::uint64_t longest_run = 4u << 20;

/// The chunks since the last seal: what the next one is over.
class Run {
 public:
  explicit Run(std::uint64_t stream) : stream_(stream) {}

  std::uint64_t begin() const { return begin_; }
  bool empty() const { return records_.empty(); }
  void add(const ChunkHeader& header, const Hash& hash);
  /// Only the chunks in front of `offset` are left.
  void go_back(std::uint64_t offset);
  /// What is signed when it ends at `end`.
  std::string statement(std::uint64_t end, bool last) const;
  /// Its chunks count for the digest of the whole stream, and the next one begins.
  void close(std::uint64_t end, StreamDigest& digest);

 private:
  std::uint64_t stream_;
  std::uint64_t begin_ = 0;
  std::string records_;  ///< of each chunk: its header as on the wire, and its hash
};

/// The first half of a chunk's BLAKE3 hash, which is its digest in a sealed stream.
Digest digest_of(const Hash& hash);

/// What the server draws for a sealed stream.
struct StreamKeys {
  Signer signer;
  Secret cipher;  ///< of its bytes: 32 random bytes, or none: they are not encrypted
};

/// The server's side.
class Sealer {
 public:
  /// `signer`: for this stream alone.
  Sealer(std::uint64_t stream, Signer signer) : signer_(std::move(signer)), run_(stream) {}

  const SealKey& key() const { return signer_.key(); }
  /// Sets the digest of a chunk whose header is complete but for it.
  void add(Chunk& chunk);
  bool has_open_run() const { return !run_.empty(); }
  std::uint64_t begin() const { return run_.begin(); }
  /// Ends the run at `end`, where the last chunk that was added does.
  ChunkPtr seal(std::uint64_t end, bool last, StreamDigest& digest);

 private:
  Signer signer_;
  Run run_;
};

/// The side of a node: what came, and what of it is proved.
class SealCheck {
 public:
  SealCheck(std::uint64_t stream, const SealKey& key, std::uint64_t window)
      : key_(key), window_(window), run_(stream) {}

  /// The next chunk. Throws ProtocolError, and has not changed, when its digest is wrong, or a seal was due before it.
  void add(const Chunk& chunk);
  /// Whether it proves nothing new: seals come again where a hop begins anew.
  bool is_known(const Chunk& seal) const {
    return run_.empty() && seal.header.offset == run_.begin() && (last_ || !seal.header.last);
  }
  /// Throws Forged, and has not changed, when it does not prove what came since the last one.
  void take(const Chunk& seal, StreamDigest& digest);
  void go_back(std::uint64_t offset) { run_.go_back(offset); }

  std::uint64_t proved() const { return run_.begin(); }  ///< bytes
  bool is_last() const { return last_; }                 ///< the whole stream is proved

 private:
  SealKey key_;
  std::uint64_t window_;
  Run run_;
  bool last_ = false;
};

}  // namespace ka::wire
