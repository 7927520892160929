#include "server/golden/kinds.h"

namespace ka::server {

namespace {

storage::What read_ext(const Reader& reader, const Probe& probe, const ExtHeader* header) {
  storage::Ext ext;
  if (header) ext = header->ext;
  ext.version = reader.type;
  // What blkid was sure of is what fstab goes by.
  if (!header || probe.error.empty()) {
    ext.uuid = probe.uuid;
    ext.label = probe.label;
  }
  return ext;
}

storage::What read_swap(const Reader&, const Probe& probe, const ExtHeader*) {
  return storage::Swap{probe.uuid, probe.label};
}

const Reader readers[] =
    {
        {"ext2", read_ext, "acl,user_xattr"}, {"ext3", read_ext, "acl,user_xattr"},
        {"ext4", read_ext, "acl,user_xattr"}, {"swap", read_swap, nullptr},
        {"swsuspend", read_swap, nullptr},  // the swap space of a machine that hibernated
};

}  // namespace

const Reader* find_reader(std::string_view type) {
  for (const Reader& reader : readers)
    if (type == reader.type) return &reader;
  return nullptr;
}

std::string types_that_are_cloned() {
  std::string types;
  for (const Reader& reader : readers)
    if (reader.mount_options) types += (types.empty() ? "" : ", ") + std::string(reader.type);
  return types + " and swap";
}

}  // namespace ka::server
