#include "agent/storage/targets.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "wire/degraded.h"

namespace ka::agent {

namespace {

// Why this disk must not be written to whatever a rule says, or "".
std::string why_never(const MachineDisk& disk, const TargetQuestion& question) {
  if (disk.removable && !question.manifest.removable_allowed)
    return "removable or on USB, and the server does not allow such disks";
  if (disk.read_only) return "read-only";
  return disk.used_by;
}

// Why it is not taken without a rule, or "".
std::string why_not(const MachineDisk& disk, const TargetQuestion& question) {
  std::string never = why_never(disk, question);
  if (!never.empty() || question.booted_by_network || !disk.removable) return never;
  return "removable, and this machine was not booted by the network: perhaps it is what it booted from";
}

// "sd" of sda, "nvme" of nvme0n1.
std::string_view kind_of_name(const MachineDisk& disk) { return disk.name.starts_with("nvme") ? "nvme" : "sd"; }

// What stays the same at the next start, and can stand on a kernel command line.
std::string lasting_selector(const MachineDisk& disk) {
  for (const auto& [kind, value] : {std::pair("serial:", disk.serial), {"wwn:", disk.wwn}, {"path:", disk.path}})
    if (!value.empty() && value.find_first_of(" \"") == std::string::npos) return kind + value;
  return "name:" + disk.name;
}

class Chooser {
 public:
  explicit Chooser(const TargetQuestion& question) : question_(question) {
    for (const MachineDisk& disk : question.disks)
      if (why_not(disk, question).empty()) free_.push_back(&disk);
  }

  std::vector<Target> choose() {
    for (const auto& [golden, selector] : rules()) take(golden, by_rule(golden, selector));
    std::vector<const storage::Node*> open;
    for (const storage::Node* golden : golden_disks())
      if (!taken_.count(golden->id)) open.push_back(golden);
    const std::set<std::string> missing = too_many(open);
    if (!open.empty() && !question_.doubts.empty())
      refuse(open[0]->id, "there may be disks here that cannot be seen; say which one it is" + remedy(open[0]->id));
    std::erase_if(open, [&missing](const storage::Node* golden) { return missing.count(golden->id) > 0; });
    if (open.size() == 1) take(open[0]->id, the_only_one(open[0]->id));
    if (open.size() > 1 && make_one_thing(open))
      take_by_size(open);
    else if (open.size() > 1)
      take_the_same(open);

    std::vector<Target> targets;
    for (const storage::Node* golden : golden_disks()) {
      if (missing.count(golden->id)) continue;
      Target target;
      target.golden = golden;
      target.disk = *taken_.at(golden->id);
      targets.push_back(std::move(target));
    }
    return targets;
  }

 private:
  std::vector<const storage::Node*> golden_disks() const {
    return storage::all<storage::Disk>(question_.manifest.storage);
  }

  // Golden disk → selector; the command line goes before the manifest.
  std::map<std::string, std::string> rules() const {
    std::map<std::string, std::string> rules;
    for (const std::string& rule : question_.rules) {
      auto equals = rule.find('=');
      if (equals == std::string::npos || equals == 0 || equals + 1 == rule.size())
        throw Error("katarget=" + escape_bytes(rule), "is not DISK=KIND:VALUE, such as katarget=sda=serial:WD-1234");
      std::string golden = rule.substr(0, equals), selector = rule.substr(equals + 1);
      if (!storage::get<storage::Disk>(question_.manifest.storage.find(golden)))
        throw Error("katarget=" + escape_bytes(rule), "the golden node sends no disk " + escape_bytes(golden));
      if (!rules.emplace(golden, selector).second)
        throw Error("katarget=" + escape_bytes(rule), "a second rule for " + golden);
    }
    for (const wire::TargetRule& rule : question_.manifest.targets) rules.emplace(rule.disk, rule.selector);
    return rules;
  }

  static bool matches(const MachineDisk& disk, const std::string& selector) {
    auto same = [&selector](const MachineDisk& again) { return matches(again, selector); };
    if (std::any_of(disk.other_paths.begin(), disk.other_paths.end(), same)) return true;
    auto colon = selector.find(':');
    std::string kind = colon == std::string::npos ? "name" : selector.substr(0, colon);
    std::string value = colon == std::string::npos ? selector : selector.substr(colon + 1);
    if (kind == "name") return disk.name == value || "/dev/" + disk.name == value;
    if (kind == "serial") return disk.serial == value;
    if (kind == "wwn") return disk.wwn == value || disk.wwn == "naa." + value || disk.wwn == "eui." + value;
    if (kind == "path")  // a controller stands for the disk on it: "path:pci-0000:00:1f.2"
      return disk.path == value || (disk.path.compare(0, value.size(), value) == 0 && disk.path[value.size()] == '-');
    throw Error("target rule " + escape_bytes(selector), "is not name:…, serial:…, wwn:… or path:…");
  }

