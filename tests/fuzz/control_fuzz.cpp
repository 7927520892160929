// Any bytes on a control connection: refused, or messages that mean the same when they are sent on. In clear, encrypted
// by who has the keys, and as the first word of either side.

#include <cstdint>
#include <cstdlib>

#include "wire/greeting.h"
#include "wire/job_machine.h"
#include "wire/messages.h"

namespace {

// Whatever a stranger says must not disturb the server's state machine either.
class Silent final : public ka::wire::JobOutput {
 public:
  void send(ka::wire::NodeId, const ka::wire::Message&) override {}
  void close(ka::wire::NodeId) override {}
  void event(const std::string&) override {}
  void changed(const ka::wire::NodeRow&) override {}
  std::uint64_t random() override { return 1; }
  void stream_started(std::size_t, unsigned, unsigned) override {}
  void stream_moved() override {}
  void stream_ended(bool) override {}
  void ask_operator(const std::vector<ka::wire::WriteRequest>&) override {}
};

using namespace ka::wire;

ka::Secret secret(char of) { return ka::Secret(std::string(32, of)); }

// As a server's answer to a node, and as a node's first word to a server. Nobody here has the key: neither is believed.
void greet_with(const Message& message) {
  static const KeyPair key(secret('k'));
  for (const std::optional<KeyPair>& own : {std::optional<KeyPair>(key), std::optional<KeyPair>()}) {
    try {
      if (greet(message, own, secret('s')).ciphers) std::abort();
    } catch (const NotWelcome&) {
    }
    try {
      NodeGreeting node(own ? std::optional(own->public_key()) : std::nullopt, secret('n'));
      const bool proven = node.accept(message).has_value();
      if (proven || own) std::abort();
    } catch (const Unproven&) {
      if (!own) std::abort();
    } catch (const TurnedAway&) {
      if (own) std::abort();
    }
  }
}

// Its sender has the keys: what is in it is all that can be wrong.
void decrypted(std::string_view content) {
  if (content.empty() || content.size() > longest_message) return;
  Cipher out(secret('c'));
  MessageDecoder decoder;
  decoder.decrypts(Cipher(secret('c')));
  std::string frame;
  Writer writer(frame);
  writer(static_cast<std::uint32_t>(content.size() + Cipher::overhead));
  decoder.feed(frame + out.encrypt(content));
  try {
    const auto message = decoder.next();
    if (!message || encode(*message) != encode(decode(content))) std::abort();
  } catch (const ProtocolError&) {
  }
}

// Whoever has not the keys gets nothing through.
void forged(std::string_view bytes) {
  MessageDecoder decoder;
  decoder.decrypts(Cipher(secret('c')));
  decoder.feed(bytes);
  try {
    if (decoder.next()) std::abort();
  } catch (const ProtocolError&) {
  } catch (const NotAuthentic&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decrypted(bytes);
  forged(bytes);
  Silent output;
  JobRules rules;
  rules.sessions.push_back({"s", true, ""});
  rules.sessions.push_back({"t", false, zstd_packing});
  JobMachine machine(rules, output);
  machine.connected(1, {1, 1}, Time{0});
  MessageDecoder decoder;
  Time now{0};
  // In two pieces, so that a message may be cut anywhere.
  const std::size_t first = size / 2;
  try {
    for (std::string_view piece : {bytes.substr(0, first), bytes.substr(first)}) {
      decoder.feed(piece);
      while (auto message = decoder.next()) {
        const std::string again = encode(*message);
        MessageDecoder other;
        other.feed(again);
        auto same = other.next();
        if (!same || same->index() != message->index()) std::abort();
        if (std::holds_alternative<Hello>(*message) || std::holds_alternative<Welcome>(*message)) greet_with(*message);
        machine.message(1, *message, now);
        now += std::chrono::milliseconds(200);
        machine.tick(now);
      }
    }
  } catch (const ProtocolError&) {
  }
  machine.disconnected(1, "fuzzed", now);
  return 0;
}
