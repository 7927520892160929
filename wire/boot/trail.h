#pragma once
/// What a machine reads on its way from the boot loader to its root file system, link by link.

#include <string>
#include <vector>

namespace ka::boot {

enum class State {
  found,
  missing,         ///< what a link names is not there
  not_understood,  ///< it may lead somewhere, but nobody here can say where
};

struct Link {
  std::string where;  ///< "/boot/grub/grub.cfg:119"; empty: what starts the trail
  std::string what;   ///< "kernel /boot/vmlinuz-6.1.0-56-amd64"
  State state = State::found;
  std::string why;     ///< of what was not found, in words; of what was, where it leads ("sda1:fs, mounted at /")
  bool needed = true;  ///< without it the machine does not start

  std::string text() const;  ///< "/boot/grub/grub.cfg:119: kernel /boot/vmlinuz: found"
};

struct Trail {
  std::vector<Link> links;
  // Of the entry that starts by itself:
  std::string title;                 ///< "Debian GNU/Linux"
  std::string kernel;                ///< path in the tree of files; empty: none was found
  std::vector<std::string> initrds;  ///< likewise, in their order
  std::string root;                  ///< what root= names: an id of the graph

  /// Every link that is needed was found, and one of them is a kernel.
  bool boots() const;
  /// "PLACE: WHAT: WHY" of the first needed link that was not found; empty: there is none.
  std::string fault() const;
  /// Of one that boots, in a line: "Debian GNU/Linux", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda1:fs
  std::string summary() const;

  void found(const std::string& where, const std::string& what, const std::string& leads_to = "");
  void fail(const std::string& where, const std::string& what, State state, const std::string& why);
  void doubt(const std::string& where, const std::string& what, State state, const std::string& why);
};

}  // namespace ka::boot
