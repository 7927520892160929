#pragma once
/// Loading kernel modules: the system calls, and the two other trades of this program that go with them.

#include <string>
#include <vector>

#include "agent/drivers/module_index.h"

namespace ka::agent {

/// Reads the tables of /lib/modules/VERSION under `root` ("" or "/tmp/stage2"); false when there is no such directory.
bool add_modules_of(const std::string& root, ModuleIndex& index);

/// Loads the files in this order (finit_module(2)); one that is loaded already is fine. Compressed ones are unpacked
/// by the kernel. Returns what failed, "NAME: why"; a module that finds none of its devices (ENODEV) is not a failure.
std::vector<std::string> load_modules(const std::vector<std::string>& files);

/// `ka-init insmod FILE…`: load_modules in a process of its own, since a driver may probe its devices for a long time.
/// Failures go to stderr. The exit status.
int insmod_main(const std::vector<std::string>& files);

/// `ka-init -q -- NAME`, which is how the kernel asks for a file system or a cipher that it lacks
/// (Documentation/admin-guide/sysctl/kernel.rst, modprobe). The exit status.
int modprobe_main(const std::string& name);

}  // namespace ka::agent
