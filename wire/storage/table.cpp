#include <algorithm>
#include <set>

#include "base/error.h"
#include "wire/storage/check.h"
#include "wire/storage/kinds.h"
#include "wire/storage/labels.h"
#include "wire/storage/place_table.h"

namespace ka::storage {

namespace {

struct Laid {
  const Partition& partition;
  std::string name;  ///< "sda4 (type 7, sectors 102414438 to 195350399)"
  std::uint64_t start, end;
};

class PlaceCheck {
 public:
  PlaceCheck(const Storage& storage, const Node& table)
      : table_(as<Table>(table)),
        disk_(disk_below(storage, table)),
        ground_{as<Disk>(disk_).bytes, as<Disk>(disk_).sector} {
    for (const Node* node : storage.on(table.id)) add(as<Partition>(*node));
  }

  void run() const {
    for (const Laid& p : laid_) alone(p);
    for (std::size_t i = 0; i < laid_.size(); ++i)
      for (std::size_t j = 0; j < laid_.size(); ++j)
        if (i != j && (i < j || laid_[i].partition.role == Role::logical)) together(laid_[i], laid_[j]);
  }

 private:
  void add(const Partition& p) {
    const std::uint64_t end = p.start + p.size.bytes, sector = ground_.sector;
    laid_.push_back({p,
                     partition_name(disk_.id, p.number) + " (type " + p.type + ", sectors " +
                         std::to_string(p.start / sector) + " to " + std::to_string(end / sector - 1) + ")",
                     p.start, end});
  }

  void alone(const Laid& p) const {
    if (p.start == p.end) fail(p.name + " has no size");
    if (p.start < rule(table_.label).first(table_, ground_.sector))
      fail(p.name + " lies over the partition table itself");
    if (p.end > rule(table_.label).end(table_, ground_))
      fail(p.name + " reaches beyond the end of the disk (" + std::to_string(ground_.bytes / ground_.sector) +
           " sectors)");
  }

  void together(const Laid& p, const Laid& other) const {
    const Role role = p.partition.role, others = other.partition.role;
    const bool overlap = p.start < other.end && other.start < p.end;
    const bool within = p.start > other.start && p.end <= other.end;
    if (role == Role::extended && others == Role::extended)
      fail(p.name + " and " + other.name + " are both extended; only one can be");
    if (role == Role::logical && others == Role::extended && !within)
      fail(p.name + " is logical and does not lie inside " + other.name + ", the extended one");
    const bool inside_each_other =
        (role == Role::logical) != (others == Role::logical) && (role == Role::extended || others == Role::extended);
    if (overlap && !inside_each_other) fail(p.name + " and " + other.name + " overlap");
  }

  [[noreturn]] void fail(const std::string& why) const { throw Error("the partition table of " + disk_.id, why); }

  const Table& table_;
  const Node& disk_;
  Ground ground_;
  std::vector<Laid> laid_;
};

constexpr int last_primary = 4;

// What its partitions must be to each other.
class Together {
 public:
  explicit Together(const Where& where) : where_(where) {}

  void add(const Node& node) {
    const Partition* p = get<Partition>(&node);
    if (!p) where_.fail("", node.id + " stands on a partition table and is no partition");
    const bool logical = p->role == Role::logical;
    if (!numbers_.insert(p->number).second) fail(node, "number " + std::to_string(p->number) + " is there twice");
    if (!p->guid.empty() && !guids_.insert(p->guid).second) fail(node, "its GUID is there twice");
    if (p->role == Role::extended && ++extended_ > 1) fail(node, "a second extended partition");
    if (logical && extended_ == 0) fail(node, "logical, but no extended partition comes before it");
    if (logical) ++logicals_, last_ = std::max(last_, p->number);
    if (p->size.fill && ++(logical ? logical_fills_ : fills_) > 1) fail(node, "a second fill");
    (p->start == 0 ? placeless_ : placed_) = true;
  }

  void whole() const {
    if (numbers_.empty()) where_.fail("", "has no partitions");
    if (last_ != last_primary + logicals_) where_.fail("", "logical partitions are numbered 5, 6, 7, … without a gap");
    if (placed_ && placeless_) where_.fail("", "some of its partitions have places, and some have none");
    if (placed_) check_places(where_.storage, where_.node);
  }

 private:
  [[noreturn]] void fail(const Node& node, const std::string& why) const { where_.fail("", node.id + ": " + why); }

  const Where& where_;
  std::set<int> numbers_;
  std::set<std::string> guids_;
  int extended_ = 0, logicals_ = 0, last_ = last_primary, fills_ = 0, logical_fills_ = 0;
  bool placed_ = false, placeless_ = false;
};

void check(const Where& where) {
  const Node& below = where.below();
  if (!get<Disk>(&below)) where.fail("on", "a table lies on a disk, and " + below.id + " is none");
  const Table& table = as<Table>(where.node);
  rule(table.label).check_table(table, where);
  Together together(where);
  for (const Node* node : where.storage.on(where.node.id)) together.add(*node);
  together.whole();
}

std::string text(const Node& node) {
  const Table& table = as<Table>(node);
  return std::string(rule(table.label).name) + " table" + (table.identity.empty() ? "" : " " + table.identity);
}

Names names(const Storage&, const Node&) { return {}; }

// 0 is what a DOS table has that was never given one.
std::vector<Identity> identities(const Storage&, const Node& node) {
  const std::string& id = as<Table>(node).identity;
  const std::string bare = id.starts_with("0x") ? id.substr(2) : id;
  if (bare.find_first_not_of('0') == std::string::npos) return {};
  return {{"PTUUID", "disk identifier", bare}};
}

}  // namespace

void check_places(const Storage& storage, const Node& table) { PlaceCheck(storage, table).run(); }

const Rule table_rule = {.kind = "table",
                         .sort = Sort::group,
                         .text = text,
                         .check = check,
                         .names = names,
                         .room = nullptr,
                         .need = nullptr,
                         .hand_out = place_table,
                         .identities = identities};

}  // namespace ka::storage
