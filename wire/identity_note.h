#pragma once
/// What a node tells of the identity of its clone: what of the golden machine was made new, and what it has still.

#include <cstdint>
#include <string>
#include <vector>

namespace ka::wire {

enum class IdentityClass : std::uint8_t {
  renewed,   ///< made new, or removed so that its owner makes it new
  kept,      ///< left as it is, as the operator wants it
  reported,  ///< left as it is; a person has to do something about it
  found,     ///< a file below /etc that holds what names the golden machine
};
inline constexpr const char* identity_class_names[] = {"renewed", "kept", "reported", "found"};

/// What a file that was found holds: IdentityNote::item.
inline constexpr const char* found_host_name = "host-name";
inline constexpr const char* found_address = "address";
inline constexpr const char* found_hardware_address = "hardware-address";
inline constexpr const char* found_more = "more";  ///< `where` says how many files there are besides, or were not read

struct IdentityNote {
  IdentityClass what = IdentityClass::renewed;
  std::string item;   ///< a name of wire/identity.h; of a file that was found, what it holds
  std::string where;  ///< files: "/etc/krb5.keytab", "/etc/postfix/main.cf:2"; may be empty
};

inline constexpr std::size_t most_identity_notes = 160;
inline constexpr std::size_t longest_identity_item = 32, longest_identity_place = 253;  ///< bytes

/// The same notes with long places cut, and as many of them as fit into one message, with a last one that counts the
/// rest.
std::vector<IdentityNote> fitted(std::vector<IdentityNote> notes);

}  // namespace ka::wire
