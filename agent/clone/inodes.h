#pragma once
/// What tar does not carry of the golden node's files: directories whose content is left out, sockets, and the flags
/// and project ids of all files.

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "wire/manifest.h"

namespace ka::agent {

/// Makes bare directories and sockets with owner, mode, attributes and time, and what every clone needs to be mounted
/// on (/proc, /sys, /dev, /run). A socket that has no place any more is named in the log and left out: whoever listens
/// there makes it anew.
void make_bare_inodes(Machine& machine, CloneTree& clone, Log& log, const wire::Manifest& manifest);

/// Before the files are there: makes, empty, those files and directories that only then can get or lose a flag
/// (wire::early_inode_flags). Returns how many files: tar must write into them.
std::size_t make_early_inodes(Machine& machine, CloneTree& clone, const wire::Manifest& manifest);
/// Removes those that tar had nothing for.
void remove_unwritten(Machine& machine, CloneTree& clone, const wire::Manifest& manifest);

/// Gives files their flags and project ids. The last thing that is done to a file: an immutable one cannot be changed
/// after it. What is not there any more (a lease, an SSH key) is left out. Throws Error naming the file.
/// `apart`: those in mounts that are apart, or all others.
void set_inode_flags(Machine& machine, CloneTree& clone, Log& log, const wire::Manifest& manifest, bool apart);

}  // namespace ka::agent
