#include "wire/boot/load_option.h"

#include <algorithm>

#include "base/text.h"
#include "wire/boot/bytes.h"
#include "wire/boot/sha256.h"

namespace ka::boot {

namespace {

constexpr std::uint32_t active_flag = 1;
constexpr std::uint8_t media_path = 4, hard_drive_node = 1, file_node = 4, end_of_path = 0x7f;
constexpr std::uint8_t dos_table = 1, gpt_table = 2;  // also of the identity: a number, a GUID
constexpr std::size_t node_header = 4, identity_size = 16;

std::optional<HardDrive> parse_hard_drive(std::string_view content) {
  Bytes in(content);
  HardDrive drive;
  drive.number = in.number<std::uint32_t>();
  drive.start = in.number<std::uint64_t>();
  drive.size = in.number<std::uint64_t>();
  const std::string_view identity = in.take(identity_size);
  in.number<std::uint8_t>();
  const auto kind = in.number<std::uint8_t>();
  if (!in.ok() || (kind != dos_table && kind != gpt_table)) return std::nullopt;
  drive.identity = guid_text(identity);
  if (kind == dos_table) {
    std::string number(identity.substr(0, 4));
    std::reverse(number.begin(), number.end());
    drive.identity = "0x" + hexadecimal(number);
  }
  return drive;
}

void append_node(std::string& path, std::uint8_t type, std::uint8_t subtype, std::string_view content) {
  append(path, type);
  append(path, subtype);
  append(path, static_cast<std::uint16_t>(node_header + content.size()));
  path += content;
}

std::string hard_drive_content(const HardDrive& drive) {
  std::string out;
  append(out, drive.number);
  append(out, drive.start);
  append(out, drive.size);
  if (auto guid = guid_bytes(drive.identity)) {
    out += *guid;
    append(out, gpt_table);
    append(out, gpt_table);
    return out;
  }
  const auto number = drive.identity.starts_with("0x") ? parse_unsigned(drive.identity.substr(2), 16) : std::nullopt;
  append(out, static_cast<std::uint32_t>(number.value_or(0)));
  out.resize(out.size() + identity_size - 4, '\0');
  append(out, dos_table);
  append(out, dos_table);
  return out;
}

// The text up to its end of 16 zero bits, which is taken too; false if it has none.
bool take_text(Bytes& in, std::string& text) {
  const std::string_view all = in.left();
  for (std::size_t end = 0; end + 1 < all.size(); end += 2) {
    if (all[end] != 0 || all[end + 1] != 0) continue;
    text = utf8_of(in.take(end));
    in.take(2);
    return true;
  }
  return false;
}

void append_utf8(std::string& out, std::uint32_t code) {
  auto more = [&out, code](unsigned shift) { out += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6), more(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12), more(6), more(0);
  } else {
    out += static_cast<char>(0xf0 | code >> 18), more(12), more(6), more(0);
  }
}

constexpr std::uint32_t no_character = 0xfffd;

// The next character of a text that is not empty.
std::uint32_t take_utf8(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text[0]);
  text.remove_prefix(1);
  if (first < 0x80) return first;
  const unsigned more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 ? 1 : 0;
  if (more == 0 || first >= 0xf5 || text.size() < more) return no_character;
  std::uint32_t code = first & (0x3fu >> more);
  for (unsigned i = 0; i < more; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return no_character;
    code = code << 6 | (next & 0x3f);
  }
  text.remove_prefix(more);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return surrogate || code > 0x10ffff || (more == 2 && code < 0x800) || (more == 3 && code < 0x10000) ? no_character
                                                                                                      : code;
}

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::optional<LoadOption> parse_load_option(std::string_view content) {
  Bytes in(content);
  LoadOption option;
  option.active = (in.number<std::uint32_t>() & active_flag) != 0;
  const auto path_size = in.number<std::uint16_t>();
  if (!in.ok() || !take_text(in, option.label)) return std::nullopt;
  Bytes path(in.take(path_size));
  if (!in.ok()) return std::nullopt;
  option.arguments = in.left();
  while (path.size() > 0) {
    const auto type = path.number<std::uint8_t>(), subtype = path.number<std::uint8_t>();
    const auto size = path.number<std::uint16_t>();
    if (!path.ok() || size < node_header) return std::nullopt;
    const std::string_view node = path.take(size - node_header);
    if (!path.ok()) return std::nullopt;
    if ((type & 0x7f) == end_of_path) break;
    if (type != media_path) continue;
    if (subtype == hard_drive_node) option.drive = parse_hard_drive(node);
    // A path may be in several nodes, 10.3.5.4.
    if (subtype == file_node) {
      std::string text = utf8_of(node);
      text.resize(std::min(text.find('\0'), text.size()));
      if (option.path.ends_with('\\') && text.starts_with('\\')) text.erase(0, 1);
      option.path += text;
    }
  }
  return option;
}

