#include "server/golden/programs.h"

#include <stdlib.h>
#include <unistd.h>

#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

constexpr const char* usual_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Packages {
  const char *program, *debian, *fedora, *suse;
};
constexpr Packages packages[] = {
    {"sfdisk", "fdisk", "util-linux", "util-linux"},
    {"blkid", "util-linux", "util-linux", "util-linux"},
    {"dumpe2fs", "e2fsprogs", "e2fsprogs", "e2fsprogs"},
    {"tar", "tar", "tar", "tar"},
    {"zstd", "zstd", "zstd", "zstd"},
    {"mformat", "mtools", "mtools", "mtools"},
    {"mcopy", "mtools", "mtools", "mtools"},
    {"curl", "curl", "curl", "curl"},
    {"dnsmasq", "dnsmasq-base", "dnsmasq", "dnsmasq"},
    {"unshare", "util-linux", "util-linux", "util-linux"},
    {"lvm", "lvm2", "lvm2", "lvm2"},
    {"mdadm", "mdadm", "mdadm", "mdadm"},
    {"mksquashfs", "squashfs-tools", "squashfs-tools", "squashfs"},
};

std::string where(const std::string& program) {
  for (const Packages& p : packages) {
    if (program != p.program) continue;
    const bool same = std::string_view(p.debian) == p.fedora && std::string_view(p.fedora) == p.suse;
    if (same) return "package " + std::string(p.debian);
    return "package " + std::string(p.debian) + " (Debian), " + p.fedora + " (Fedora), " + p.suse + " (SUSE)";
  }
  return "a package of your distribution";
}

}  // namespace

void extend_path() {
  const char* path = ::getenv("PATH");
  const std::string all = path == nullptr || *path == '\0' ? usual_path : std::string(path) + ":" + usual_path;
  ::setenv("PATH", all.c_str(), 1);
}

bool has_program(const std::string& name) {
  const char* path = ::getenv("PATH");
  for (std::string_view folder : split(path == nullptr ? usual_path : path, ':')) {
    if (!folder.empty() && ::access((std::string(folder) + "/" + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

void require_programs(const std::vector<std::string>& names) {
  std::string missing;
  for (const std::string& name : names) {
    if (!has_program(name)) missing += "\n  - " + name + ": " + where(name);
  }
  if (!missing.empty()) throw Error("programs that are not here and have to be installed", missing);
}

}  // namespace ka::server
