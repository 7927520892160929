#include "agent/bootable/initrd.h"

#include <algorithm>
#include <set>

#include "agent/bootable/initrd_content.h"
#include "agent/bootable/initrd_tools.h"
#include "base/error.h"
#include "base/text.h"
#include "wire/boot/initrd_content.h"

namespace ka::agent {

namespace {

// modprobe takes both for one.
void with_underscores(std::vector<std::string>& modules) {
  for (std::string& module : modules) std::replace(module.begin(), module.end(), '-', '_');
}

bool is_program(const std::string& module) { return module.starts_with(boot::program_mark); }

// booster opens LUKS by itself.
void drop_programs_if_built_in(std::vector<std::string>& modules, const InitrdTool* tool) {
  if (tool && tool->name == std::string_view("booster")) std::erase_if(modules, is_program);
}

std::vector<std::string> lacking(const InstalledKernel& kernel, const std::set<std::string>& held,
                                 const std::vector<std::string>& wanted) {
  std::vector<std::string> result;
  for (const std::string& module : wanted)
    if ((is_program(module) || kernel.modules.count(module)) && !held.count(module)) result.push_back(module);
  return result;
}

class Initrds {
 public:
  Initrds(Machine& machine, CloneTree& clone, const InitrdContents& contents, Log& log, const InitrdTool& tool)
      : machine_(machine), clone_(clone), contents_(contents), log_(log), tool_(tool) {}

  // The wanted modules that this kernel has and its initrd has not.
  Awaitable<std::vector<std::string>> missing(const InstalledKernel& kernel, const std::vector<std::string>& wanted) {
    const std::set<std::string> held = co_await contents_.of(kernel.initrd);
    co_return lacking(kernel, held, wanted);
  }

  // Whether this initrd can stay. One that cannot be looked into cannot.
  Awaitable<bool> complete(const InstalledKernel& kernel, const std::vector<std::string>& wanted) {
    try {
      auto without = co_await missing(kernel, wanted);
      log_.line(" - " + kernel.initrd +
                (without.empty() ? " has " + joined(wanted, " ") + ": kept" : " lacks " + joined(without, " ")));
      co_return without.empty();
    } catch (const Error& error) {
      log_.line(" - Cannot look into " + kernel.initrd + ": " + error.what());
      co_return false;
    }
  }

  Awaitable<void> rebuild(const std::vector<InstalledKernel>& kernels, std::vector<std::string> modules) {
    std::erase_if(modules, is_program);
    tool_.configure(clone_, modules);
    log_.line(std::string(" - Running ") + tool_.program);
    auto show = [this](std::string_view line) { log_.line(line); };
    for (Command& command : tool_.rebuild(kernels)) {
      command.root = clone_.root();
      co_await machine_.run(command, show);
    }
  }

 private:
  Machine& machine_;
  CloneTree& clone_;
  const InitrdContents& contents_;
  Log& log_;
  const InitrdTool& tool_;
};

// Those that a kernel has as modules; what it has not, or has built in, cannot go into its initrd.
std::vector<std::string> known_to(const std::vector<InstalledKernel>& kernels, const std::vector<std::string>& modules,
                                  Log& log) {
  std::vector<std::string> known;
  for (const std::string& module : modules) {
    bool as_module = is_program(module);
    for (const InstalledKernel& kernel : kernels) {
      as_module = as_module || kernel.modules.count(module);
      if (!is_program(module) && !kernel.modules.count(module) && !kernel.built_in.count(module))
        log.line(" - The clone's kernel " + kernel.version + " has no module " + module + ": left out");
    }
    if (as_module) known.push_back(module);
  }
  return known;
}

// The one that is meant by a kernel's or an initrd's path; nullptr if it cannot be told.
const InstalledKernel* kernel_of(const std::vector<InstalledKernel>& kernels, const std::vector<std::string>& paths) {
  const InstalledKernel* found = nullptr;  // of "6.1.0-1" and "6.1.0-13" the longer one
  for (const InstalledKernel& kernel : kernels)
    for (const std::string& path : paths)
      if ((path.find(kernel.version) != std::string::npos || path == kernel.initrd) &&
          (!found || kernel.version.size() > found->version.size()))
        found = &kernel;
  return found || kernels.size() != 1 ? found : &kernels.front();
}

}  // namespace

Awaitable<void> fit_initrds(Machine& machine, CloneTree& clone, const InitrdContents& contents, Log& log,
                            InitrdNeed need) {
  std::vector<std::string> modules = need.modules;
  with_underscores(modules);
  auto kernels = installed_kernels(clone);
  for (InstalledKernel& kernel : kernels)
    for (const std::string& used : need.used)  // whatever its name
      if (kernel.initrd.empty() && kernel_of(kernels, {used}) == &kernel) kernel.initrd = used;
  auto without = [](const InstalledKernel& kernel) { return kernel.initrd.empty(); };
  kernels.erase(std::remove_if(kernels.begin(), kernels.end(), without), kernels.end());
  const InitrdTool* tool = initrd_tool(clone);
  if (!tool || kernels.empty()) {
    log.line(" - WARNING: " + std::string(tool ? "no kernel with an initrd" : "no tool that builds initrds") +
             " in the clone: its initrd is kept as it is" + (need.old ? ", with the golden node's device names" : "") +
             ". It must have: " + joined(modules, " "));
    co_return;
  }
  drop_programs_if_built_in(modules, tool);
  modules = known_to(kernels, modules, log);
  Initrds initrds(machine, clone, contents, log, *tool);
  if (need.old) log.line(" - The initrds hold copies of files that were changed: made anew");
  bool all_complete = !need.old;
  for (const InstalledKernel& kernel : kernels) {
    bool complete = co_await initrds.complete(kernel, modules);
    all_complete = all_complete && complete;
  }
  if (all_complete) co_return;
  co_await initrds.rebuild(kernels, modules);
  for (const InstalledKernel& kernel : kernels) {
    auto missing = co_await initrds.missing(kernel, modules);
    if (!missing.empty())
      throw Error("rebuild " + kernel.initrd,
                  "it still lacks " + joined(missing, " ") + ", without which this machine may not boot");
    log.line(" - " + kernel.initrd + " has " + joined(modules, " "));
  }
}

Awaitable<void> prove_initrds(const CloneTree& clone, const InitrdContents& contents, Log& log, std::string kernel,
                              std::vector<std::string> initrds, std::vector<std::string> modules) {
  with_underscores(modules);
  drop_programs_if_built_in(modules, initrd_tool(clone));
  std::set<std::string> held;
  for (const std::string& initrd : initrds) held.merge(co_await contents.of(initrd));
  std::vector<std::string> paths = initrds;
  paths.push_back(kernel);
  const auto kernels = installed_kernels(clone);
  const InstalledKernel* here = kernel_of(kernels, paths);
  const std::string what = initrds.empty() ? kernel : joined(initrds, " ");
  if (!here) {
    log.line(" - " + what + ": nothing in /lib/modules goes with it; its drivers were not looked for");
    co_return;
  }
  const auto missing = lacking(*here, held, modules);
  if (!missing.empty())
    throw Error("find this machine's drivers in " + what,
                "it lacks " + joined(missing, " ") + ", without which this machine may not start");
  std::vector<std::string> found;
  for (const std::string& module : modules)
    if (held.count(module)) found.push_back(module);
  log.line("   " + what + ": " +
           (found.empty() ? "no driver of this machine's disks is a module of kernel " + here->version
                          : "has " + joined(found, " ")));
}

}  // namespace ka::agent
