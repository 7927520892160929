#include "wire/boot/trace.h"

#include <algorithm>

#include "wire/boot/efi_stub.h"
#include "wire/boot/grub_config.h"
#include "wire/boot/lilo.h"
#include "wire/boot/loader_conf.h"
#include "wire/boot/syslinux.h"

namespace ka::boot {

namespace {

/// How a boot loader's configuration is followed.
struct Loader {
  const char* name;
  void (*follow)(const Question& question, const Start& start, Trail& trail);
};

constexpr Loader loaders[] = {
    {"grub", follow_grub}, {"systemd-boot", follow_systemd_boot}, {"extlinux", follow_extlinux},
    {"lilo", follow_lilo}, {"efi-stub", follow_efi_stub},
};

}  // namespace

Trail trace(const Question& question, const Start& start) {
  Trail trail;
  auto same = [&start](const Loader& loader) { return start.loader == loader.name; };
  const Loader* loader = std::find_if(std::begin(loaders), std::end(loaders), same);
  if (loader == std::end(loaders))
    trail.fail("", start.loader, State::not_understood, "nobody here can read what this boot loader reads");
  else
    loader->follow(question, start, trail);
  return trail;
}

std::vector<std::string> known_loaders() {
  std::vector<std::string> names;
  for (const Loader& loader : loaders) names.emplace_back(loader.name);
  return names;
}

}  // namespace ka::boot
