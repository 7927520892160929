#include "wire/boot/pe.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/boot/bytes.h"
#include "wire/boot/certificate.h"
#include "wire/boot/sha256.h"

namespace ka::boot {

namespace {

[[noreturn]] void fail(const char* why) { throw Error("read a program for UEFI", why); }

struct Section {
  std::string_view name;
  std::uint64_t at = 0, size = 0, used = 0;
};

struct Layout {
  std::uint64_t checksum = 0, certificate_entry = 0, headers = 0;  // places in the file
  std::uint64_t certificates = 0, certificates_size = 0;
  std::vector<Section> sections;
};

template <typename Number>
Number number_at(std::string_view file, std::uint64_t at) {
  if (at > file.size()) fail("it is not whole");
  Bytes in(file.substr(static_cast<std::size_t>(at)));
  const auto value = in.number<Number>();
  if (!in.ok()) fail("it is not whole");
  return value;
}

std::string_view part_of(std::string_view file, std::uint64_t from, std::uint64_t to) {
  if (from > to || to > file.size()) fail("a part of it lies outside");
  return file.substr(static_cast<std::size_t>(from), static_cast<std::size_t>(to - from));
}

constexpr std::uint64_t certificate_directory = 4, section_header = 40;

Layout read_layout(std::string_view file) {
  if (!file.starts_with("MZ")) fail("it does not begin with MZ");
  const std::uint64_t coff = number_at<std::uint32_t>(file, 0x3c);
  if (number_at<std::uint32_t>(file, coff) != 0x4550) fail("it has no PE header");
  const std::uint64_t sections = number_at<std::uint16_t>(file, coff + 6);
  const std::uint64_t optional = coff + 24, optional_size = number_at<std::uint16_t>(file, coff + 20);
  const auto magic = number_at<std::uint16_t>(file, optional);
  if (magic != 0x10b && magic != 0x20b) fail("it is neither PE32 nor PE32+");
  const std::uint64_t directories = optional + (magic == 0x20b ? 112 : 96);
  Layout layout;
  layout.checksum = optional + 64;
  layout.headers = number_at<std::uint32_t>(file, optional + 60);
  layout.certificate_entry = directories + 8 * certificate_directory;
  if (number_at<std::uint32_t>(file, directories - 4) <= certificate_directory) fail("it has no place for signatures");
  layout.certificates = number_at<std::uint32_t>(file, layout.certificate_entry);
  layout.certificates_size = number_at<std::uint32_t>(file, layout.certificate_entry + 4);
  for (std::uint64_t i = 0; i < sections; ++i) {
    const std::uint64_t header = optional + optional_size + i * section_header;
    Section section;
    section.name = part_of(file, header, header + 8);
    section.name = section.name.substr(0, section.name.find('\0'));
    section.used = number_at<std::uint32_t>(file, header + 8);
    section.size = number_at<std::uint32_t>(file, header + 16);
    section.at = number_at<std::uint32_t>(file, header + 20);
    layout.sections.push_back(section);
  }
  return layout;
}

// All but what signing changes: the checksum, where the signatures are, and they themselves.
std::string digest_of(std::string_view file, const Layout& layout) {
  Sha256 hash;
  hash.add(part_of(file, 0, layout.checksum));
  hash.add(part_of(file, layout.checksum + 4, layout.certificate_entry));
  hash.add(part_of(file, layout.certificate_entry + 8, layout.headers));
  std::vector<Section> sections = layout.sections;
  std::stable_sort(sections.begin(), sections.end(), [](const Section& a, const Section& b) { return a.at < b.at; });
  std::uint64_t hashed = layout.headers;
  for (const Section& section : sections) {
    if (section.size == 0) continue;
    hash.add(part_of(file, section.at, section.at + section.size));
    hashed += section.size;
  }
  if (hashed + layout.certificates_size > file.size()) fail("its sections are larger than it is");
  hash.add(part_of(file, hashed, file.size() - layout.certificates_size));
  return hexadecimal(hash.digest());
}

// PKCS #7 (RFC 2315): ContentInfo, in it SignedData, in it the certificates.
void add_issuers(std::string_view signature, std::vector<std::string>& issuers) {
  auto inside = [](std::optional<Der> element, std::uint8_t tag) {
    return element && element->tag == tag ? element->content : std::string_view();
  };
  std::string_view info = inside(take_der(signature), der_sequence);
  take_der(info);  // what it is
  std::string_view wrapped = inside(take_der(info), der_context_0);
  std::string_view data = inside(take_der(wrapped), der_sequence);
  for (int i = 0; i < 3; ++i) take_der(data);  // version, algorithms, what is signed
  std::string_view certificates = inside(take_der(data), der_context_0);
  while (auto certificate = take_der(certificates)) {
    auto names = certificate_names(certificate->whole);
    if (names && std::find(issuers.begin(), issuers.end(), names->issuer) == issuers.end())
      issuers.push_back(names->issuer);
  }
}

std::string_view bytes_of(std::string_view file, const Layout& layout, std::string_view name) {
  for (const Section& section : layout.sections)
    if (section.name == name) return part_of(file, section.at, section.at + std::min(section.size, section.used));
  return {};
}

constexpr std::uint16_t pkcs_signed_data = 2;

std::vector<std::string> issuers_of(std::string_view table) {
  std::vector<std::string> issuers;
  while (table.size() >= 8) {
    Bytes in(table);
    const std::uint64_t size = in.number<std::uint32_t>();
    in.number<std::uint16_t>();
    const auto kind = in.number<std::uint16_t>();
    if (size < 8 || size > table.size()) break;
    if (kind == pkcs_signed_data) add_issuers(in.take(size - 8), issuers);
    table.remove_prefix(std::min<std::size_t>((size + 7) / 8 * 8, table.size()));
  }
  return issuers;
}

}  // namespace

Program read_program(std::string_view file) {
  const Layout layout = read_layout(file);
  Program program;
  program.digest = digest_of(file, layout);
  const std::string_view sbat = bytes_of(file, layout, ".sbat");
  program.sbat = sbat.substr(0, sbat.find('\0'));
  if (layout.certificates_size > 0)
    program.issuers = issuers_of(part_of(file, layout.certificates, layout.certificates + layout.certificates_size));
  return program;
}

std::string_view section_of(std::string_view file, std::string_view name) {
  return bytes_of(file, read_layout(file), name);
}

bool has_component(std::string_view sbat, std::string_view component) {
  const auto lines = split(sbat, '\n');
  return std::any_of(lines.begin(), lines.end(),
                     [&](std::string_view line) { return trim(split(line, ',')[0]) == component; });
}

}  // namespace ka::boot
