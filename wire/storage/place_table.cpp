#include "wire/storage/place_table.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "wire/storage/labels.h"
#include "wire/storage/place.h"

namespace ka::storage {

namespace {

constexpr int first_logical = 5;

// One partition on its way to its place; in MiB.
struct Want {
  const Node* node = nullptr;
  const Partition* partition = nullptr;
  std::uint64_t bytes = 0, least = 0;  // least: 0 where it does not shrink
  std::uint64_t start = 0;

  bool logical() const { return partition->role == Role::logical; }
  std::uint64_t can_give() const { return least == 0 || least >= bytes ? 0 : bytes - least; }
};

class Layout {
 public:
  Layout(Placing& placing, const Node& table)
      : placing_(placing),
        table_(as<Table>(table)),
        golden_(disk_below(placing.storage, table)),
        label_(rule(table_.label)),
        ground_(placing.places.at(table.id).ground),
        end_(label_.end(table_, ground_)),
        keep_(!placing.anew.count(table.id)) {
    for (const Node* node : placing.storage.on(table.id)) wants_.push_back({node, &as<Partition>(*node), 0, 0, 0});
  }

  void run() {
    if (!keep_ || !as_golden()) anew();
  }

 private:
  // ---- The golden table as it is ----

  static std::uint64_t golden_end(const Partition& p) { return p.start + p.size.bytes; }

  // sfdisk keeps the boot record of the logical partition 5 at the start of the extended one, and that of each other
  // one in the sector before it.
  bool has_boot_record(const Partition& logical) const {
    const bool first = logical.number == first_logical;
    auto needed_from = [&](const Partition& p) -> std::uint64_t {
      if (p.role == Role::extended) return p.start + (first ? 1 : 2) * std::uint64_t{ground_.sector};
      const bool in_front = p.role == Role::logical && p.start < logical.start;
      return in_front && !first ? golden_end(p) + ground_.sector : 0;
    };
    return std::all_of(wants_.begin(), wants_.end(),
                       [&](const Want& want) { return needed_from(*want.partition) <= logical.start; });
  }

  bool can_stay(const Want& want) const {
    const Partition& p = *want.partition;
    if (p.start == 0 || p.start % ground_.sector != 0 || p.size.bytes % ground_.sector != 0) return false;
    if (p.start < label_.first(table_, ground_.sector) || golden_end(p) > end_) return false;
    if (grown(want, p.size.bytes) > p.size.bytes) return false;
    return p.role != Role::logical || has_boot_record(p);
  }

  bool as_golden() {
    std::uint64_t last = 0;
    for (const Want& want : wants_) {
      if (!can_stay(want)) return false;
      last = std::max(last, golden_end(*want.partition));
    }
    // A little larger disk is no reason for a partition that ends nowhere in particular.
    const std::uint64_t filled = std::max(last, end_ / mib * mib);
    for (const Want& want : wants_)
      put(want, want.partition->start,
          want.partition->size.fill ? filled - want.partition->start : want.partition->size.bytes);
    return true;
  }

  // ---- Anew ----

  // On other sectors some need more than they had.
  std::uint64_t grown(const Want& want, std::uint64_t bytes) const {
    if (as<Disk>(golden_).sector == ground_.sector || !content_of(placing_.storage, *want.node)) return bytes;
    return std::max(bytes, least_of(placing_.storage, *want.node, ground_.sector));
  }

  std::uint64_t least_mib(const Want& want) const {
    return round_up_to_mib(least_of(placing_.storage, *want.node, ground_.sector, true));
  }

  void anew() {
    if (end_ / mib < 2)
      throw Error("place the partitions of the golden " + golden_.id, "the disk is smaller than 2 MiB");
    for (Want& want : wants_) {
      const Size& size = want.partition->size;
      want.bytes = size.fill ? 0 : round_up_to_mib(grown(want, size.bytes));
      if (size.shrinks || size.fill) want.least = least_mib(want);
    }
    // An extended partition of fixed size is made larger where its logical ones need it, and shrinks with them.
    std::uint64_t inside = 0, inside_least = 0;
    for (const Want& want : wants_)
      if (want.logical()) inside += 1 + std::max<std::uint64_t>(want.bytes, 1), inside_least += 1 + smallest(want);
    for (Want& want : wants_) {
      if (want.partition->role != Role::extended) continue;
      if (!want.partition->size.fill) want.bytes = std::max(want.bytes, inside);
      if (inside_least < inside || want.least) want.least = std::max<std::uint64_t>(inside_least, 1);
    }
    level(false, 1, end_ / mib);
    for (const Want& want : wants_)
      if (want.partition->role == Role::extended) level(true, want.start, want.start + want.bytes);
    for (const Want& want : wants_) put(want, want.start * mib, want.bytes * mib);
  }

  static std::uint64_t smallest(const Want& want) {
    if (want.partition->size.fill) return 1;
    return want.bytes - want.can_give();
  }

  // Gives each partition of one level its place in [start, end): logical ones share the extended one, all others the
  // disk.
  void level(bool logical, std::uint64_t start, std::uint64_t end) {
    std::vector<Want*> here;
    std::uint64_t fixed = 0, gap = logical ? 1 : 0;
    Want* fill = nullptr;
    for (Want& want : wants_) {
      if (want.logical() != logical) continue;
      here.push_back(&want);
      if (want.partition->size.fill) fill = &want;
      fixed += gap + want.bytes;
    }
    const std::uint64_t room = end - start;
    fixed -= give_way(here, fixed + (fill ? fill->least : 0), room);
    const std::uint64_t least = fixed + (fill ? 1 : 0);
    if (least > room)
      throw Error(std::string("place the ") + (logical ? "logical " : "") + "partitions of the golden " + golden_.id,
                  "they need " + std::to_string(least) + " MiB, there are " + std::to_string(room));
    if (fill) fill->bytes = room - fixed;
    for (Want* want : here) {
      want->start = start + gap;
      start = want->start + want->bytes;
    }
  }

  // What those that shrink give, of what is too much: each its share, but nobody more than it can.
  static std::uint64_t give_way(const std::vector<Want*>& here, std::uint64_t wanted, std::uint64_t room) {
    std::uint64_t can = 0, given = 0;
    for (const Want* want : here)
      if (!want->partition->size.fill) can += want->can_give();
    const std::uint64_t needed = std::min(can, wanted > room ? wanted - room : 0);
    for (Want* want : here) {
      if (want->partition->size.fill || can == 0) continue;
      const auto share = static_cast<std::uint64_t>(static_cast<double>(needed) *
                                                    static_cast<double>(want->can_give()) / static_cast<double>(can));
      const std::uint64_t gives = std::min({share, needed - given, want->can_give()});
      want->bytes -= gives;
      given += gives;
    }
    for (Want* want : here) {  // what rounding left over
      if (want->partition->size.fill) continue;
      const std::uint64_t gives = std::min(needed - given, want->can_give());
      want->bytes -= gives;
      given += gives;
    }
    return given;
  }

  void put(const Want& want, std::uint64_t start, std::uint64_t bytes) {
    placing_.places[want.node->id] = {start, {bytes, ground_.sector}};
  }

  Placing& placing_;
  const Table& table_;
  const Node& golden_;
  const LabelRule& label_;
  Ground ground_;
  std::uint64_t end_;
  bool keep_;
  std::vector<Want> wants_;
};

}  // namespace

void place_table(Placing& placing, const Node& table) { Layout(placing, table).run(); }

}  // namespace ka::storage
