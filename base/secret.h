#pragma once
/// A passphrase, or what else must not be left in memory, logs or messages: wiped when it is gone.

#include <string.h>

#include <string>
#include <string_view>
#include <vector>

namespace ka {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : bytes_(text.begin(), text.end()) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret other) noexcept {
    bytes_.swap(other.bytes_);
    return *this;
  }
  ~Secret() {
    if (!bytes_.empty()) ::explicit_bzero(bytes_.data(), bytes_.size());
  }

  bool empty() const { return bytes_.empty(); }
  std::string_view text() const { return {bytes_.data(), bytes_.size()}; }
  bool operator==(const Secret&) const = default;

 private:
  std::vector<char> bytes_;
};

/// Of a text that was a passphrase.
inline void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace ka
