#pragma once
/// Where distributions put GRUB 2: asked of the golden machine before anyone waits, and of the clone when it is
/// written.

#include <functional>
#include <optional>
#include <string>

namespace ka::wire {

struct GrubInstallation {
  std::string directory;  ///< "/boot/grub2": where its grub.cfg is
  std::string program;    ///< "grub2-install"; empty: no fitting one is there
  std::string modules;    ///< "/usr/share/grub2/i386-pc": what it installs on a BIOS machine; empty: not there

  /// Can this system set up its own GRUB for BIOS machines?
  bool complete() const { return !program.empty() && !modules.empty(); }
  /// Does the GRUB of stage2 (Debian's) put its files where this configuration is?
  bool stage2_fits() const { return directory == "/boot/grub"; }
};

/// nullopt: there is no grub.cfg of GRUB 2. `exists` is asked for paths, `has_program` for names of programs.
std::optional<GrubInstallation> find_grub(const std::function<bool(const std::string&)>& exists,
                                          const std::function<bool(const std::string&)>& has_program);

}  // namespace ka::wire
