#pragma once
/// What all steps of one clone work on, from the first look at the manifest to the boot code: made once by clone(), and
/// handed from step to step.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agent/bootable/initrd_content.h"
#include "agent/clone/build.h"
#include "agent/clone/clone.h"
#include "agent/clone/proof.h"
#include "agent/clone/staged.h"
#include "agent/identity/early_host_key.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/mounts.h"
#include "agent/storage/kernel_log.h"
#include "agent/storage/targets.h"
#include "wire/manifest.h"

namespace ka::agent {

/// How often a step that takes long says how far it is.
constexpr auto between_stages = std::chrono::seconds(2);

struct MissingDisk {
  storage::Id golden;
  std::vector<std::string> arrays;  ///< for people, that had legs on it: "md0", "md1 (only a spare)"
};

struct Work {
  explicit Work(CloneContext& its_context)
      : context(its_context),
        machine(context.machine),
        log(context.log),
        mounts(context.io, machine, log),
        staged(machine, mounts, context.target + "-staged"),
        stage2(machine, context.stage2_root),
        clone(machine, context.target),
        initrds(machine, clone, stage2, manifest.initrds),
        early_key(context.io, machine, stage2, log),
        kernel_log(context.kernel_log),
        build(machine, log, manifest, context.stage2_root, context.sysfs) {}
  Work(const Work&) = delete;

  CloneContext& context;
  Machine& machine;
  Log& log;
  Mounts mounts;
  Staged staged;
  CloneTree stage2, clone;
  InitrdContents initrds;
  EarlyHostKey early_key;
  KernelLog kernel_log;  ///< from before the first write

  wire::Manifest manifest;
  Build build;
  std::vector<Target> targets;
  std::vector<MissingDisk> missing;  ///< golden disks without one here; the manifest has them no more
  SettledDrivers drivers;
  std::shared_ptr<Proof> proof;      ///< shared with the thread that reads
  std::vector<std::string> modules;  ///< that the clone's kernel must have before its root is mounted
  std::vector<std::string> changed;  ///< devices of disks that were written to

  /// For the server: what is being done.
  void stage(const std::string& text) { context.link.report(text); }

  const std::string& host_name() const {
    const bool kept = wire::fate_of(wire::IdentityItem::host_name, manifest.identity) == wire::IdentityFate::keep;
    return kept || context.host_name.empty() ? manifest.golden_host : context.host_name;
  }

  wire::BootLoader::Kind loader() const {
    return manifest.boot_loader ? manifest.boot_loader->kind : wire::BootLoader::Kind::none;
  }
};

}  // namespace ka::agent
