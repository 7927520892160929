// What this machine starts by, and what a clone cannot start without.
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "server/golden/golden.h"
#include "wire/boot/initrd_content.h"

namespace ka::server {

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

std::vector<std::string> kernels_in(const std::string& boot) {
  std::vector<std::string> kernels;
  for (const std::string& name : list_directory(boot))
    for (const char* start : {"vmlinuz", "vmlinux", "kernel-", "bzImage", "Image"})
      if (starts_with(name, start)) kernels.push_back(name);
  return kernels;
}

}  // namespace

GoldenBoot read_golden_boot(const std::string& root) {
  auto here = [&root](const std::string& path) { return exists(root + path); };
  auto program = [&here](const std::string& name) {
    for (const char* folder : {"/usr/local/sbin/", "/usr/sbin/", "/sbin/", "/usr/local/bin/", "/usr/bin/", "/bin/"})
      if (here(folder + name)) return true;
    return false;
  };
  GoldenBoot boot;
  boot.grub = wire::find_grub(here, program);
  boot.grub_program = program("grub-install") || program("grub2-install");
  for (const char* file : {"/boot/grub/menu.lst", "/boot/grub/grub.conf", "/grub/menu.lst"})
    boot.grub_legacy |= here(file);
  boot.lilo = program("lilo");
  boot.lilo_conf = here("/etc/lilo.conf");
  boot.extlinux = boot::find_extlinux(here, program);
  for (const char* tool : {"update-initramfs", "dracut", "mkinitcpio", "mkinitrd"}) boot.makes_initrds |= program(tool);
  for (const std::string& name : list_directory(root + "/boot")) {
    struct stat status {};
    if (!starts_with(name, "initrd") && !starts_with(name, "initramfs")) continue;
    if (::stat((root + "/boot/" + name).c_str(), &status) == 0 && S_ISREG(status.st_mode))
      boot.largest_initrd = std::max(boot.largest_initrd, static_cast<std::uint64_t>(status.st_size));
  }
  return boot;
}

std::vector<NeededFile> read_needed_files(const std::string& root, const GoldenBoot& boot) {
  std::vector<std::string> paths = {"/etc/passwd", "/sbin/init", "/bin/sh", "/etc/fstab"};
  utsname kernel{};
  if (::uname(&kernel) == 0) paths.push_back("/lib/modules/" + std::string(kernel.release));
  for (const std::string& name : kernels_in(root + "/boot")) paths.push_back("/boot/" + name);
  if (boot.grub) paths.push_back(boot.grub->directory + "/grub.cfg");
  if (boot.grub && boot.grub->complete() && !boot.grub->stage2_fits()) paths.push_back(boot.grub->modules);
  std::vector<NeededFile> needed;
  for (const std::string& path : paths) {
    char real[PATH_MAX];
    if (::realpath((root + path).c_str(), real) == nullptr) continue;  // this system has none
    needed.push_back({path});
    std::string_view inside(real);
    if (starts_with(inside, root) && inside.substr(root.size()) != path)
      needed.push_back({std::string(inside.substr(root.size()))});
  }
  return needed;
}

std::set<std::string> read_modules(const std::string& root) {
  std::set<std::string> modules;
  for (const std::string& kernel : list_directory(root + "/lib/modules")) {
    const std::string folder = root + "/lib/modules/" + kernel + "/";
    for (const char* list : {"modules.dep", "modules.builtin"}) {
      const std::string text = read_file_if_any(folder + list).value_or("");
      for (std::string_view line : split(text, '\n'))
        if (!line.empty()) modules.insert(boot::module_of(line.substr(0, line.find(':'))));
    }
  }
  return modules;
}

boot::Files files_of(const std::string& root) {
  boot::Files files;
  files.size = [root](const std::string& path) -> std::optional<std::uint64_t> {
    struct stat status {};
    if (::stat((root + path).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return static_cast<std::uint64_t>(status.st_size);
  };
  files.read = [root, size = files.size](const std::string& path) -> std::optional<std::string> {
    constexpr std::size_t largest = 16 << 20;
    const auto bytes = size(path);
    return bytes && *bytes <= largest ? read_file_if_any(root + path, largest) : std::nullopt;
  };
  files.list = [root](const std::string& path) { return list_directory(root + path); };
  return files;
}

}  // namespace ka::server
