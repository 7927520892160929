#include "agent/drivers/module_loader.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"

namespace ka::agent {

namespace {

constexpr int module_init_compressed_file = 4;  // MODULE_INIT_COMPRESSED_FILE of linux/module.h, since Linux 5.17

// errno's value; 0 is right.
int load_one(const std::string& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno;
  const int flags = file.ends_with(".ko") ? 0 : module_init_compressed_file;
  return ::syscall(SYS_finit_module, fd.get(), "", flags) == 0 ? 0 : errno;
}

}  // namespace

bool add_modules_of(const std::string& root, ModuleIndex& index) {
  struct utsname kernel;
  if (::uname(&kernel) != 0) throw Error::from_errno("ask for the kernel's version");
  const std::string directory = root + "/lib/modules/" + kernel.release;
  auto dependencies = read_file_if_any(directory + "/modules.dep");
  if (!dependencies) return false;
  ModuleTables tables;
  tables.dependencies = std::move(*dependencies);
  tables.aliases = read_file_if_any(directory + "/modules.alias").value_or("");
  tables.soft = read_file_if_any(directory + "/modules.softdep").value_or("");
  tables.builtin = read_file_if_any(directory + "/modules.builtin").value_or("");
  index.add(directory, tables);
  return true;
}

std::vector<std::string> load_modules(const std::vector<std::string>& files) {
  std::vector<std::string> failures;
  for (const std::string& file : files) {
    const int why = load_one(file);
    if (why == 0 || why == EEXIST || why == ENODEV) continue;
    failures.push_back(module_name(file) + ": " + std::strerror(why));
  }
  return failures;
}

int insmod_main(const std::vector<std::string>& files) {
  const std::vector<std::string> failures = load_modules(files);
  for (const std::string& failure : failures) ::dprintf(STDERR_FILENO, "%s\n", failure.c_str());
  return failures.empty() ? 0 : 1;
}

int modprobe_main(const std::string& name) {
  ModuleIndex index;
  add_modules_of("", index);
  add_modules_of("/tmp/stage2", index);
  if (!index.knows(name)) return 1;
  return insmod_main(index.load_order(name));
}

}  // namespace ka::agent