  const MachineDisk* by_rule(const std::string& golden, const std::string& selector) {
    std::vector<const MachineDisk*> found;
    for (const MachineDisk& disk : question_.disks)
      if (matches(disk, selector)) found.push_back(&disk);
    std::string rule = golden + "=" + escape_bytes(selector);
    if (found.empty()) refuse(golden, "no disk here is " + escape_bytes(selector) + ", as the rule " + rule + " wants");
    if (found.size() > 1) refuse(golden, std::to_string(found.size()) + " disks here match the rule " + rule);
    if (std::string why = why_never(*found[0], question_); !why.empty())
      refuse(golden, "the rule " + rule + " means " + found[0]->name + ", which must not be written to: " + why);
    if (is_by_name(selector) && others_like(*found[0]))
      refuse(golden, "the rule " + rule +
                         " goes by a name, and at the next start another of these disks may have it; " + "say which" +
                         remedy(golden));
    return found[0];
  }

  static bool is_by_name(const std::string& selector) {
    return selector.find(':') == std::string::npos || selector.starts_with("name:");
  }

  // Whether a disk that may be written to could have had the name instead.
  bool others_like(const MachineDisk& disk) const {
    auto like = [&](const MachineDisk& other) {
      return other.name != disk.name && other.name_may_change && kind_of_name(other) == kind_of_name(disk) &&
             why_never(other, question_).empty();
    };
    return disk.name_may_change && std::any_of(question_.disks.begin(), question_.disks.end(), like);
  }

  const MachineDisk* the_only_one(const std::string& golden) {
    if (free_.empty()) refuse(golden, "this machine has no disk for it");
    if (free_.size() > 1) {
      std::string names;
      for (const MachineDisk* disk : free_)
        names += (disk == free_.front() ? "" : disk == free_.back() ? " or " : ", ") + disk->name;
      refuse(golden, "it could be " + names + "; say which" + remedy(golden));
    }
    return free_.front();
  }

  // Does an array or a volume group stand on all of them? Then each is wiped for the same thing, whichever is which.
  bool make_one_thing(const std::vector<const storage::Node*>& open) const {
    const storage::Storage& storage = question_.manifest.storage;
    auto has_all = [&](const storage::Node& node) {
      const auto below = storage::disks_below(storage, node);
      auto is_below = [&below](const storage::Node* disk) {
        return std::find(below.begin(), below.end(), disk) != below.end();
      };
      return std::all_of(open.begin(), open.end(), is_below);
    };
    return std::any_of(storage.nodes.begin(), storage.nodes.end(), has_all);
  }

  // Of those without a rule, legs of arrays that no disk is left for: they are missing, or that is a refusal.
  std::set<std::string> too_many(const std::vector<const storage::Node*>& open) const {
    std::set<std::string> on_them;
    std::vector<std::string> ids;
    for (const storage::Node* golden : open) {
      ids.push_back(golden->id);
      for (const std::string& array : wire::arrays_on(question_.manifest.storage, golden->id)) on_them.insert(array);
    }
    const std::vector<std::string> arrays(on_them.begin(), on_them.end());
    if (open.size() <= free_.size() || arrays.empty()) return {};
    const std::size_t too_few = open.size() - free_.size();
    wire::MissingDisks missing = wire::choose_missing(question_.manifest, ids, too_few);
    const bool can = missing.disks.size() == too_few;
    if (can && question_.manifest.degraded) return std::move(missing.disks);
    std::string remedy = "it needs " + std::to_string(too_few) + " more";
    if (can)
      remedy += ", or --degraded at the server, by which arrays are made without the legs that are not there";
    else
      for (const std::string& why : missing.why_not)
        remedy += (&why == &missing.why_not.front() ? "; what cannot be missing is " : "; ") + why;
    refuse(open[0]->id, joined(ids, ", ") + (ids.size() == 1 ? " is" : " are") + " cloned, with legs of " +
                            joined(arrays, ", ") + ", and this machine has " + std::to_string(free_.size()) +
                            " of the " + std::to_string(ids.size()) + " disks that they need; " + remedy);
  }

