#include <unistd.h>

#include <algorithm>

#include "agent/storage/kinds.h"
#include "base/files.h"
#include "base/text.h"
#include "wire/storage/raid.h"

namespace ka::agent {

namespace {

using storage::has_parity;
using storage::Raid;

std::string device(const storage::Node& node, const std::string&) { return "/dev/" + node.id; }

// Levels whose legs have nothing in common.
bool has_no_copies(const Raid& raid) { return raid.level == "raid0" || raid.level == "linear"; }

std::string kib(std::uint64_t bytes) { return std::to_string(bytes / 1024) + "K"; }

std::vector<std::uint64_t> rooms_of(const Job& job) {
  std::vector<storage::Ground> legs;
  for (const Below& leg : job.below) legs.push_back(leg.ground);
  return storage::leg_rooms(storage::as<Raid>(job.node), legs);
}

// Where legs are unlike, no kernel starts a RAID0 that does not say how it goes on behind the smallest. An older mdadm
// left that open, which a kernel of its time understands; so it stays open where nothing hangs on it.
std::string layout(const Job& job) {
  const auto& raid = storage::as<Raid>(job.node);
  if (raid.level != "raid0" || !raid.layout.empty()) return raid.layout;
  const auto rooms = rooms_of(job);
  const bool alike = std::count(rooms.begin(), rooms.end(), rooms.front()) == std::ssize(rooms);
  return alike ? "dangerous" : "alternate";
}

// In the order of their slots, then the spares.
std::vector<std::string> legs(const Job& job) {
  std::vector<std::string> legs;
  for (const Below& leg : job.below) legs.push_back(leg.device);
  for (std::uint32_t slot : storage::as<Raid>(job.node).empty_slots) legs.insert(legs.begin() + slot, "missing");
  return legs;
}

// Every number is said: what mdadm would choose depends on its version and on the sizes of the legs.
std::vector<std::string> create(const Job& job) {
  const auto& raid = storage::as<Raid>(job.node);
  std::vector<std::string> argv = {"mdadm",
                                   "--create",
                                   job.device,
                                   "--run",
                                   "--level=" + raid.level,
                                   "--metadata=" + raid.metadata,
                                   "--uuid=" + raid.uuid,
                                   "--homehost=" + job.host_name,
                                   "--raid-devices=" + std::to_string(raid.slots)};
  const std::size_t devices = job.below.size() + raid.empty_slots.size();
  if (devices > raid.slots) argv.push_back("--spare-devices=" + std::to_string(devices - raid.slots));
  if (!raid.name.empty()) argv.push_back("--name=" + raid.name);
  if (raid.chunk != 0) argv.push_back("--chunk=" + kib(raid.chunk));
  if (std::string word = layout(job); !word.empty()) argv.push_back("--layout=" + word);
  if (const std::uint64_t offset = storage::data_offset(raid); offset != 0)
    argv.push_back("--data-offset=" + std::to_string(offset / 512) + "s");
  if (!has_no_copies(raid)) {
    const auto rooms = rooms_of(job);
    argv.push_back("--size=" + kib(*std::min_element(rooms.begin(), rooms.end())));
    argv.push_back(raid.bitmap ? "--bitmap=internal" : "--bitmap=none");
  }
  // Parity is right for what is written from now on; with all legs at once, and not with the last of them as the one
  // that has yet to be rebuilt. Where legs are missing, what is there of parity tells of these, and is right; of a
  // RAID6 that has one parity left mdadm makes a leg the one that has to be rebuilt, since no kernel would start it
  // else.
  if (!has_parity(raid))
    argv.emplace_back("--assume-clean");
  else if (raid.empty_slots.empty())
    argv.emplace_back("--force");
  for (std::string& leg : legs(job)) argv.push_back(std::move(leg));
  return argv;
}

// The rest of the parity is made after the first start: it would compete with the files.
Command freeze(const Job& job) {
  return Command({"sh", "-c", "echo frozen >/sys/class/block/\"$1\"/md/sync_action", "freeze", job.node.id});
}

std::vector<Command> make(const Job& job) {
  std::vector<Command> commands = {Command(create(job))};
  commands.back().environment = {"MDADM_NO_UDEV=1"};
  if (storage::needs_sync(storage::as<Raid>(job.node))) commands.push_back(freeze(job));
  return commands;
}

// Marks it clean as it ends it. One that was not made, or was stopped already, has no state or that of none.
std::vector<Command> stop(const Job& job) {
  const char* const if_running =
      "state=$(cat /sys/class/block/\"$2\"/md/array_state 2>/dev/null) || exit 0; "
      "[ \"$state\" = clear ] || exec mdadm --stop \"$1\"";
  Command command({"sh", "-c", if_running, "stop", job.device, job.node.id});
  command.environment = {"MDADM_NO_UDEV=1"};
  return {command};
}

// Where a leg fails, or its disk is taken away, the kernel goes on with the others, and no write fails. One to which
// nothing was written since is in its place as before, but its disk is not.
std::string lost(const Job& job, const std::string& sysfs) {
  const std::string array = sysfs + "/class/block/" + job.node.id + "/md/";
  std::vector<std::string> names;
  for (const std::string& leg : list_directory(array)) {
    if (!leg.starts_with("dev-")) continue;
    const bool faulty = read_file_if_any(array + leg + "/state").value_or("").find("faulty") != std::string::npos;
    if (faulty || ::access((array + leg + "/block").c_str(), F_OK) != 0) names.push_back(leg.substr(4));
  }
  return joined(names, ", ");
}

// By the name that each kernel's modules.dep has; what it has built in is none.
std::vector<std::string> needed_modules(const storage::Node& node) {
  const std::string& level = storage::as<Raid>(node).level;
  return {"md_mod", has_parity(storage::as<Raid>(node)) ? "raid456" : level};
}

}  // namespace

const Maker raid_maker = {.programs = {"sh", "cat", "mdadm"},
                          .longest_label = 0,
                          .device = device,
                          .make = make,
                          .stop = stop,
                          .lost = lost,
                          .needed_modules = needed_modules};

}  // namespace ka::agent
