#pragma once
/// The messages of a control connection (docs/protocol.md, "Control connection"): frames of a 32-bit length, a type
/// octet and fields. The length counts the type and the fields.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/codec.h"
#include "wire/disk_offer.h"
#include "wire/identity_note.h"
#include "wire/trust/noise.h"

namespace ka::wire {

inline constexpr std::uint32_t hello_magic = 0x4b414d31;  ///< "KAM1"
inline constexpr std::uint16_t protocol_version = 3;
/// Optional abilities, as bits; used only when both sides have them.
inline constexpr std::uint64_t feature_zstd = 1;  ///< can unpack a zstd stream in front of its sink
inline constexpr std::uint64_t known_features = feature_zstd;
inline constexpr const char* zstd_packing = "zstd";
inline constexpr std::size_t longest_message = 16 * 1024;

// From a node. Every struct lists its fields, in their order on the wire, in each().

/// The first message of a connection (wire/greeting.h). magic and version stay where they are in every version to come.
struct Hello {
  static constexpr std::uint8_t type = 1;
  std::uint32_t magic = hello_magic;
  std::uint16_t version = protocol_version;
  std::string handshake;  ///< Noise NK, the first message; empty: whoever answers is believed (level open)

  template <typename F>
  void each(F& f) {
    f(magic), f(version), f(handshake);
  }
};

/// Who this node is. Said when it knows whom it talks to; the answer is Admitted, or Refused.
struct Introduction {
  static constexpr std::uint8_t type = 13;
  std::uint64_t features = 0;
  bool clones = false;           ///< takes a whole clone job, else one session
  std::uint16_t data_port = 0;   ///< where the next node of the chain may connect
  std::uint64_t ring = 0;        ///< bytes of the stream it can hold
  std::string host_name;         ///< may be empty
  std::string hardware_address;  ///< "52:54:00:12:34:56", may be empty
  std::string token;             ///< shown_token() (wire/boot_tokens.h); empty: it was given none

  template <typename F>
  void each(F& f) {
    f(features), f(clones), f(data_port), f(ring), f(host_name), f(hardware_address), f(token);
  }
};

/// Wants this session, from its beginning.
struct Join {
  static constexpr std::uint8_t type = 2;
  std::string session;

  template <typename F>
  void each(F& f) {
    f(session);
  }
};

/// How far it is. Sent often while bytes flow: it is also what lets the server read on.
struct Position {
  static constexpr std::uint8_t type = 3;
  std::uint64_t stream = 0;
  std::uint64_t received = 0;    ///< bytes held or used, without a gap
  std::uint64_t sunk = 0;        ///< bytes its sink took
  std::uint64_t sink_busy = 0;   ///< microseconds the sink was at work for them
  std::uint64_t relay_busy = 0;  ///< microseconds something was under way to the next member
  bool whole = false;            ///< the end mark came too, and the digest of the stream was right

  template <typename F>
  void each(F& f) {
    f(stream), f(received), f(sunk), f(sink_busy), f(relay_busy), f(whole);
  }
};

/// The connection it gets its data from is of no use (any more).
struct UpstreamLost {
  static constexpr std::uint8_t type = 4;
  std::uint64_t stream = 0;
  std::uint32_t epoch = 0;
  std::uint64_t held = 0;  ///< bytes that had come, proved or not
  bool forged = false;     ///< what came is not what the server signed
  std::string why;

  template <typename F>
  void each(F& f) {
    f(stream), f(epoch), f(held), f(forged), f(why);
  }
};

/// The stream is whole, its digest right as far as this node can tell, and the sink has ended well. The answer is Over
/// once nobody needs this node's copy any more, or StreamFailed when the server knows of another digest.
struct Finished {
  static constexpr std::uint8_t type = 5;
  std::uint64_t stream = 0;
  std::uint64_t bytes = 0;
  Digest digest{};

  template <typename F>
  void each(F& f) {
    f(stream), f(bytes), f(digest);
  }
};

/// This node is out of the round for good, for a reason of its own (sink, disk, a tool).
struct Failed {
  static constexpr std::uint8_t type = 6;
  std::string reason;

  template <typename F>
  void each(F& f) {
    f(reason);
  }
};

/// What it is doing, for the table.
struct Stage {
  static constexpr std::uint8_t type = 7;
  std::string text;

  template <typename F>
  void each(F& f) {
    f(text);
  }
};

/// May these disks be written to now? Nothing on them is changed before the answer, which names the same question.
struct Ready {
  static constexpr std::uint8_t type = 11;
  std::uint64_t question = 0;    ///< random, another one each time
  std::vector<DiskOffer> disks;  ///< fitted() to a message

  template <typename F>
  void each(F& f) {
    f(question), f(disks);
  }
};

/// What of the golden machine this clone has not any more, and what it has still. Once it has everything.
struct Identity {
  static constexpr std::uint8_t type = 12;
  std::vector<IdentityNote> notes;  ///< fitted() to a message

  template <typename F>
  void each(F& f) {
    f(notes);
  }
};

/// Cloned and verified; waits for Release, or is refused when the server had taken it out of the round before.
struct Done {
  static constexpr std::uint8_t type = 8;