std::string load_option(const LoadOption& option) {
  std::string path;
  if (option.drive) append_node(path, media_path, hard_drive_node, hard_drive_content(*option.drive));
  if (!option.path.empty()) append_node(path, media_path, file_node, utf16_of(option.path) + std::string(2, '\0'));
  append_node(path, end_of_path, 0xff, "");
  std::string out;
  append(out, option.active ? active_flag : 0u);
  append(out, static_cast<std::uint16_t>(path.size()));
  out += utf16_of(option.label) + std::string(2, '\0') + path + option.arguments;
  return out;
}

std::vector<std::uint16_t> parse_boot_numbers(std::string_view content) {
  std::vector<std::uint16_t> numbers;
  for (Bytes in(content); in.size() >= 2;) numbers.push_back(in.number<std::uint16_t>());
  return numbers;
}

std::string boot_numbers(const std::vector<std::uint16_t>& numbers) {
  std::string out;
  for (std::uint16_t number : numbers) append(out, number);
  return out;
}

std::optional<std::uint16_t> boot_number(std::string_view variable) {
  if (!variable.starts_with("Boot") || variable.size() != 8) return std::nullopt;
  auto number = parse_unsigned(variable.substr(4), 16);
  return number ? std::optional(static_cast<std::uint16_t>(*number)) : std::nullopt;
}

std::string boot_variable(std::uint16_t number) {
  std::string digits = "0000";
  for (std::size_t i = 4; i-- > 0; number = static_cast<std::uint16_t>(number >> 4))
    digits[i] = "0123456789ABCDEF"[number & 15];
  return "Boot" + digits;
}

std::vector<LoadOption> parse_boot_csv(std::string_view content) {
  if (content.starts_with("\xff\xfe")) content.remove_prefix(2);
  const std::string text = utf8_of(content);
  std::vector<LoadOption> entries;
  for (std::string_view line : split(text, '\n')) {
    const std::string_view whole = line.substr(0, line.find('\0'));
    const auto fields = split(trim(whole), ',');
    if (fields.size() < 2 || fields[0].empty() || fields[0].find_first_of("/\\") != std::string_view::npos) continue;
    LoadOption entry;
    entry.path = fields[0];
    entry.label = fields[1];
    if (fields.size() > 2 && !fields[2].empty()) entry.arguments = utf16_of(fields[2]) + std::string(2, '\0');
    entries.push_back(std::move(entry));
  }
  return entries;
}

bool same_path(std::string_view one, std::string_view other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](char a, char b) { return small(a) == small(b); });
}

std::string utf8_of(std::string_view utf16) {
  std::string out;
  for (Bytes in(utf16); in.size() >= 2;) {
    std::uint32_t code = in.number<std::uint16_t>();
    if (code >= 0xd800 && code < 0xdc00) {
      Bytes next = in;
      const auto low = next.number<std::uint16_t>();
      const bool pair = next.ok() && low >= 0xdc00 && low < 0xe000;
      if (pair) in = next;
      code = pair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00u) : no_character;
    } else if (code >= 0xdc00 && code < 0xe000) {
      code = no_character;
    }
    append_utf8(out, code);
  }
  return out;
}

std::string utf16_of(std::string_view utf8) {
  std::string out;
  while (!utf8.empty()) {
    const std::uint32_t code = take_utf8(utf8);
    if (code >= 0x10000) {
      append(out, static_cast<std::uint16_t>(0xd800 + ((code - 0x10000) >> 10)));
      append(out, static_cast<std::uint16_t>(0xdc00 + ((code - 0x10000) & 0x3ff)));
    } else {
      append(out, static_cast<std::uint16_t>(code));
    }
  }
  return out;
}

// Where the bytes of a GUID stand in its text: its first three fields are little-endian.
constexpr std::size_t guid_order[identity_size] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

std::string guid_text(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < identity_size; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    for (char digit : hexadecimal(bytes.substr(guid_order[i], 1)))
      text += digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
  }
  return text;
}

std::optional<std::string> guid_bytes(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string bytes(identity_size, '\0'), digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (text[i] == '-')) return std::nullopt;
    if (!dash) digits += text[i];
  }
  for (std::size_t i = 0; i < identity_size; ++i) {
    auto byte = parse_unsigned(std::string_view(digits).substr(2 * i, 2), 16);
    if (!byte) return std::nullopt;
    bytes[guid_order[i]] = static_cast<char>(*byte);
  }
  return bytes;
}

}  // namespace ka::boot
