#include "wire/boot/extlinux_place.h"

namespace ka::boot {

namespace {

constexpr const char* configs[] = {"/boot/extlinux/extlinux.conf", "/boot/extlinux.conf", "/extlinux/extlinux.conf",
                                   "/boot/syslinux/syslinux.cfg"};
constexpr const char* folders[] = {"/usr/lib/syslinux/mbr", "/usr/lib/syslinux/bios", "/usr/share/syslinux",
                                   "/usr/lib/syslinux"};

}  // namespace

std::optional<ExtlinuxPlace> find_extlinux(const std::function<bool(const std::string&)>& exists,
                                           const std::function<bool(const std::string&)>& has_program) {
  for (const char* config : configs) {
    if (!exists(config)) continue;
    ExtlinuxPlace place;
    place.config = config;
    place.directory = place.config.substr(0, place.config.rfind('/'));
    place.program = has_program("extlinux");
    for (const char* folder : folders) {
      const std::string dos = std::string(folder) + "/mbr.bin", gpt = std::string(folder) + "/gptmbr.bin";
      if (place.dos_code.empty() && exists(dos)) place.dos_code = dos;
      if (place.gpt_code.empty() && exists(gpt)) place.gpt_code = gpt;
    }
    return place;
  }
  return std::nullopt;
}

}  // namespace ka::boot
