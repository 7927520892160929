#include "server/plan/plan.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "server/golden/paths.h"
#include "server/plan/plan_draft.h"

namespace ka::server {

namespace {

constexpr std::uint64_t mib = 1024 * 1024;

// As fallocate makes it at once on ext4, and dd where there are no extents. The file system's clone has the room.
wire::Hook swap_file_hook(const Swap& swap, std::size_t number) {
  std::string quoted;
  for (char c : swap.path) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  // The kernel does not count the page of the header.
  std::uint64_t size = (swap.size + mib) / mib * mib;
  std::string script =
      "#!/bin/sh\n# The golden node's swap file, made anew. Btrfs swaps only to one without copies on write.\n"
      "set -e\numask 077\nfile='" +
      quoted + "'\n: >\"$file\"\nchattr +C \"$file\" 2>/dev/null || :\nfallocate -l " + std::to_string(size) +
      " \"$file\" 2>/dev/null ||\n  dd if=/dev/zero of=\"$file\" bs=1048576 count=" + std::to_string(size / mib) +
      "\nmkswap \"$file\"\n";
  return {"00-ka-swap-file-" + std::to_string(number), script};
}

std::string in_one(const std::vector<std::string>& reasons) {
  if (reasons.size() == 1) return reasons.front();
  std::string all;
  for (const std::string& reason : reasons) all += "\n  - " + reason;
  return all;
}

}  // namespace

bool is_from_file(const CloneOptions& options, std::string_view key, std::string_view value) {
  auto fields = words(value);
  const std::string_view first = fields.empty() ? value : fields.front();
  return std::any_of(options.from_file.begin(), options.from_file.end(), [&](const auto& line) {
    return line.first == key && plain_name(line.second) == plain_name(first);
  });
}

void PlanDraft::not_there(std::string_view key, const std::string& value, const std::string& text) {
  if (is_from_file(options, key, value))
    warn("ka.conf: " + text);
  else
    refuse(text);
}

bool PlanDraft::excluded_path(std::string_view path) const {
  return std::any_of(plan.excluded.begin(), plan.excluded.end(), [&](const auto& e) { return lies_in(path, e); });
}

const Probe* PlanDraft::probe(const std::string& partition) const {
  auto found = golden.probes.find(partition);
  return found == golden.probes.end() ? nullptr : &found->second;
}

void PlanDraft::stop_if_refused() const {
  if (!refusals.empty()) throw Refusal(refusals, plan.warnings);
}

Refusal::Refusal(std::vector<std::string> reasons, std::vector<std::string> warnings)
    : Error("cannot clone this machine", in_one(reasons)),
      reasons_(std::move(reasons)),
      warnings_(std::move(warnings)) {}

std::vector<std::string> left_out_of_stream(const Plan& plan) {
  std::vector<std::string> paths = plan.excluded;
  for (const Swap& swap : plan.swap_files) paths.push_back(swap.path);
  paths.insert(paths.end(), plan.unseen.begin(), plan.unseen.end());
  paths.insert(paths.end(), plan.kept_back.begin(), plan.kept_back.end());
  return paths;
}

namespace {

// Whoever has the key is the server and the operator of this site: no clone is.
std::vector<std::string> key_files(const std::string& chosen) {
  std::vector<std::string> files = {default_key_file};
  for (const std::string& file : {std::string(default_key_file), chosen}) {
    const std::unique_ptr<char, void (*)(void*)> real(::realpath(file.c_str(), nullptr), std::free);
    if (real && std::find(files.begin(), files.end(), real.get()) == files.end()) files.emplace_back(real.get());
  }
  return files;
}

}  // namespace

Plan make_plan(const Golden& golden, const PlanInput& input) {
  PlanDraft draft(golden, input);
  draft.plan.warnings = input.warnings;
  draft.plan.warnings.insert(draft.plan.warnings.end(), golden.warnings.begin(), golden.warnings.end());
  read_names(draft);
  cut(draft);
  add_drives(draft);
  hide_subvolumes(draft);
  check_luks(draft);
  // What follows would complain of what is missing only because something was refused.
  draft.stop_if_refused();
  add_boot_loader(draft);
  add_targets(draft);
  check_fstab(draft);
  draft.stop_if_refused();
  follow_boot(draft);
  draft.stop_if_refused();
  add_needs(draft);

  Plan& plan = draft.plan;
  wire::Manifest& manifest = plan.manifest;
  manifest.golden_host = golden.host_name;
  for (const NetworkCard& card : golden.network_cards) manifest.network_cards.push_back({card.address, card.place});
  manifest.golden_addresses = golden.addresses;
  plan.kept_back = key_files(input.options.key);
  manifest.identity = {input.options.keep, input.options.renew};
  manifest.server_version = KA_VERSION;
  manifest.session = input.options.session;
  for (const Swap& swap : plan.swap_files) manifest.hooks.push_back(swap_file_hook(swap, manifest.hooks.size() + 1));
  manifest.hooks.insert(manifest.hooks.end(), input.hooks.begin(), input.hooks.end());
  manifest.removable_allowed = input.options.allow_removable;
  manifest.degraded = input.options.degraded;
  manifest.log_directory = input.options.log_directory;
  wire::check(manifest);
  return std::move(plan);
}

}  // namespace ka::server
