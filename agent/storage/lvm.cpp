// Volume groups: all of a group is made at once, and gets the golden UUIDs before anything lies on it.
//
// Every command names the devices that LVM may look at. What other disks of this machine bear it never sees, also not a
// group of the same name.
#include "wire/storage/lvm.h"

#include <unistd.h>

#include <algorithm>

#include "agent/storage/kinds.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using storage::Group;
using storage::Node;
using storage::Physical;
using storage::Pool;
using storage::Volume;

using Words = std::vector<std::string>;

std::string device(const Node& node, const std::string&) { return "/dev/mapper/" + storage::mapped_name(node); }

std::string in_bytes(std::uint64_t bytes) { return std::to_string(bytes) + "b"; }

// A RAID whose parity or second copies are not there from the start: the kernel would write them while the files come.
bool is_synced_later(const Volume& volume) {
  return volume.segment.starts_with("raid") && !volume.segment.starts_with("raid0") && volume.segment != "raid1";
}

class GroupMaker {
 public:
  explicit GroupMaker(const Job& job) : job_(job), group_(storage::as<Group>(job.node)), name_(job.node.id) {
    for (const Below& below : job.below) devices_ += (devices_.empty() ? "" : ",") + below.device;
    volumes_ = storage::volumes_of_group(*job.graph, name_);
  }

  std::vector<Command> make() {
    for (std::size_t i = 0; i < group_.physical.size(); ++i) make_physical(group_.physical[i], job_.below[i].device);
    make_group();
    extents_ = storage::extents_of_group(*job_.graph, job_.node, *job_.places);
    for (const Node* volume : volumes_) make_volume(*volume);
    take_golden_ids();
    lvm("vgchange", {"--activate", "y", name_});
    for (const Node* node : volumes_)
      if (const auto* volume = storage::get<Volume>(node); volume && is_synced_later(*volume))
        commands_.emplace_back(Words{"dmsetup", "message", storage::mapped_name(*node), "0", "frozen"});
    return std::move(commands_);
  }

  // Also of what was made by half.
  std::vector<Command> stop() {
    const char* const script =
        "lvm vgs --devices \"$1\" \"$2\" >/dev/null 2>&1 || exit 0\n"
        "exec lvm vgchange --devices \"$1\" --activate n \"$2\"";
    commands_.emplace_back(Words{"sh", "-c", script, "stop", devices_, name_});
    return std::move(commands_);
  }

  std::vector<Command> finish() {
    for (const Node* node : volumes_)
      if (const auto* volume = storage::get<Volume>(node); volume && volume->read_only)
        lvm("lvchange", {"--permission", "r", node->id});
    return std::move(commands_);
  }

 private:
  void lvm(const char* program, const Words& words) {
    Words argv = {"lvm", program, "--devices", devices_};
    argv.insert(argv.end(), words.begin(), words.end());
    commands_.emplace_back(std::move(argv));
  }

  // The first extent lies at the first multiple of the alignment behind the metadata, which has what is in front of it
  // but for the label's 4 KiB.
  void make_physical(const Physical& physical, const std::string& device) {
    commands_.emplace_back(Words{"lvm", "pvcreate", "--devices", device, "-ff", "--yes", "--zero", "y", "--uuid",
                                 physical.uuid, "--norestorefile", "--dataalignment", in_bytes(physical.start),
                                 "--metadatasize", in_bytes(physical.start - 4096), device});
  }

  void make_group() {
    Words words = {"--yes", "--physicalextentsize", in_bytes(group_.extent)};
    add_tags(words, group_.tags);
    words.push_back(name_);
    for (const Below& below : job_.below) words.push_back(below.device);
    lvm("vgcreate", words);
    for (std::size_t i = 0; i < group_.physical.size(); ++i) {
      if (group_.physical[i].tags.empty()) continue;
      Words change;
      add_tags(change, group_.physical[i].tags);
      change.push_back(job_.below[i].device);
      lvm("pvchange", change);
    }
  }

  static void add_tags(Words& words, const std::vector<std::string>& tags) {
    for (const std::string& tag : tags) words.insert(words.end(), {"--addtag", tag});
  }

  // None of them runs yet: what runs keeps the UUIDs that it was started with.
  void make_volume(const Node& node) {
    Words words = {"--yes", "--activate", "n", "--name", storage::volume_name(node)};
    if (const auto* pool = storage::get<Pool>(&node)) {
      add_tags(words, pool->tags);
      add_pool(words, node, *pool);
    } else {
      const Volume& volume = storage::as<Volume>(node);
      add_tags(words, volume.tags);
      if (volume.segment == "thin")
        words.insert(words.end(), {"--type", "thin", "--virtualsize", in_bytes(job_.places->at(node.id).ground.bytes),
                                   "--thinpool", node.on.front().substr(name_.size() + 1)});
      else
        add_shape(words, node, volume);
    }
    words.push_back(name_);
    for (const storage::Extents& run : extents_[node.id])
      words.push_back(device_of(run.on) + ":" + std::to_string(run.first) + "-" +
                      std::to_string(run.first + run.count - 1));
    lvm("lvcreate", words);
  }

  std::string extents(const Node& node) const {
    return std::to_string(job_.places->at(node.id).ground.bytes / group_.extent);
  }

  void add_pool(Words& words, const Node& node, const Pool& pool) const {
    words.insert(words.end(), {"--type", "thin-pool", "--extents", extents(node), "--chunksize", in_bytes(pool.chunk),
                               "--poolmetadatasize", in_bytes(pool.metadata), "--discards", pool.discards, "--zero",
                               pool.zeroes ? "y" : "n"});
  }

