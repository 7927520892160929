#include "agent/clone/build.h"

#include "agent/storage/unfinished.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "wire/storage/sfdisk.h"
#include "wire/storage/tree_text.h"

namespace ka::agent {

using storage::mib;
using storage::Node;
using storage::Partition;

std::vector<std::string> Build::programs() const {
  std::vector<std::string> programs;
  for (const Node& node : storage_.nodes)
    for (const std::string& program : maker(node).programs) programs.push_back(program);
  return programs;
}

std::string Build::mount_point(const storage::Id& content) const {
  for (const wire::Mount& mount : manifest_.mounts)
    if (mount.fs == content) return mount.point;
  return "";
}

// ---- Before anything is written ----

Awaitable<void> Build::place(const std::vector<Target>& targets, std::string host_name) {
  host_name_ = std::move(host_name);
  std::map<storage::Id, storage::Ground> disks;
  std::string all;
  for (const Target& target : targets) {
    disks[target.golden->id] = {target.disk.size, target.disk.sector_size};
    all += (all.empty() ? "" : ", ") + target.disk.text();
  }
  try {
    places_ = storage::place(storage_, disks, anew_);
    for (const Target& target : targets) {
      if (!table_of(target)) continue;
      std::string objection;
      try {
        co_await try_table(target);
      } catch (const Error& error) {
        const auto partitions = storage_.on(table_of(target)->id);
        if (partitions.empty() || storage::as<Partition>(*partitions.front()).start == 0) throw;
        objection = error.what();
      }
      if (objection.empty()) continue;
      // sfdisk cannot say some tables that it can read: logical partitions not in the order of their numbers, close by.
      log_.line(" - The partitions are laid out anew: " + objection);
      anew_.insert(table_of(target)->id);
      places_ = storage::place(storage_, disks, anew_);
      co_await try_table(target);
    }
    storage::check_kept(storage_, places_);
  } catch (const Error& error) {
    throw in_context("use " + all, error);
  }
  name_devices(targets);
}

void Build::name_devices(const std::vector<Target>& targets) {
  for (const Target& target : targets) devices_[target.golden->id] = "/dev/" + target.disk.name;
  for (const Node& node : storage_.nodes) {
    if (node.on.empty()) continue;
    const std::string& below = devices_.at(node.on.front());
    devices_[node.id] = maker(node).device ? maker(node).device(node, below) : below;
  }
}

std::string Build::write_script(const Target& target) {
  const std::string script = "/tmp/ka-partitions-" + target.disk.name;
  machine_.write_file(stage2_root_ + script, storage::sfdisk_script(storage_, *table_of(target), places_));
  return script;
}

// On a file without content, in RAM, as large as the disk. It has sectors of 512 bytes.
Awaitable<void> Build::try_table(const Target& target) {
  if (target.disk.sector_size != 512) co_return;
  const std::string script = write_script(target), disk = "/tmp/ka-dry-disk";
  machine_.write_file(stage2_root_ + disk, "");
  const char* const sfdisk = "truncate -s \"$1\" \"$2\" && exec sfdisk --no-reread --no-tell-kernel \"$2\" <\"$3\"";
  Command command({"sh", "-c", sfdisk, "dry-run", std::to_string(target.disk.size), disk, script});
  command.root = stage2_root_;
  co_await machine_.run(command);
}

// A tool that would refuse half-way refuses now.
Awaitable<void> Build::check_contents() {
  for (const Node& node : storage_.nodes)
    if (storage::rule(node).sort == storage::Sort::content)
      check_fit(storage_, node, places_.at(node.id).ground, mount_point(node.id));
  for (const Node& node : storage_.nodes) {
    if (!maker(node).dry_run) continue;
    const std::string empty_file = "/tmp/ka-dry-run";
    Command command = maker(node).dry_run(job(node), empty_file);
    machine_.write_file(stage2_root_ + empty_file, "");
    command.root = stage2_root_;
    co_await machine_.run(command);
  }
}

Job Build::job(const Node& node) const {
  Job job{node, device(node.id), places_.at(node.id).ground, {}, host_name_, &storage_, &places_};
  for (const storage::Id& id : node.on) job.below.push_back({device(id), places_.at(id).ground});
  if (auto known = passphrases_.find(node.id); known != passphrases_.end()) job.passphrase = known->second;
  return job;
}

std::vector<boot::HardDrive> Build::hard_drives(const storage::Id& content) const {
  std::vector<boot::HardDrive> drives;
  for (const Node* node : storage::all_below(storage_, storage_.at(content))) {
    const auto* partition = storage::get<Partition>(node);
    if (!partition) continue;
    const storage::Place& place = places_.at(node->id);
    const storage::ReadTable& table = tables_.at(node->on.front());
    const Partition* made = table.find(partition->number);
    const std::uint32_t sector = place.ground.sector;
    drives.push_back({static_cast<std::uint32_t>(partition->number), place.start / sector, place.ground.bytes / sector,
                      made && !made->guid.empty() ? made->guid : table.table.identity});
  }
  return drives;
}

std::vector<std::string> Build::text() const { return storage::tree_text(storage_, places_); }

// ---- Writes ----

Awaitable<void> Build::make_table(const Target& target) {
  const std::string device = "/dev/" + target.disk.name;
  // The table, and a boot loader of the disk's earlier life with all that it kept behind its first sector.
  std::string first_mib = unfinished_boot_code();
  first_mib.resize(mib, '\0');
  machine_.write_device(device, 0, first_mib);
  // The second copy of a GPT, and of RAID superblocks those that lie at the end of the disk.
  machine_.write_device(device, target.disk.size - mib, std::string(mib, '\0'));
  if (!table_of(target)) co_return;

  Log::Step step(log_, "Writing partition table for " + target.disk.name + " using sfdisk");
  const std::string script = write_script(target);
  // sfdisk itself would wait a quarter of a second before it tells the kernel; and it takes this process, which has
  // the disk for itself, for somebody who uses it (--no-reread).
  const char* const sfdisk =
      "exec sfdisk --lock --no-reread --no-tell-kernel --wipe always --wipe-partitions always \"$1\" <\"$2\"";
  Command command({"sh", "-c", sfdisk, "sfdisk", device, script});
  command.root = stage2_root_;
  co_await machine_.run(command);
  machine_.write_device(device, 0, unfinished_boot_code());  // sfdisk begins with an empty sector
  co_await check_table(target);
  machine_.reread_partitions(device);
  check_kernel_sees(target);
  step.ok();
}

// Types, GUIDs, names and flags, as sfdisk itself reads them.
Awaitable<void> Build::check_table(const Target& target) {
  const std::string device = "/dev/" + target.disk.name;
  Command command({"sfdisk", "--json", device});
  command.root = stage2_root_;
  const std::string json = co_await machine_.output_of(command);
  const storage::ReadTable made = storage::read_sfdisk(json);
  const std::string difference = storage::difference(storage_, *table_of(target), places_, made);
  if (!difference.empty()) throw Error("write the partition table of " + device, "read back, " + difference);
  tables_[table_of(target)->id] = made;
}

// mkfs, mkswap and mount each want their partition alone, which the kernel grants nobody while this process has the
// whole disk. What comes in between takes a partition from one of them, which then fails and says so.
void Build::let_programs_in(const Target& target) {
  machine_.share_disk("/dev/" + target.disk.name);
  if (table_of(target)) check_kernel_sees(target);
}

// A table that the kernel reads otherwise than it was meant would send file systems to the wrong place.
void Build::check_kernel_sees(const Target& target) const {
  for (const Node* node : storage_.on(table_of(target)->id)) {
    const Partition& p = storage::as<Partition>(*node);
    const storage::Place& place = places_.at(node->id);
    const std::string name = partition_name(target.disk.name, p.number);
    const std::string entry = sysfs_ + "/block/" + target.disk.name + "/" + name;
    auto start = parse_unsigned(trim(read_file_if_any(entry + "/start").value_or("")));
    auto size = parse_unsigned(trim(read_file_if_any(entry + "/size").value_or("")));
    const bool extended = p.role == storage::Role::extended;  // the kernel shows its first sectors only
    if (start != place.start / 512 || (!extended && size != place.ground.bytes / 512))
      throw Error("write the partition table of /dev/" + target.disk.name,
                  "the kernel does not see " + name + " where it was put; is the disk in use?");
  }
}

Awaitable<void> Build::run(std::vector<Command> commands) {
  for (Command& command : commands) {
    command.root = stage2_root_;
    co_await machine_.run(command);
  }
}

Awaitable<void> Build::make(const Node& node) {
  if (!maker(node).make) co_return;
  const bool content = storage::rule(node).sort == storage::Sort::content;
  Log::Step step(log_, (content ? "Formatting " + device(node.id) + " as " : "Making " + node.id + ", ") +
                           storage::rule(node).text(node));
  if (maker(node).stop) running_.insert(node.id);  // also what was made by half
  std::vector<Command> commands = maker(node).make(job(node));
  co_await run(std::move(commands));
  check_made(node);
  if (storage::rule(node).sort == storage::Sort::device) co_await check_device(node);
  step.ok();
}

// What it has too little the programs above would take from each other, and what lay there in the disk's earlier life
// must not be found again at the same place.
Awaitable<void> Build::check_device(const Node& node) {
  const std::string name = device(node.id);
  Command size({"blockdev", "--getsize64", name});
  size.root = stage2_root_;
  const std::string printed = co_await machine_.output_of(size);
  const std::uint64_t there = parse_unsigned(trim(printed)).value_or(0), wanted = places_.at(node.id).ground.bytes;
  if (there < wanted)
    throw Error("make " + name, "it has " + std::to_string(there) + " bytes, and not " + std::to_string(wanted));
  Command wipe({"wipefs", "--all", "--force", name});
  wipe.root = stage2_root_;
  co_await machine_.run(wipe);
}

std::string Build::lost() const {
  std::string text;
  for (const Node& node : storage_.nodes) {
    if (!running_.count(node.id) || !maker(node).lost) continue;
    const std::string lost = maker(node).lost(job(node), sysfs_);
    if (!lost.empty())
      text += (text.empty() ? "" : "; ") + node.id + " goes on without " + lost + ", which failed or was taken away";
  }
  return text;
}

void Build::check_whole() const {
  if (const std::string text = lost(); !text.empty()) throw Error("write the disks", text);
}

Awaitable<void> Build::stop() {
  if (running_.empty()) co_return;
  std::string first;
  for (const auto& [id, path] : devices_) machine_.release(path);
  for (auto node = storage_.nodes.rbegin(); node != storage_.nodes.rend(); ++node) {
    if (!running_.count(node->id)) continue;
    try {
      std::vector<Command> commands = maker(*node).stop(job(*node));
      co_await run(std::move(commands));
      running_.erase(node->id);
    } catch (const Error& error) {
      if (first.empty()) first = error.what();
    }
  }
  if (!first.empty()) throw Error("end what runs of the clone's storage", first);
}

// A program that ended well and did otherwise, as an older one may do with what it does not know.
void Build::check_made(const Node& node) {
  const storage::Rule& kind = storage::rule(node);
  if (kind.superblock.empty()) return;
  // Of a partition through its disk, which is open.
  const Node& below = storage_.at(node.on.front());
  const std::uint64_t start = places_.at(below.id).start;
  const bool on_disk = storage::get<Partition>(&below) != nullptr;
  const std::string disk = device(on_disk ? storage::disk_below(storage_, node).id : below.id);
  std::vector<std::string> superblock;
  for (const storage::Range& range : kind.superblock)
    superblock.push_back(machine_.read_device(disk, start + range.offset, range.size));
  const std::string doing = "make " + device(below.id) + " as the golden " + below.id;
  std::string difference;
  try {
    const Node made{node.id, node.on, {}, kind.read(superblock)};
    difference = kind.difference(node, places_.at(node.id).ground, made);
  } catch (const Error& error) {
    throw in_context(doing, error);
  }
  if (!difference.empty()) throw Error(doing, "read back, " + difference);
}

}  // namespace ka::agent
