#include "wire/grub.h"

#include <utility>

namespace ka::wire {

namespace {

// A program writes into the directory that it was built for, which goes with its name nearly everywhere.
constexpr std::pair<const char*, const char*> places[] = {{"/boot/grub", "grub-install"},
                                                          {"/boot/grub2", "grub2-install"}};
constexpr const char* module_folders[] = {"/usr/lib/grub/i386-pc",   "/usr/share/grub2/i386-pc",
                                          "/usr/lib/grub2/i386-pc",  "/usr/share/grub/i386-pc",
                                          "/usr/lib64/grub/i386-pc", "/usr/lib64/grub2/i386-pc"};

}  // namespace

std::optional<GrubInstallation> find_grub(const std::function<bool(const std::string&)>& exists,
                                          const std::function<bool(const std::string&)>& has_program) {
  for (auto [directory, own_program] : places) {
    if (!exists(std::string(directory) + "/grub.cfg")) continue;
    GrubInstallation found;
    found.directory = directory;
    for (const char* program : {own_program, places[0].second, places[1].second})
      if (found.program.empty() && has_program(program)) found.program = program;
    for (const char* folder : module_folders)
      if (found.modules.empty() && exists(std::string(folder) + "/boot.img")) found.modules = folder;
    return found;
  }
  return std::nullopt;
}

}  // namespace ka::wire