  void add_shape(Words& words, const Node& node, const Volume& volume) const {
    words.insert(words.end(),
                 {"--type", volume.segment, "--extents", extents(node), "--zero", "n", "--wipesignatures", "n"});
    if (volume.stripes > 1) words.insert(words.end(), {"--stripes", std::to_string(volume.stripes)});
    if (volume.stripe_size > 0) words.insert(words.end(), {"--stripesize", in_bytes(volume.stripe_size)});
    if (volume.copies > 1) words.insert(words.end(), {"--mirrors", std::to_string(volume.copies - 1)});
    if (volume.segment == "mirror") {
      const bool has_log = extents_.at(node.id).size() > volume.copies;
      words.insert(words.end(), {"--mirrorlog", has_log ? "disk" : "core"});
    }
    if (volume.segment == "mirror" || volume.segment == "raid1") words.emplace_back("--nosync");
  }

  const std::string& device_of(const storage::Id& physical) const {
    const auto& on = job_.node.on;
    return job_.below[static_cast<std::size_t>(std::find(on.begin(), on.end(), physical) - on.begin())].device;
  }

  // grub.cfg may name a volume by the UUIDs of its group and itself. No program sets them, so they are put into a copy
  // of the metadata, which is then restored.
  void take_golden_ids() {
    const std::string file = "/tmp/ka-" + name_;
    lvm("vgcfgbackup", {"--file", file, name_});
    std::string volumes = "/^\tlogical_volumes {/,${\n";
    for (const Node* node : volumes_)
      volumes += with_id("^\t\t" + in_pattern(storage::volume_name(*node)), uuid_of(*node));
    commands_.emplace_back(
        Words{"sed", "-i", "-e", with_id("^" + in_pattern(name_), group_.uuid), "-e", volumes + "}", file});
    Words words = {"--yes", "--file", file, name_};
    const bool has_pool =
        std::any_of(volumes_.begin(), volumes_.end(), [](auto* node) { return storage::get<Pool>(node); });
    if (has_pool) words.insert(words.begin(), "--force");
    lvm("vgcfgrestore", words);
    check_ids();
  }

  static std::string with_id(const std::string& section, const std::string& uuid) {
    return "/" + section + " {/,/\tid = /s/\tid = \"[^\"]*\"/\tid = \"" + uuid + "\"/\n";
  }

  static const std::string& uuid_of(const Node& node) {
    const Pool* pool = storage::get<Pool>(&node);
    return pool ? pool->uuid : storage::as<Volume>(node).uuid;
  }

  static std::string in_pattern(const std::string& name) {
    std::string pattern;
    for (char c : name) pattern += c == '.' ? "[.]" : std::string(1, c);
    return pattern;
  }

  // Metadata of an LVM to come may be written otherwise.
  void check_ids() {
    const char* const script =
        "devices=$1 group=$2; shift 2\n"
        "there=$(lvm vgs --devices \"$devices\" --noheadings -o vg_uuid \"$group\"\n"
        "  lvm lvs --devices \"$devices\" --noheadings -o lv_uuid \"$group\")\n"
        "for uuid; do\n"
        "  case $there in *\"$uuid\"*) ;; *) echo \"$group was not given the UUID $uuid\"; exit 1 ;; esac\n"
        "done";
    Words words = {"sh", "-c", script, "check", devices_, name_, group_.uuid};
    for (const Node* node : volumes_) words.push_back(uuid_of(*node));
    commands_.emplace_back(std::move(words));
  }

  const Job& job_;
  const Group& group_;
  std::string name_, devices_;
  std::vector<const Node*> volumes_;  // and pools, each before its thin volumes
  std::map<storage::Id, std::vector<storage::Extents>> extents_;
  std::vector<Command> commands_;
};

std::vector<Command> make_group(const Job& job) { return GroupMaker(job).make(); }
std::vector<Command> stop_group(const Job& job) { return GroupMaker(job).stop(); }
std::vector<Command> finish_group(const Job& job) { return GroupMaker(job).finish(); }

// A mirror in it goes on without, and what lies wholly elsewhere too. What of it is mapped or an array is asked by its
// own kind, or has failed to be written to.
std::string lost_physical(const Job& job, const std::string& sysfs) {
  std::vector<std::string> names;
  for (const Below& below : job.below) {
    const std::string name = below.device.substr(below.device.rfind('/') + 1);
    if (below.device == "/dev/" + name && ::access((sysfs + "/class/block/" + name).c_str(), F_OK) != 0)
      names.push_back(name);
  }
  return joined(names, ", ");
}

// With its group; it is only looked at, as all devices are.
std::vector<Command> made_already(const Job&) { return {}; }

std::vector<std::string> group_modules(const Node&) { return {"dm_mod"}; }
std::vector<std::string> pool_modules(const Node&) { return {"dm_thin_pool"}; }

std::vector<std::string> volume_modules(const Node& node) {
  const std::string& segment = storage::as<Volume>(node).segment;
  if (segment == "mirror") return {"dm_mirror"};
  if (segment.starts_with("raid")) return {"dm_raid"};
  return {};
}

}  // namespace

const Maker group_maker = {.programs = {"lvm", "sed", "sh"},
                           .longest_label = 0,
                           .make = make_group,
                           .stop = stop_group,
                           .lost = lost_physical,
                           .needed_modules = group_modules,
                           .finish = finish_group};
const Maker pool_maker = {.longest_label = 0, .needed_modules = pool_modules};
const Maker volume_maker = {.programs = {"dmsetup"},
                            .longest_label = 0,
                            .device = device,
                            .make = made_already,
                            .needed_modules = volume_modules};

}  // namespace ka::agent
