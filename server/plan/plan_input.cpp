#include "server/plan/plan_input.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "wire/desc.h"
#include "wire/identity.h"

namespace ka::server {

namespace {

constexpr std::size_t largest_hook = 1 << 20, largest_desc = 1 << 20;

std::string boot_record_of(const std::string& device) {
  if (::access(device.c_str(), F_OK) != 0) return {};  // the plan says so
  return read_at(device, 0, storage::boot_record_size);
}

bool is_block_device(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
}

void add_boot_code(PlanInput& input, const std::string& drive, std::string code) {
  if (!input.boot_code.emplace(drive, std::move(code)).second)
    throw Error("-m/-M", "the boot code of " + drive + " is given twice");
}

}  // namespace

PlanInput read_input(const CloneOptions& options) {
  PlanInput input;
  input.options = options;
  if (const std::string why = wire::contradiction_in({options.keep, options.renew}); !why.empty())
    throw UsageError("--keep and --renew", why);
  input.luks = read_luks_keys(options);
  for (const auto& [name, file] : options.descs) {
    std::string drive(plain_name(name));
    const std::string text = read_file(file, largest_desc);
    if (input.descs.count(drive) || input.group_descs.count(drive)) throw Error("-p", "a second desc for " + drive);
    if (is_block_device("/dev/" + drive))
      input.descs.emplace(drive, wire::parse_desc(text, file));
    else
      input.group_descs[drive] = {file, text};
  }
  for (const std::string& name : options.mbr_drives) {
    std::string drive(plain_name(name));
    add_boot_code(input, drive, boot_record_of("/dev/" + drive));
  }
  for (const auto& [name, file] : options.mbr_files) {
    std::string code = read_file(file);
    if (code.size() != storage::boot_record_size)
      throw Error("-M " + file, "is " + std::to_string(code.size()) + " bytes long; boot code is 446");
    add_boot_code(input, std::string(plain_name(name)), std::move(code));
  }
  if (options.hooks != CloneOptions().hooks && ::access(options.hooks.c_str(), R_OK | X_OK) != 0)
    throw Error::from_errno("--hooks " + options.hooks);
  input.hooks = read_hooks(options.hooks, input.warnings);
  return input;
}

std::vector<wire::Hook> read_hooks(const std::string& folder, std::vector<std::string>& warnings) {
  std::vector<wire::Hook> hooks;
  for (const std::string& name : list_directory(folder)) {
    std::string path = folder + "/" + name;
    struct stat status {};
    if (name.front() == '.' || name.back() == '~') continue;
    if (::stat(path.c_str(), &status) != 0) throw Error::from_errno("look at hook " + escape_bytes(path));
    if (!S_ISREG(status.st_mode)) continue;
    if ((status.st_mode & 0111) == 0) {
      warnings.push_back("hook " + path + " is not executable and will not run");
      continue;
    }
    hooks.push_back({name, read_file(path, largest_hook)});
  }
  return hooks;
}

}  // namespace ka::server
