// Any bytes at a node's log port, in an opened frame, and as a node's answer: a message that encodes to the very same
// bytes, or an error; and nobody who has not the key has said anything.

#include <cstdint>
#include <cstdlib>

#include "wire/command/channel.h"

namespace {

using namespace ka::wire;
using namespace ka::wire::command;

KeyPair key(char byte) { return KeyPair(ka::Secret(std::string(key_size, byte))); }

void message(std::string_view bytes) {
  const Message message = decode(bytes);
  if (encode(message) != bytes) std::abort();
  if (const auto* exec = std::get_if<Exec>(&message))
    if (exec_of(words_of(*exec), exec->input).words != exec->words) std::abort();
}

void visitor(std::string_view bytes) {
  static const KeyPair known = key('k'), nobody = key('?'), ephemeral = key('n');
  Visit visit({known.public_key()}, nobody.public_key(), ephemeral);
  for (const char byte : bytes) {
    visit.feed({&byte, 1});
    visit.answer();
    if (visit.next() || visit.proven()) std::abort();
  }
}

void node(std::string_view bytes) {
  static const KeyPair own = key('k'), ephemeral = key('c');
  Call call(own, ephemeral);
  call.feed(bytes);
  if (call.is_open() && call.next()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto part : {message, visitor, node}) {
    try {
      part(bytes);
    } catch (const ka::Error&) {
    }
  }
  return 0;
}
