#include "wire/boot/secure_boot.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/boot/bytes.h"
#include "wire/boot/certificate.h"
#include "wire/boot/load_option.h"
#include "wire/boot/sha256.h"

namespace ka::boot {

namespace {

// EFI_CERT_SHA256_GUID, EFI_CERT_X509_GUID.
constexpr std::string_view sha256_kind = "C1C41626-504C-4092-ACA9-41F936934328";
constexpr std::string_view x509_kind = "A5C059A1-94E4-4AA7-87B5-AB155C2BF072";
constexpr std::size_t guid_size = 16, list_header = guid_size + 12;

[[noreturn]] void fail(const char* why) { throw Error("read a signature database", why); }

bool has(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

const std::string* first_of(const std::vector<std::string>& list, const std::vector<std::string>& others) {
  auto found = std::find_if(list.begin(), list.end(), [&](const std::string& value) { return has(others, value); });
  return found == list.end() ? nullptr : &*found;
}

std::uint64_t generation_of(std::string_view sbat, std::string_view component) {
  for (std::string_view line : split(sbat, '\n')) {
    const auto fields = split(line, ',');
    if (fields.size() > 1 && trim(fields[0]) == component) return parse_unsigned(trim(fields[1])).value_or(0);
  }
  return 0;
}

// The component that is too old: "shim 3, 4 is needed"; empty: none.
std::string too_old(std::string_view level, std::string_view sbat) {
  for (std::string_view line : split(level, '\n')) {
    const auto fields = split(line, ',');
    if (fields.size() < 2 || trim(fields[0]) == "sbat") continue;
    const std::uint64_t needed = parse_unsigned(trim(fields[1])).value_or(0);
    const std::uint64_t present = generation_of(sbat, trim(fields[0]));
    if (present != 0 && present < needed)
      return std::string(trim(fields[0])) + " " + std::to_string(present) + ", and " + std::to_string(needed) +
             " is the least that starts here";
  }
  return "";
}

}  // namespace

Signatures parse_signatures(std::string_view content) {
  Signatures found;
  while (!content.empty()) {
    Bytes in(content);
    const std::string_view kind = in.take(guid_size);
    const std::uint64_t list_size = in.number<std::uint32_t>(), header = in.number<std::uint32_t>();
    const std::uint64_t size = in.number<std::uint32_t>();
    if (!in.ok() || list_size < list_header || list_size > content.size()) fail("a list of it is not whole");
    if (header > list_size - list_header || size < guid_size) fail("a list of it contradicts itself");
    Bytes list(content.substr(list_header, static_cast<std::size_t>(list_size - list_header)));
    list.take(header);
    const std::string name = guid_text(kind);
    while (list.size() >= size) {
      const std::string_view data = list.take(size).substr(guid_size);  // behind who put it there
      if (name == sha256_kind && data.size() == 32) found.digests.push_back(hexadecimal(data));
      if (name != x509_kind) continue;
      if (auto names = certificate_names(data)) found.subjects.push_back(names->subject);
    }
    content.remove_prefix(static_cast<std::size_t>(list_size));
  }
  return found;
}

std::string why_refused(const Trust& trust, const std::vector<Program>& chain) {
  for (const Program& program : chain) {
    const std::string what = "this machine's firmware has Secure Boot on and would not start the golden machine's " +
                             escape_bytes(program.path) + ": ";
    if (has(trust.forbidden.digests, program.digest))
      return what + "its list of forbidden programs (dbx) has it; update shim and GRUB on the golden machine";
    if (const std::string* name = first_of(program.issuers, trust.forbidden.subjects))
      return what + "its list of what is forbidden (dbx) has " + printable(common_name(*name)) +
             ", by whom it is signed; update shim on the golden machine";
    if (const std::string old = too_old(trust.sbat_level, program.sbat); !old.empty())
      return what + "it is too old by the SBAT level set here: its " + printable(old) +
             "; update shim and GRUB on the golden machine";
  }
  if (chain.empty() || has(trust.allowed.digests, chain.front().digest)) return "";
  const Program& first = chain.front();
  const std::string what =
      "this machine's firmware has Secure Boot on and would not start " + escape_bytes(first.path) + ": ";
  const std::string remedy = "; switch Secure Boot off here, or add the signer's certificate to its list (db)";
  if (first.issuers.empty()) return what + "it is not signed" + remedy;
  if (first_of(first.issuers, trust.allowed.subjects)) return "";
  return what + "nobody in its list of whom it trusts (db) has signed it, but " +
         printable(common_name(first.issuers.front())) + remedy;
}

}  // namespace ka::boot
