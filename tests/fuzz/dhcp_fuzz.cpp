// Any packet on an interface that asks for its address: dropped with a reason, or an answer that can be used as it is.

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "wire/dhcp/packet.h"

namespace {

bool is_clean_name(const std::string& name) {
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
}

void check(std::span<const std::uint8_t> message) {
  std::string why;
  const auto answer = ka::dhcp::parse(message, why);
  if (!answer) {
    if (why.empty()) std::abort();
    return;
  }
  if (!is_clean_name(answer->host_name) || !is_clean_name(answer->domain)) std::abort();
  if (!std::all_of(answer->search.begin(), answer->search.end(), is_clean_name)) std::abort();
  if (answer->host_name.size() > 64) std::abort();
  for (const std::string& refused : answer->refused)
    for (unsigned char c : refused)
      if (c < 32 || c > 126) std::abort();
  if (answer->prefix && *answer->prefix > 32) std::abort();
  for (unsigned char c : answer->message)
    if (c < 32 || c > 126) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  check(bytes);
  for (bool checksum_ready : {false, true}) {
    const auto message = ka::dhcp::unwrap(bytes, checksum_ready);
    if (!message.empty()) check(message);
  }
  return 0;
}
