#include "agent/identity/hardware_text.h"

#include <algorithm>

namespace ka::agent {

namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Groups of exactly `size` digits from `begin` on, with one kind of separator (0: none) between them.
struct Run {
  std::size_t groups = 0, end = 0;
};

Run read_run(std::string_view text, std::size_t begin, std::size_t size, char separator) {
  Run run;
  for (std::size_t at = begin;;) {
    for (std::size_t i = 0; i < size; ++i)
      if (at + i >= text.size() || digit(text[at + i]) < 0) return run;
    at += size;
    if (separator != 0 && at < text.size() && digit(text[at]) >= 0) return run;
    ++run.groups;
    run.end = at;
    if (separator == 0) {
      if (at < text.size() && digit(text[at]) < 0) return run;
      continue;
    }
    if (at >= text.size() || text[at] != separator) return run;
    ++at;
  }
}

AddressPlace place_of(std::string_view text, std::size_t end, std::size_t length) {
  AddressPlace place;
  place.begin = end - length;
  place.end = end;
  std::size_t nibble = 0;
  for (char c : text.substr(place.begin, length)) {
    if (digit(c) < 0) continue;
    auto& octet = place.address.octets[nibble++ / 2];
    octet = static_cast<std::uint8_t>(octet << 4 | digit(c));
  }
  return place;
}

}  // namespace

std::optional<AddressPlace> find_address(std::string_view text, std::size_t from) {
  for (std::size_t at = from; at < text.size(); ++at) {
    if (digit(text[at]) < 0 || (at > 0 && digit(text[at - 1]) >= 0)) continue;
    for (char separator : {':', '-'}) {
      Run run = read_run(text, at, 2, separator);
      if (run.groups >= 6) return place_of(text, run.end, 17);
    }
    if (Run run = read_run(text, at, 4, '.'); run.groups == 3) return place_of(text, run.end, 14);
    // The end of a UUID may be an address too, and is none that anything is bound to.
    if (at > 0 && text[at - 1] == '-') continue;
    if (Run run = read_run(text, at, 12, 0); run.groups == 1 && (run.end == text.size() || digit(text[run.end]) < 0))
      return place_of(text, run.end, 12);
  }
  return std::nullopt;
}

std::string with_address(std::string_view written, const HardwareAddress& address) {
  const bool capitals = std::any_of(written.begin(), written.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  std::string text(written);
  std::size_t nibble = 0;
  for (char& c : text) {
    if (digit(c) < 0) continue;
    const unsigned octet = address.octets[nibble / 2];
    const unsigned value = nibble % 2 == 0 ? octet >> 4 : octet & 15;
    c = (capitals ? "0123456789ABCDEF" : "0123456789abcdef")[value];
    ++nibble;
  }
  return text;
}

}  // namespace ka::agent
