// Any datagram on the discovery port: dropped, or a question or answer that encodes to the very same bytes.

#include <cstdint>
#include <cstdlib>

#include "wire/discovery.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ka::wire;
  std::string_view packet(reinterpret_cast<const char*>(data), size);
  try {
    if (encode(parse_discovery_query(packet)) != packet) std::abort();
  } catch (const ProtocolError&) {
  }
  try {
    if (encode(parse_discovery_answer(packet)) != packet) std::abort();
  } catch (const ProtocolError&) {
  }
  return 0;
}
