#pragma once
/// --pxelinux-dir: a file for each machine in the tree of somebody else's boot server, so that nobody edits its
/// default: what PXELINUX calls 01-52-54-00-12-34-56, and GRUB grub.cfg-01-52-54-00-12-34-56. Each is written whole or
/// not at all. Only files with our mark are changed, and they go when this does; what a killed process left, the next
/// one removes.

#include <optional>
#include <set>
#include <string>

#include "base/unique_fd.h"
#include "server/boot/next_boot.h"
#include "wire/racks.h"

namespace ka::server {

struct PxelinuxOptions {
  std::string folder;               ///< with pxelinux.cfg/, GRUB's grub.cfg or grub/grub.cfg, or both
  std::optional<wire::Racks> only;  ///< whose files are there from the beginning; else of those who came
  unsigned tries = 1;               ///< how often a machine may fail
};

class PxelinuxDir final : public NextBoot {
 public:
  /// Nothing is changed yet. Throws Error for a folder that is none, that another ka-server keeps files in, whose
  /// menus have no entry `kamethod`, or that has a foreign file for a machine that is meant.
  explicit PxelinuxDir(const PxelinuxOptions& options);
  ~PxelinuxDir() override;

  Awaitable<void> start(Say say) override;
  void serve(bool on) override;
  void end() override;
  void listens() override;
  void node(const NodeStatus& status) override;
  void write(const std::string& hardware_address, const BootBook::Entry& entry) override;
  /// There is none here. Throws Error.
  Command dnsmasq(bool open) const override;
  void remove_files() override;

 private:
  struct Menu {
    std::string folder, prefix;         // of the files: FOLDER/PREFIX01-…
    std::string clone, local, stopped;  // `stopped` is what follows the screen
    std::string before;                 // what the screen needs first
    UniqueFd lock;
  };

  void add_pxelinux(const std::string& folder);
  void add_grub(const std::string& folder);
  void add(Menu menu);
  void tell(const std::string& hardware_address, const BootBook::Entry& entry) override;
  void tell_all();
  std::string content(const Menu& menu, const std::string& card, const BootBook::Entry& entry) const;

  PxelinuxOptions options_;
  std::vector<Menu> menus_;
  std::set<std::string> cards_;  // that have files, or should
  bool on_ = true, started_ = false;
};

}  // namespace ka::server
