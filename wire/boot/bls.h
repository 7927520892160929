#pragma once
/// Boot Loader Specification entries (uapi-group.org/specifications/specs/boot_loader_specification): one file a
/// kernel below loader/entries/, read by GRUB's blscfg and by systemd-boot.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wire/boot/trace.h"

namespace ka::boot {

struct BlsEntry {
  std::string id;    ///< file name without .conf
  std::string file;  ///< path in the tree
  std::string title, version, machine, sort_key;
  std::string linux_image, efi, architecture;
  std::vector<std::string> initrds, options;  ///< lines of options, in their order
  std::map<std::string, std::size_t> lines;   ///< of a key, where it stands first

  std::string at(const std::string& key) const;  ///< "FILE:LINE"
};

BlsEntry parse_bls(std::string_view text, const std::string& folder, const std::string& name);

/// Every *.conf of that folder, those that a menu shows first in front. `by_grub`: by their file names alone; else as
/// systemd-boot does it, by sort-key, machine and version.
std::vector<BlsEntry> bls_entries(const Question& question, const std::string& folder, bool by_grub);

/// Compares versions as strverscmp and RPM do: numbers by their value. <0, 0, >0.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace ka::boot
