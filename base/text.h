#pragma once
/// Small text tools used on every edge.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ka {

std::string_view trim(std::string_view text);
/// Fields between separators; empty fields are kept.
std::vector<std::string_view> split(std::string_view text, char separator);
/// Words between blanks and tabs; no empty ones.
std::vector<std::string_view> words(std::string_view text);

/// All of them, with the separator between each two: for people, and for programs that want a list.
std::string joined(std::span<const std::string> words, std::string_view separator);

/// The whole of `text` as a number, or nullopt (also on overflow, sign, blanks).
std::optional<std::uint64_t> parse_unsigned(std::string_view text, int base = 10);

/// "10.1.2.3" as a number. Four numbers only: inet_aton's other forms ("10.1", "0x0a000001") are more often a slip than
/// meant.
std::optional<std::uint32_t> parse_address(std::string_view text);

/// Six octets, "52:54:00:12:34:56", in small letters as a node tells its own.
std::optional<std::string> parse_hardware_address(std::string_view text);

/// Any bytes as printable ASCII: \xHH for what is not, and \\ for the backslash. unescape reverses it
/// exactly; JSON carries file names in this form, since they need not be UTF-8.
std::string escape_bytes(std::string_view bytes);
std::optional<std::string> unescape_bytes(std::string_view text);

/// Text of a stranger for a terminal or a log: UTF-8 stays readable; control characters (C0 but the tab, DEL, C1) and
/// bytes that are no UTF-8 become \xHH.
std::string printable(std::string_view text);
/// \ooo, as mountinfo and fstab write blanks and backslashes of names, made bytes again; anything else stays.
std::string unescape_octal(std::string_view text);

/// ASCII letters made small.
std::string lowered(std::string_view text);

/// "12.3 MiB", "640 KiB": for people, not for parsing.
std::string format_size(std::uint64_t bytes);

}  // namespace ka