  // The largest to the largest.
  void take_by_size(std::vector<const storage::Node*> open) {
    if (free_.size() != open.size())
      refuse(open[0]->id, std::to_string(open.size()) +
                              " disks are cloned that belong together, and this machine has " +
                              std::to_string(free_.size()) + " that may be used; " +
                              (free_.size() < open.size() ? "it needs more" : "say which" + remedy(open[0]->id)));
    std::vector<const MachineDisk*> here = free_;
    auto larger = [](const auto* a, const auto* b) {
      return storage::as<storage::Disk>(*a).bytes > storage::as<storage::Disk>(*b).bytes;
    };
    std::stable_sort(open.begin(), open.end(), larger);
    std::stable_sort(here.begin(), here.end(), [](const auto* a, const auto* b) { return a->size > b->size; });
    // Which of them goes to which of equal ones does not matter: as people would count them.
    for (std::size_t from = 0, to = 0; from < open.size(); from = to) {
      while (to < open.size() && !larger(open[from], open[to])) ++to;
      std::sort(here.begin() + static_cast<std::ptrdiff_t>(from), here.begin() + static_cast<std::ptrdiff_t>(to),
                [](const auto* a, const auto* b) { return a < b; });
    }
    for (std::size_t i = 0; i < open.size(); ++i) take(open[i]->id, here[i]);
  }

  void take_the_same(const std::vector<const storage::Node*>& open) {
    std::vector<const MachineDisk*> same;
    for (const storage::Node* golden : open) {
      const std::uint64_t size = storage::as<storage::Disk>(*golden).bytes;
      auto equal = [golden, size](const MachineDisk* d) { return d->name == golden->id && d->size == size; };
      auto found = std::find_if(free_.begin(), free_.end(), equal);
      if (found == free_.end())
        refuse(golden->id, "several disks are cloned, and no disk here has the name " + golden->id +
                               " and exactly its size (" + std::to_string(size) + " bytes); say which" +
                               remedy(golden->id));
      same.push_back(*found);
    }
    for (const MachineDisk* one : same)
      for (const MachineDisk* other : same)
        if (one != other && one->name_may_change && one->size == other->size &&
            kind_of_name(*one) == kind_of_name(*other))
          refuse(open[0]->id, one->name + " and " + other->name + " are equally large, and at the next start their " +
                                  "names may be exchanged; say which" + remedy(open[0]->id));
    if (free_.size() != same.size())
      refuse(open[0]->id, "this machine has more disks than are cloned; say which" + remedy(open[0]->id));
    for (std::size_t i = 0; i < open.size(); ++i) take(open[i]->id, same[i]);
  }

  std::string remedy(const std::string& golden) const {
    std::string choices;
    for (const MachineDisk* disk : free_)
      choices += (choices.empty() ? " with katarget=" : ", or katarget=") + golden + "=" + lasting_selector(*disk) +
                 " (" + disk->name + ")";
    return choices.empty() ? "" : choices + " on the kernel command line, or a --target rule at the server";
  }

  void take(const std::string& golden, const MachineDisk* disk) {
    for (const auto& [other, taken] : taken_)
      if (taken == disk) refuse(golden, disk->name + " is taken for " + other + " already");
    taken_[golden] = disk;
    free_.erase(std::remove(free_.begin(), free_.end(), disk), free_.end());
  }

  [[noreturn]] void refuse(const std::string& golden, const std::string& why) const {
    std::string list;
    for (const MachineDisk& disk : question_.disks) {
      std::string not_free = why_not(disk, question_);
      list += (list.empty() ? "" : ", ") + disk.text();
      if (!not_free.empty()) list += " [" + not_free + "]";
    }
    std::string unseen;
    for (const std::string& doubt : question_.doubts) unseen += (unseen.empty() ? ". Perhaps more: " : "; ") + doubt;
    throw Error("choose a disk for the golden " + golden,
                why + ". Disks of this machine: " + (list.empty() ? "none" : list) + unseen);
  }

  const TargetQuestion& question_;
  std::vector<const MachineDisk*> free_;  // may be written to, and no rule took it
  std::map<std::string, const MachineDisk*> taken_;
};

}  // namespace

std::vector<Target> choose_targets(const TargetQuestion& question) { return Chooser(question).choose(); }

}  // namespace ka::agent
