#pragma once
/// The words by which /etc/fstab, a kernel's command line or a boot loader's configuration mean a block device, in all
/// their forms. Both sides ask here: the server what the clones will wait for, a node what it has to rewrite.

#include <optional>
#include <string>
#include <string_view>

#include "wire/manifest.h"
#include "wire/storage/rule.h"

namespace ka::wire {

struct DeviceName {
  enum class Kind {
    other,      ///< no block device: "tmpfs", "none", "server:/home", "//server/share"
    device,     ///< "/dev/sda5"; `value` is what stands behind /dev/: "sda5", "mapper/vg-root", "md0"
    uuid,       ///< "UUID=…", "/dev/disk/by-uuid/…"
    label,      ///< "LABEL=…", "/dev/disk/by-label/…"
    partuuid,   ///< "PARTUUID=…", "/dev/disk/by-partuuid/…"
    partlabel,  ///< "PARTLABEL=…", "/dev/disk/by-partlabel/…"
    link,       ///< "/dev/disk/by-id/…", by-path and others, "ID=…": `value` is the whole path
  };
  Kind kind = Kind::other;
  std::string value;  ///< without quotes and udev's \xHH
};

/// One field of fstab with its \040 taken away (base/text.h, unescape_octal), or a value such as that of root=.
DeviceName parse_device_name(std::string_view word);

/// A whole disk that is cloned, or a partition of one.
struct ClonedDevice {
  const storage::Node* device = nullptr;
  const storage::Node* content = nullptr;  ///< nullptr: nothing is made there
  /// The names that its clones have too: of its content, and of itself in its table.
  storage::Names names;
};

/// What a clone has under this name of the golden machine; nullopt: it is not cloned. Points into `manifest`.
std::optional<ClonedDevice> find_cloned(const Manifest& manifest, const DeviceName& name);

}  // namespace ka::wire
