#pragma once
/// Whether a machine's firmware, with Secure Boot on, would let programs start: asked before anything is written.

#include <string>
#include <string_view>
#include <vector>

#include "wire/boot/boot_plan.h"

namespace ka::boot {

/// The signature databases db and dbx (UEFI 2.10, 32.4.1): lists of hashes and certificates.
struct Signatures {
  std::vector<std::string> digests;   ///< SHA-256, hexadecimal in small letters
  std::vector<std::string> subjects;  ///< of certificates: distinguished names (DER)
};
/// Kinds of signatures that it does not know are left out. Throws Error if the lists are not whole.
Signatures parse_signatures(std::string_view content);

/// What the variables of a machine with Secure Boot on say.
struct Trust {
  Signatures allowed, forbidden;  ///< db, dbx
  std::string sbat_level;         ///< SbatLevelRT: lines "component,generation"; empty: shim has not set one
};

/// Why this firmware, or shim after it, would not start them, in words for the operator; empty: it would, as far as it
/// can be told without checking signatures.
std::string why_refused(const Trust& trust, const std::vector<Program>& chain);

}  // namespace ka::boot
