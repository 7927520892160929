#include "base/text.h"
#include "wire/storage/kinds.h"

namespace ka::storage {

namespace {

void check(const Where& where) {
  const Disk& disk = as<Disk>(where.node);
  if (disk.bytes == 0) where.fail("bytes", "is out of range");
  where.size("bytes", disk.bytes);
  if (disk.sector < 512 || disk.sector > 65536 || (disk.sector & (disk.sector - 1)) != 0)
    where.fail("sector", std::to_string(disk.sector) + " is impossible");
  if (!disk.boot_code.empty() && disk.boot_code.size() != boot_record_size)
    where.fail("boot_code", "is " + std::to_string(disk.boot_code.size()) + " bytes long, not 446");
}

std::string text(const Node& node) {
  const Disk& disk = as<Disk>(node);
  return "disk, " + format_size(disk.bytes) +
         (disk.sector == 512 ? "" : ", sectors of " + std::to_string(disk.sector) + " bytes");
}

Names names(const Storage&, const Node&) { return {}; }
std::uint64_t room(const Node&, const Ground& ground) { return ground.bytes; }

}  // namespace

const Rule disk_rule = {"disk", Sort::device, text, check, names, room, nullptr, nullptr};

}  // namespace ka::storage