  template <typename F>
  void each(F&) {}
};

struct Pong {
  static constexpr std::uint8_t type = 9;
  std::uint64_t token = 0;

  template <typename F>
  void each(F& f) {
    f(token);
  }
};

/// Starts the round with who is there (ka-client -g).
struct Go {
  static constexpr std::uint8_t type = 10;

  template <typename F>
  void each(F&) {}
};

// From the server.

/// The answer to Hello.
struct Welcome {
  static constexpr std::uint8_t type = 65;
  std::uint16_t version = protocol_version;
  std::string handshake;  ///< Noise NK, the second message; empty where Hello's was

  template <typename F>
  void each(F& f) {
    f(version), f(handshake);
  }
};

/// The answer to Introduction.
struct Admitted {
  static constexpr std::uint8_t type = 76;
  std::uint64_t features = known_features;

  template <typename F>
  void each(F& f) {
    f(features);
  }
};

/// The server will not serve this node; it closes the connection.
struct Refused {
  static constexpr std::uint8_t type = 66;
  std::string reason;

  template <typename F>
  void each(F& f) {
    f(reason);
  }
};

/// The session that was joined begins.
struct Start {
  static constexpr std::uint8_t type = 67;
  std::uint64_t stream = 0;  ///< names this run of this session, hard to guess
  std::string session;
  std::uint32_t round = 0;
  std::uint64_t window = 0;  ///< bytes the node must be able to hold; never more than Hello::ring
  std::uint32_t chunk = 0;   ///< no chunk is longer
  std::string packing;       ///< "" or zstd_packing: what its packed chunks are packed with
  std::string seal;          ///< the key that verifies its seals (wire/sealing.h); "": it has none
  std::string cipher;        ///< the key of its bytes (scramble() in wire/trust/seal.h); "": they are plain

  template <typename F>
  void each(F& f) {
    f(stream), f(session), f(round), f(window), f(chunk), f(packing), f(seal), f(cipher);
  }
};

/// From this epoch on, get the data from there.
struct Link {
  static constexpr std::uint8_t type = 68;
  std::uint64_t stream = 0;
  std::uint32_t epoch = 0;
  Endpoint upstream;

  template <typename F>
  void each(F& f) {
    f(stream), f(epoch), f(upstream);
  }
};

/// The answer to Finished: the digest is the server's too, and nobody needs this node's copy (any more). Only now has
/// the node received the session.
struct Over {
  static constexpr std::uint8_t type = 69;
  std::uint64_t stream = 0;

  template <typename F>
  void each(F& f) {
    f(stream);
  }
};

/// Out of the running round; join the first session that was not kept for the next one.
struct PutOut {
  static constexpr std::uint8_t type = 70;
  std::string reason;

  template <typename F>
  void each(F& f) {
    f(reason);
  }
};

/// The stream will never be whole: its source failed, or the operator ended the round.
struct StreamFailed {
  static constexpr std::uint8_t type = 71;
  std::uint64_t stream = 0;
  std::string reason;

  template <typename F>
  void each(F& f) {
    f(stream), f(reason);
  }
};

/// The yes to the Ready that asked this question.
struct MayWrite {
  static constexpr std::uint8_t type = 75;
  std::uint64_t question = 0;
  std::vector<DevicePassphrase> passphrases;  ///< of what is encrypted, unless they are asked for at the node

  template <typename F>
  void each(F& f) {
    f(question), f(passphrases);
  }
};

/// The answer to Done, when it is this node's turn to reboot.
struct Release {
  static constexpr std::uint8_t type = 72;

  template <typename F>
  void each(F&) {}
};

struct Ping {
  static constexpr std::uint8_t type = 73;
  std::uint64_t token = 0;

  template <typename F>
  void each(F& f) {
    f(token);
  }
};

/// The answer to Failed.
struct Heard {
  static constexpr std::uint8_t type = 74;

  template <typename F>
  void each(F&) {}
};

using Message = std::variant<Hello, Join, Position, UpstreamLost, Finished, Failed, Stage, Done, Pong, Go, Welcome,
                             Refused, Start, Link, Over, PutOut, StreamFailed, Release, Ping, Heard, Ready, MayWrite,
                             Identity, Introduction, Admitted>;

/// The whole frame.
std::string encode(const Message& message);
/// The frame of an encrypted connection: the length in clear, and so many bytes that only the other side can read.
std::string encode(const Message& message, Cipher& cipher);

/// The message in a frame without its length. Throws ProtocolError. Of a Hello or Welcome of another version only
/// the fields up to the version are looked at, so that the difference can be named.
Message decode(std::string_view type_and_fields);

/// Cuts a byte stream into messages.
class MessageDecoder {
 public:
  void feed(std::string_view bytes) { pending_.append(bytes); }
  /// What was not taken yet, and all that comes, is encrypted.
  void decrypts(Cipher cipher) { cipher_ = std::move(cipher); }
  /// The next whole message. Throws ProtocolError at once when a length is out of bounds, NotAuthentic when somebody
  /// else than the other side has a hand in what it says.
  std::optional<Message> next();

 private:
  std::optional<Cipher> cipher_;
  std::string pending_;
  std::size_t used_ = 0;
};

}  // namespace ka::wire
