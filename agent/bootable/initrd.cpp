#include "agent/bootable/initrd.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

const char* const block_begin = "# KA: drivers of this machine's disks";
const char* const block_end = "# KA: end";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// One of the two programs that build initrds.
struct Tool {
  const char* program;
  const char* lister;
  std::vector<std::string> rebuild;
  void (*configure)(CloneTree& clone, const std::vector<std::string>& modules);
};

void configure_initramfs_tools(CloneTree& clone, const std::vector<std::string>& modules) {
  const std::string file = "/etc/initramfs-tools/modules";
  clone.write(file, with_initramfs_modules(clone.read(file).value_or(""), modules));
}

void configure_dracut(CloneTree& clone, const std::vector<std::string>& modules) {
  clone.write("/etc/dracut.conf.d/ka.conf",
              std::string(block_begin) + "\nadd_drivers+=\" " + joined(modules) + " \"\n");
}

const Tool* tool_of(const CloneTree& clone) {
  static const Tool tools[] = {
      {"update-initramfs", "lsinitramfs", {"update-initramfs", "-u", "-k", "all"}, configure_initramfs_tools},
      {"dracut", "lsinitrd", {"dracut", "--regenerate-all", "--force"}, configure_dracut},
  };
  for (const Tool& tool : tools)
    if (clone.has_program(tool.program)) return &tool;
  return nullptr;
}

class Initrds {
 public:
  Initrds(Machine& machine, CloneTree& clone, Log& log, const Tool& tool)
      : machine_(machine), clone_(clone), log_(log), tool_(tool) {}

  // The wanted modules that this kernel has and its initrd has not.
  Awaitable<std::vector<std::string>> missing(const InstalledKernel& kernel, const std::vector<std::string>& wanted) {
    Command command({tool_.lister, kernel.initrd});
    command.root = clone_.root();
    std::string listing = co_await machine_.output_of(command);
    std::set<std::string> held;
    for (std::string_view line : split(listing, '\n')) {
      auto fields = words(line);  // lsinitrd prints as ls -l does
      if (!fields.empty()) held.insert(module_of(fields.back()));
    }
    std::vector<std::string> result;
    for (const std::string& module : wanted)
      if (kernel.modules.count(module) && !held.count(module)) result.push_back(module);
    co_return result;
  }

  // Whether this initrd can stay. One that cannot be looked into cannot.
  Awaitable<bool> complete(const InstalledKernel& kernel, const std::vector<std::string>& wanted) {
    try {
      auto lacking = co_await missing(kernel, wanted);
      log_.line(" - " + kernel.initrd +
                (lacking.empty() ? " has " + joined(wanted) + ": kept" : " lacks " + joined(lacking)));
      co_return lacking.empty();
    } catch (const Error& error) {
      log_.line(" - Cannot look into " + kernel.initrd + ": " + error.what());
      co_return false;
    }
  }

  Awaitable<void> rebuild(const std::vector<std::string>& modules) {
    tool_.configure(clone_, modules);
    log_.line(std::string(" - Running ") + tool_.program);
    Command command(tool_.rebuild);
    command.root = clone_.root();
    auto show = [this](std::string_view line) { log_.line(line); };
    co_await machine_.run(command, show);
  }

 private:
  Machine& machine_;
  CloneTree& clone_;
  Log& log_;
  const Tool& tool_;
};

// Those that a kernel has as modules; what it has not, or has built in, cannot go into its initrd.
std::vector<std::string> known_to(const std::vector<InstalledKernel>& kernels, const std::vector<std::string>& modules,
                                  Log& log) {
  std::vector<std::string> known;
  for (const std::string& module : modules) {
    bool as_module = false;
    for (const InstalledKernel& kernel : kernels) {
      as_module = as_module || kernel.modules.count(module);
      if (!kernel.modules.count(module) && !kernel.built_in.count(module))
        log.line(" - The clone's kernel " + kernel.version + " has no module " + module + ": left out");
    }
    if (as_module) known.push_back(module);
  }
  return known;
}

}  // namespace

std::string with_initramfs_modules(std::string_view text, const std::vector<std::string>& modules) {
  std::string result;
  bool ours = false;
  for (std::string_view line : split(text, '\n')) {
    if (line == block_begin) ours = true;
    if (!ours) result += std::string(line) + "\n";
    if (line == block_end) ours = false;
  }
  result.pop_back();
  if (!result.empty() && result.back() != '\n') result += '\n';
  result += std::string(block_begin) + "\n";
  for (const std::string& module : modules) result += module + "\n";
  return result + block_end + "\n";
}

Awaitable<void> fit_initrds(Machine& machine, CloneTree& clone, Log& log, std::vector<std::string> modules, bool old) {
  for (std::string& module : modules) std::replace(module.begin(), module.end(), '-', '_');
  auto kernels = installed_kernels(clone);
  auto without = [](const InstalledKernel& kernel) { return kernel.initrd.empty(); };
  kernels.erase(std::remove_if(kernels.begin(), kernels.end(), without), kernels.end());
  const Tool* tool = tool_of(clone);
  if (!tool || kernels.empty()) {
    log.line(" - WARNING: " + std::string(tool ? "no kernel with an initrd" : "neither initramfs-tools nor dracut") +
             " in the clone: its initrd is kept as it is" + (old ? ", with the golden node's device names" : "") +
             ". It must have: " + joined(modules));
    co_return;
  }
  modules = known_to(kernels, modules, log);
  Initrds initrds(machine, clone, log, *tool);
  if (old) log.line(" - The initrds hold copies of files that were changed: made anew");
  bool all_complete = !old;
  for (const InstalledKernel& kernel : kernels) {
    bool complete = co_await initrds.complete(kernel, modules);
    all_complete = all_complete && complete;
  }
  if (all_complete) co_return;
  co_await initrds.rebuild(modules);
  for (const InstalledKernel& kernel : kernels) {
    auto missing = co_await initrds.missing(kernel, modules);
    if (!missing.empty())
      throw Error("rebuild " + kernel.initrd,
                  "it still lacks " + joined(missing) + ", without which this machine may not boot");
    log.line(" - " + kernel.initrd + " has " + joined(modules));
  }
}

}  // namespace ka::agent
