#include "wire/boot/initrd_content.h"

#include <algorithm>

#include "base/error.h"

namespace ka::boot {

std::string module_of(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  auto end = name.find(".ko");
  if (end == std::string_view::npos) return "";
  std::string_view compression = name.substr(end + 3);
  if (!compression.empty() && compression != ".gz" && compression != ".xz" && compression != ".zst") return "";
  std::string module(name.substr(0, end));
  std::replace(module.begin(), module.end(), '-', '_');
  return module;
}

std::vector<std::string> initrds_of(const std::string& version) {
  return {"/boot/initrd.img-" + version, "/boot/initramfs-" + version + ".img", "/boot/initrd-" + version + ".img",
          "/boot/initrd-" + version};
}

void note_name(std::set<std::string>& held, std::string_view name) {
  const std::string_view file = name.substr(name.rfind('/') + 1);
  if (file == "cryptsetup" || file == "systemd-cryptsetup") held.insert(std::string(program_mark) + "cryptsetup");
  if (std::string module = module_of(name); !module.empty()) held.insert(std::move(module));
}

PackedPart note_plain_part(std::set<std::string>& held, const ReadAt& read, std::uint64_t size) {
  if (size == 0) throw Error("look into the initrd", "it is empty");
  PackedPart packed;
  packed.at = walk_cpio(read, size, [&held](std::string_view name) { note_name(held, name); });
  if (packed.at == size) return packed;
  packed.program = unpacker_of(read(packed.at, 8));
  if (packed.program.empty()) throw Error("look into the initrd", "it is packed in a way that is not known");
  return packed;
}

}  // namespace ka::boot
