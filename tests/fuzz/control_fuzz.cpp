// Any bytes on a control connection: refused, or messages that mean the same when they are sent on.

#include <cstdint>
#include <cstdlib>

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ka::wire;
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
    for (std::string_view piece : {std::string_view(reinterpret_cast<const char*>(data), first),
                                   std::string_view(reinterpret_cast<const char*>(data) + first, size - first)}) {
      decoder.feed(piece);
      while (auto message = decoder.next()) {
        const std::string again = encode(*message);
        MessageDecoder other;
        other.feed(again);
        auto same = other.next();
        if (!same || same->index() != message->index()) std::abort();
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
