#pragma once
/// The file systems of a clone while it is made: mounted for its files, written back, unmounted and checked, and
/// mounted once more for what is read back.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/clone/repeat.h"
#include "agent/clone/work.h"

namespace ka::agent {

class FileSystems {
 public:
  explicit FileSystems(Work& work) : work_(work) {}

  /// As this kernel's mount(2) wants it: "vfat".
  std::string type_of(const wire::Mount& mount) const;
  /// And its last argument.
  std::string data_of(const wire::Mount& mount, bool read_only) const;
  /// The one that shows this content. There must be one.
  const wire::Mount& mount_of(const storage::Id& content) const;

  /// And those of arrays, volumes and what is encrypted. Throws Error if this kernel has none for one of them.
  Awaitable<void> load_modules();

  void mount();
  /// What no mount of the golden machine shows has all its files, and nothing more is done to them.
  void take_away_apart();
  /// Everything is on the disks on return, and every file system is unmounted and looked through by its own program.
  Awaitable<void> unmount_and_check();
  /// Nothing of them is in memory then. What is apart is mounted elsewhere: that, by the folder's name ("a/").
  Awaitable<std::map<std::string, std::string>> mount_to_read_back();
  Awaitable<void> check_unmounted(storage::Id id);

 private:
  bool kernel_knows(const std::string& type) const;
  std::string target_of(const wire::Mount& mount) const;
  bool is_mounted(const storage::Node& node) const;
  std::vector<std::string> devices() const;
  Awaitable<void> finish(const storage::Node& node);
  Awaitable<void> finish_writes(const std::string& device);
  std::unique_ptr<Repeat> tell_of_write_back();

  Work& work_;
};

}  // namespace ka::agent
