#include "agent/boot/failure_screen.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr unsigned glyph_rows = 5, glyph_cells = 3;

// The rows of a glyph from the top, three bits each: 0b111'101'… is its first row, whole, and its second, hollow.
constexpr std::array<std::uint16_t, 26> letters = {
    0b010'101'111'101'101, 0b110'101'110'101'110, 0b011'100'100'100'011, 0b110'101'101'101'110, 0b111'100'110'100'111,
    0b111'100'110'100'100, 0b011'100'101'101'011, 0b101'101'111'101'101, 0b111'010'010'010'111, 0b001'001'001'101'010,
    0b101'101'110'101'101, 0b100'100'100'100'111, 0b101'111'111'101'101, 0b110'101'101'101'101, 0b010'101'101'101'010,
    0b110'101'110'100'100, 0b010'101'101'110'011, 0b110'101'110'101'101, 0b011'100'010'001'110, 0b111'010'010'010'010,
    0b101'101'101'101'111, 0b101'101'101'101'010, 0b101'101'111'111'101, 0b101'101'010'101'101, 0b101'101'010'010'010,
    0b111'001'010'100'111};
constexpr std::array<std::uint16_t, 10> digits = {
    0b111'101'101'101'111, 0b010'110'010'010'111, 0b111'001'111'100'111, 0b111'001'111'001'111, 0b101'101'111'001'001,
    0b111'100'111'001'111, 0b111'100'111'101'111, 0b111'001'001'001'001, 0b111'101'111'101'111, 0b111'101'111'001'111};

std::uint16_t glyph(char c) {
  if (c >= 'a' && c <= 'z') return letters[static_cast<std::size_t>(c - 'a')];
  if (c >= 'A' && c <= 'Z') return letters[static_cast<std::size_t>(c - 'A')];
  if (c >= '0' && c <= '9') return digits[static_cast<std::size_t>(c - '0')];
  if (c == '-') return 0b000'000'111'000'000;
  if (c == '.') return 0b000'000'000'000'010;
  if (c == ':') return 0b000'010'000'010'000;
  return 0;
}

// Columns that `text` takes, and the widest cell with which it fits; 0: none does.
std::size_t width(std::string_view text, unsigned wide) { return text.size() * (glyph_cells + 1) * wide; }
unsigned widest(std::string_view text, unsigned columns) {
  unsigned wide = 0;
  while (wide < 3 && width(text, wide + 1) <= columns) ++wide;
  return wide;
}

std::vector<std::string> wrapped(const std::string& text, std::size_t columns) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(text, '\n')) {
    const std::string safe = escape_bytes(line);
    lines.emplace_back();
    for (std::string_view word : words(safe)) {
      if (!lines.back().empty() && lines.back().size() + 1 + word.size() > columns) lines.emplace_back();
      if (!lines.back().empty()) lines.back() += ' ';
      for (; word.size() > columns; word.remove_prefix(columns)) {
        lines.back() += word.substr(0, columns);
        lines.emplace_back();
      }
      lines.back() += word;
    }
  }
  return lines;
}

using Lines = std::vector<std::string>;

// Whom it is about: the first `large` of them in large letters, as far as they fit.
Lines who(const FailedMachine& machine, unsigned columns, unsigned large) {
  Lines lines;
  for (const auto& [what, text] : {std::pair("", machine.name), std::pair("MAC ", machine.hardware_address),
                                   std::pair("Serial number ", machine.serial_number)}) {
    if (text.empty()) continue;
    const unsigned wide = widest(text, columns);
    if (large == 0 || wide == 0) {
      lines.push_back(what + escape_bytes(text).substr(0, columns - std::strlen(what)));
      continue;
    }
    --large;
    const Lines drawn = large_letters(text, wide);
    lines.insert(lines.end(), drawn.begin(), drawn.end());
    lines.emplace_back();
  }
  return lines;
}

// Cells in reverse video are solid blocks in every font and on every console.
std::string solid(const std::string& line) {
  std::string text;
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = std::min(line.size(), line.find_first_not_of(line[at], at));
    text += line[at] == '#' ? "\x1b[7m" + std::string(end - at, ' ') + "\x1b[27m" : line.substr(at, end - at);
    at = end;
  }
  return text;
}

bool is_drawn(const std::string& line) { return line.find_first_not_of(" #") == line.npos; }

}  // namespace

std::string serial_number(const std::string& dmi) {
  for (const char* file : {"product_serial", "chassis_serial", "board_serial"}) {
    const std::string text(trim(read_file_if_any(dmi + "/" + file).value_or("")));
    const std::string low = lowered(text);
    bool nothing = text.find_first_not_of("0-. ") == text.npos;
    // What makers leave there that have not thought of it.
    for (const char* filler :
         {"not ", "to be filled", "default", "system", "serial", "none", "unknown", "n/a", "chassis"})
      nothing = nothing || low.starts_with(filler);
    if (!nothing) return text;
  }
  return "";
}

std::vector<std::string> large_letters(std::string_view text, unsigned wide) {
  std::vector<std::string> lines(glyph_rows);
  for (const char c : text) {
    const std::uint16_t shape = glyph(c);
    for (unsigned row = 0; row < glyph_rows; ++row) {
      for (unsigned cell = 0; cell < glyph_cells; ++cell) {
        const unsigned bit = (glyph_rows - row) * glyph_cells - 1 - cell;
        lines[row].append(wide, (shape >> bit & 1) != 0 ? '#' : ' ');
      }
      lines[row].append(wide, ' ');
    }
  }
  return lines;
}

std::string failure_screen(const FailedMachine& machine, unsigned columns, unsigned rows) {
  constexpr unsigned left_free = 3;
  const std::size_t room = std::max(rows, left_free + 1) - left_free;
  columns = std::max(columns, 20u);
  const std::string heading = std::string("KA: THIS MACHINE WAS NOT CLONED").substr(0, columns);
  const Lines why = wrapped(machine.reason, columns - 1);
  // A long reason is worth more than large letters, but for the name.
  Lines lines;
  for (unsigned large = 3; large > 0; --large) {
    lines = who(machine, columns, large);
    lines.insert(lines.begin(), {heading, ""});
    if (lines.size() + why.size() <= room) break;
  }
  lines.insert(lines.end(), why.begin(), why.end());
  if (lines.size() > room) {
    lines.resize(room);
    lines.back() = "... (the rest is in its log, at the server: ka-server log)";
    lines.back().resize(std::min<std::size_t>(lines.back().size(), columns - 1));
  }
  std::string text = "\x1b[0m\x1b[2J\x1b[H";
  for (const std::string& line : lines) text += (is_drawn(line) ? solid(line) : line) + "\r\n";
  return text;
}

void blink(const std::string& interface, unsigned seconds) {
  // The call lasts as long as the blinking does.
  if (::fork() != 0) return;
  ethtool_value identify{};
  identify.cmd = ETHTOOL_PHYS_ID;
  identify.data = seconds;
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&identify);
  (void)::ioctl(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), SIOCETHTOOL, &request);
  ::_exit(0);
}

}  // namespace ka::agent
