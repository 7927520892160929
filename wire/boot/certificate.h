#pragma once
/// The names in X.509 certificates (RFC 5280), for comparing who signed with whom firmware trusts. No signature is
/// checked here: firmware does that itself.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ka::boot {

/// An element of ASN.1 in DER.
struct Der {
  std::uint8_t tag = 0;
  std::string_view content, whole;
};

inline constexpr std::uint8_t der_sequence = 0x30, der_set = 0x31, der_integer = 0x02, der_object = 0x06;
/// "[0]", constructed.
inline constexpr std::uint8_t der_context_0 = 0xa0;

/// Takes the first element from `bytes`; nullopt: it is not whole, or of a form that DER has not.
std::optional<Der> take_der(std::string_view& bytes);

/// Distinguished names, as they lie in a certificate (DER).
struct CertificateNames {
  std::string issuer, subject;
};
std::optional<CertificateNames> certificate_names(std::string_view certificate);

/// For people: the common name in a distinguished name, else "an unknown signer".
std::string common_name(std::string_view name);

}  // namespace ka::boot
