#include "agent/bootable/esp.h"

#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "wire/boot/pe.h"

namespace ka::agent {

namespace {

constexpr std::size_t largest_program = 256u << 20;

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// "/EFI/debian/shimx64.efi" of "/boot/efi/EFI/debian/shimx64.efi"; nullopt: it lies elsewhere.
std::optional<std::string> path_inside(const std::string& path, const std::string& point) {
  if (!path.starts_with(point + "/")) return std::nullopt;
  return path.substr(point.size());
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void add_removable_path(CloneTree& clone, Log& log, const std::string& point, const boot::UefiWay& way) {
  const std::string folder = point + "/EFI/BOOT";
  if (way.needs_its_entry() || clone.exists(folder + "/BOOTX64.EFI")) return;
  for (std::size_t i = 0; i < way.chain.size(); ++i) {
    const std::string& from = way.chain[i].path;
    const auto content = clone.read(from);
    if (!content) throw Error("make the clone start without an entry in NVRAM", from + " cannot be read");
    clone.write(folder + "/" + (i == 0 ? "BOOTX64.EFI" : file_name(from)), *content);
  }
  log.line(" - Added " + folder + "/BOOTX64.EFI, which firmware starts that has lost its entries");
}

void start_without_fallback(Machine& machine, Log& log, const std::string& top, const std::string& point,
                            const boot::UefiWay& way) {
  const std::string folder = top + "/EFI/BOOT/", fallback = folder + "fbx64.efi";
  if (!is_there(fallback)) return;
  machine.rename(fallback, fallback + ".ka");
  for (std::size_t i = 1; i < way.chain.size(); ++i) {
    const auto inside = path_inside(way.chain[i].path, point);
    const std::string beside = folder + file_name(way.chain[i].path);
    if (inside && !is_there(beside)) machine.write_file(beside, read_file(top + *inside, largest_program));
  }
  log.line(" - Renamed \\EFI\\BOOT\\fbx64.efi: without entries in NVRAM it would restart this machine for ever");
}

void check_programs(const std::string& top, const std::string& point, const boot::UefiWay& way) {
  const std::string removable = "/EFI/BOOT/BOOTX64.EFI";
  if (!way.needs_its_entry() && !is_there(top + removable))
    throw Error("look for " + removable, "the disk does not have it");
  for (const boot::Program& program : way.chain) {
    const auto inside = path_inside(program.path, point);
    if (!inside) continue;
    const std::string content = read_file(top + *inside, largest_program);
    if (boot::read_program(content).digest != program.digest)
      throw Error("read " + program.path + " back", "the disk does not give back what the golden machine has");
  }
}

}  // namespace ka::agent
