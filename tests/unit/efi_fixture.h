#pragma once
/// Certificates and programs for UEFI, built byte by byte.

#include <cstdint>
#include <string>
#include <vector>

#include "wire/boot/bytes.h"
#include "wire/boot/certificate.h"

namespace ka::boot::efi_fixture {

inline std::string der(std::uint8_t tag, const std::string& content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() >= 128) out += "\x82" + std::string(1, static_cast<char>(content.size() >> 8));
  return out + static_cast<char>(content.size()) + content;
}

inline std::string name(const std::string& common) {
  return der(der_sequence, der(der_set, der(der_sequence, der(der_object, "\x55\x04\x03") + der(0x0c, common))));
}

inline std::string certificate(const std::string& issuer, const std::string& subject) {
  const std::string nothing = der(der_sequence, "");
  return der(der_sequence, der(der_sequence, der(der_context_0, der(der_integer, "\x02")) + der(der_integer, "\x07") +
                                                 nothing + name(issuer) + nothing + name(subject) + nothing));
}

inline std::string signature(const std::vector<std::string>& certificates) {
  std::string all;
  for (const std::string& one : certificates) all += one;
  const std::string data =
      der(der_sequence, der(der_integer, "\x01") + der(der_set, "") + der(der_sequence, "") + der(der_context_0, all));
  return der(der_sequence, der(der_object, "\x2a") + der(der_context_0, data));
}

inline void put(std::string& file, std::size_t at, const std::string& bytes) { file.replace(at, bytes.size(), bytes); }
template <typename Number>
inline std::string number(Number value) {
  std::string out;
  append(out, value);
  return out;
}

struct Section {
  std::string name, content;
};

// A PE32+ with sections, three at most, from 512 on, each in 512 bytes, and its signature behind them.
inline std::string program(const std::vector<Section>& sections, const std::string& signed_by) {
  const std::size_t end = 512 * (1 + sections.size());
  std::string file(end, '\0');
  put(file, 0, "MZ");
  put(file, 0x3c, number(0x80u));
  put(file, 0x80, std::string("PE\0\0", 4));
  put(file, 0x86, number(static_cast<std::uint16_t>(sections.size())));
  put(file, 0x94, number(std::uint16_t{240}));
  put(file, 0x98, number(std::uint16_t{0x20b}));
  put(file, 0x98 + 60, number(512u));
  put(file, 0x98 + 64, "sum!");
  put(file, 0x98 + 108, number(16u));
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const std::size_t header = 0x98 + 240 + 40 * i, at = 512 * (i + 1);
    put(file, header, sections[i].name);
    put(file, header + 8, number(static_cast<std::uint32_t>(sections[i].content.size())));
    put(file, header + 16, number(512u) + number(static_cast<std::uint32_t>(at)));
    put(file, at, sections[i].content);
  }
  if (signed_by.empty()) return file;
  std::string table = number(static_cast<std::uint32_t>(8 + signed_by.size())) + number(std::uint16_t{0x200}) +
                      number(std::uint16_t{2}) + signed_by;
  table.resize((table.size() + 7) / 8 * 8, '\0');
  put(file, 0x98 + 144, number(static_cast<std::uint32_t>(end)) + number(static_cast<std::uint32_t>(table.size())));
  return file + table;
}

inline std::string program(const std::string& content, const std::string& signed_by = "",
                           const std::string& section = ".sbat") {
  return program({{section, content}}, signed_by);
}

}  // namespace ka::boot::efi_fixture
