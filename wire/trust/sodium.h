#pragma once
/// libsodium, ready: it looks for what this processor can do once.

#include <sodium.h>

#include <string>
#include <string_view>

namespace ka::wire {

/// Ends the program where the operating system gives no randomness, which is before anything else works either.
void need_sodium();

inline const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace ka::wire
