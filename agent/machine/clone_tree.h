#pragma once
/// The files of a root directory that is not ours (the clone, stage2), as a program chrooted there sees them:
/// symbolic links, absolute ones too, stay inside.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "agent/machine/machine.h"

namespace ka::agent {

class CloneTree {
 public:
  CloneTree(Machine& machine, std::string root) : machine_(machine), root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  /// This machine's path of `path`, all links but the last component's resolved (`follow`: that one too).
  /// Throws Error if links go round in circles.
  std::string outside(const std::string& path, bool follow = false) const;

  bool exists(const std::string& path) const;
  bool is_directory(const std::string& path) const;
  /// A regular one: nothing that waits for somebody when it is read.
  bool is_file(const std::string& path) const;
  /// nullopt if it is not there or cannot be read. Links are followed.
  std::optional<std::string> read(const std::string& path) const;
  std::vector<std::string> list(const std::string& directory) const;
  /// Whether one of the usual directories of programs has it.
  bool has_program(const std::string& name) const;

  /// Replaces the content, through a link if it is one. What was there keeps all but its content: owner, mode, time,
  /// hard links, ACLs and other attributes; the directory keeps its time. Directories above that are missing are made.
  void write(const std::string& path, std::string_view content, mode_t mode_if_new = 0644);
  /// Keeps the time of the directory; a link itself is removed, not what it names. False if it is not there.
  bool remove(const std::string& path);
  /// Does not change what is there already; keeps the time of the directory above.
  void make_directory(const std::string& path, mode_t mode = 0755);
  /// A socket's inode, as make_directory. "", or why there can be none. Throws Error if the directory above cannot get
  /// its time back: that is no matter of the socket's.
  std::string make_socket(const std::string& path);

 private:
  Machine& machine_;
  std::string root_;
};

}  // namespace ka::agent
