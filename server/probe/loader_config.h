#pragma once
/// Where a boot loader goes on from, as its configuration says: pxelinux's and GRUB's, as far as a network's boot
/// server has it. No I/O.

#include <string>
#include <string_view>
#include <vector>

namespace ka::server {

struct NextStep {
  std::string label;               ///< the default; empty: none is named
  std::vector<std::string> files;  ///< kernel and initrds, by the names that the configuration has
  bool is_ka = false;              ///< it becomes a node
};

/// pxelinux.cfg/default: DEFAULT, and what its label says.
NextStep pxelinux_default(std::string_view config);

/// grub.cfg: `set default=` alone; its files are named by a language that is not followed here.
NextStep grub_default(std::string_view config);

/// The kernel command line that is fixed in a unified kernel image; empty: `program` is none. It may be cut off behind
/// it.
std::string image_command_line(std::string_view program);

/// Whether a kernel with this command line becomes a node.
bool makes_node(std::string_view command_line);

/// `file` beside `other`, both paths below a TFTP root; a URL or an absolute path stays what it is.
std::string beside(const std::string& other, const std::string& file);

}  // namespace ka::server
