#pragma once
/// What lies in front of a device that LUKS encrypts: how, with how many keys, and what else can open it. The server
/// reads it of the golden device, a node of what it made.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wire/storage/storage.h"

namespace ka::storage {

/// So much of a device tells how long its header is.
inline constexpr std::size_t luks_begin = 4096;

struct LuksHeader {
  Crypt crypt;  ///< its `bytes` are 0
  /// Why no clone can have it so; empty: one can. "is being encrypted anew"
  std::string strange;
  unsigned keys = 0;                ///< slots in use, those of tokens too
  std::vector<std::string> tokens;  ///< what opens it besides people and files, as the header calls it: "systemd-tpm2"
  std::vector<std::string> flags;   ///< that it is always opened with, "allow-discards" aside
};

/// Whether a device with this beginning is LUKS's.
bool is_luks(std::string_view beginning);

/// How much of a device with this beginning read_luks_header() needs: never more than 4 MiB. Throws Error.
std::size_t luks_header_size(std::string_view beginning);

/// Throws Error "LUKS superblock: why" if it is none, damaged, or lies about itself.
LuksHeader read_luks_header(std::string_view bytes);

}  // namespace ka::storage
