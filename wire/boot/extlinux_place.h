#pragma once
/// Where distributions put extlinux: asked of the golden machine before anyone waits, and of the clone when it is
/// written.

#include <functional>
#include <optional>
#include <string>

namespace ka::boot {

struct ExtlinuxPlace {
  std::string config;     ///< "/boot/extlinux/extlinux.conf"
  std::string directory;  ///< "/boot/extlinux": ldlinux.sys is there
  bool program = false;   ///< is extlinux itself there?
  std::string dos_code;   ///< boot code for a DOS table: "/usr/lib/syslinux/mbr/mbr.bin"; empty: not there
  std::string gpt_code;   ///< for a GPT: "…/gptmbr.bin"
};

/// nullopt: there is no configuration of extlinux.
std::optional<ExtlinuxPlace> find_extlinux(const std::function<bool(const std::string&)>& exists,
                                           const std::function<bool(const std::string&)>& has_program);

}  // namespace ka::boot
