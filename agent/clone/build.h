#pragma once
/// The golden machine's storage on this machine's disks: where everything goes, and making it, bottom up.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/machine/log.h"
#include "agent/machine/machine.h"
#include "agent/storage/kinds.h"
#include "agent/storage/targets.h"
#include "wire/boot/load_option.h"
#include "wire/manifest.h"
#include "wire/storage/sfdisk.h"

namespace ka::agent {

class Build {
 public:
  /// All must outlive it. Nothing is asked of `manifest` before place().
  Build(Machine& machine, Log& log, const wire::Manifest& manifest, std::string stage2_root, std::string sysfs)
      : machine_(machine),
        log_(log),
        manifest_(manifest),
        storage_(manifest.storage),
        stage2_root_(std::move(stage2_root)),
        sysfs_(std::move(sysfs)) {}

  // Before anything is written; each throws Error.

  /// Programs of stage2 that it needs.
  std::vector<std::string> programs() const;
  /// Puts the graph onto these disks, and asks sfdisk whether it could make such tables.
  Awaitable<void> place(const std::vector<Target>& targets, std::string host_name);
  /// Of what is encrypted: what will open it.
  void set_passphrase(const storage::Id& id, Secret passphrase) { passphrases_[id] = std::move(passphrase); }
  const Secret& passphrase(const storage::Id& id) const { return passphrases_.at(id); }
  /// Whether all contents have room, and whether their makers would make them.
  Awaitable<void> check_contents();

  // After place().

  const std::string& device(const storage::Id& id) const { return devices_.at(id); }  ///< "/dev/vda5"
  Job job(const storage::Node& node) const;
  /// How boot entries of UEFI name the partitions that have a content: one, or each leg of a mirror. After
  /// make_table().
  std::vector<boot::HardDrive> hard_drives(const storage::Id& content) const;
  /// For people, a line a node.
  std::vector<std::string> text() const;

  // Writes. Disks must be claimed.

  /// Empties both ends of a disk and makes its table, if it has one, with the unfinished boot code in front of it.
  Awaitable<void> make_table(const Target& target);
  /// Gives its partitions to programs.
  void let_programs_in(const Target& target);
  /// And reads its superblock back, which must say what the golden one does; a device has the size that it was to have.
  Awaitable<void> make(const storage::Node& node);
  /// Arrays and volume groups that have lost a disk since they were made, for people; "": none.
  std::string lost() const;
  /// Throws Error if there are such.
  void check_whole() const;
  /// Ends what runs of arrays, volume groups and mappings that were made, the upper ones first. Nothing of them may be
  /// mounted. Throws Error, in the end, if something does not stop.
  Awaitable<void> stop();

 private:
  /// nullptr: what lies on it needs none.
  const storage::Node* table_of(const Target& target) const { return storage::table_on(storage_, *target.golden); }
  void name_devices(const std::vector<Target>& targets);
  Awaitable<void> try_table(const Target& target);
  Awaitable<void> check_table(const Target& target);
  void check_kernel_sees(const Target& target) const;
  std::string write_script(const Target& target);
  void check_made(const storage::Node& node);
  Awaitable<void> check_device(const storage::Node& device);
  Awaitable<void> run(std::vector<Command> commands);
  std::string mount_point(const storage::Id& content) const;

  Machine& machine_;
  Log& log_;
  const wire::Manifest& manifest_;
  const storage::Storage& storage_;
  std::string stage2_root_, sysfs_, host_name_;
  std::set<storage::Id> anew_;  // tables that are not kept as they are
  storage::Places places_;
  std::map<storage::Id, std::string> devices_;
  std::map<storage::Id, storage::ReadTable> tables_;  // as they were made, by the golden table
  std::map<storage::Id, Secret> passphrases_;
  std::set<storage::Id> running_;  // what has to be stopped
};

}  // namespace ka::agent
