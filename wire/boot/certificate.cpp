#include "wire/boot/certificate.h"

namespace ka::boot {

std::optional<Der> take_der(std::string_view& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto tag = static_cast<std::uint8_t>(bytes[0]), first = static_cast<std::uint8_t>(bytes[1]);
  if ((tag & 0x1f) == 0x1f) return std::nullopt;  // a tag of several bytes
  std::size_t header = 2, size = first;
  if (first >= 0x80) {
    const std::size_t digits = first & 0x7f;
    if (digits == 0 || digits > 4 || bytes.size() < 2 + digits) return std::nullopt;
    size = 0;
    for (std::size_t i = 0; i < digits; ++i) size = size << 8 | static_cast<std::uint8_t>(bytes[2 + i]);
    header += digits;
  }
  if (size > bytes.size() - header) return std::nullopt;
  const Der element{tag, bytes.substr(header, size), bytes.substr(0, header + size)};
  bytes.remove_prefix(header + size);
  return element;
}

std::optional<CertificateNames> certificate_names(std::string_view certificate) {
  auto outer = take_der(certificate);
  if (!outer || outer->tag != der_sequence) return std::nullopt;
  std::string_view in = outer->content;
  auto signed_part = take_der(in);
  if (!signed_part || signed_part->tag != der_sequence) return std::nullopt;
  in = signed_part->content;
  auto field = take_der(in);  // the version, which may be left out; then the serial number
  if (field && field->tag == der_context_0) field = take_der(in);
  if (!field || field->tag != der_integer) return std::nullopt;
  const auto algorithm = take_der(in), issuer = take_der(in), validity = take_der(in), subject = take_der(in);
  for (const auto& part : {algorithm, issuer, validity, subject})
    if (!part || part->tag != der_sequence) return std::nullopt;
  return CertificateNames{std::string(issuer->whole), std::string(subject->whole)};
}

std::string common_name(std::string_view name) {
  auto whole = take_der(name);
  std::string_view sets = whole ? whole->content : std::string_view();
  while (auto set = take_der(sets)) {
    std::string_view in = set->content;
    auto pair = take_der(in);
    if (!pair) continue;
    in = pair->content;
    const auto object = take_der(in), value = take_der(in);
    if (object && value && object->tag == der_object && object->content == "\x55\x04\x03")
      return std::string(value->content);
  }
  return "an unknown signer";
}

}  // namespace ka::boot
