#include "wire/partition_places.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ka::wire {

namespace {

constexpr std::uint64_t sector = 512;

using Kind = Partition::Kind;

std::uint64_t end_of(const Partition& p) { return p.golden_start + p.golden_size; }

class Check {
 public:
  Check(const std::string& disk, std::uint64_t size) : disk_(disk), size_(size) {}

  void alone(const Partition& p) const {
    if (p.golden_size == 0) fail(name(p) + " has no size");
    if (p.golden_start < sector) fail(name(p) + " lies over the partition table itself");
    if (p.golden_size > size_ || p.golden_start > size_ - p.golden_size)
      fail(name(p) + " reaches beyond the end of the disk (" + std::to_string(size_ / sector) + " sectors)");
  }

  void together(const Partition& p, const Partition& other) const {
    const bool overlap = p.golden_start < end_of(other) && other.golden_start < end_of(p);
    const bool within = p.golden_start > other.golden_start && end_of(p) <= end_of(other);
    if (p.kind == Kind::extended && other.kind == Kind::extended)
      fail(name(p) + " and " + name(other) + " are both extended; only one can be");
    if (p.kind == Kind::logical && other.kind == Kind::extended && !within)
      fail(name(p) + " is logical and does not lie inside " + name(other) + ", the extended one");
    const bool inside_each_other = (p.kind == Kind::logical) != (other.kind == Kind::logical) &&
                                   (p.kind == Kind::extended || other.kind == Kind::extended);
    if (overlap && !inside_each_other) fail(name(p) + " and " + name(other) + " overlap");
  }

  [[noreturn]] void fail(const std::string& why) const { throw Error("the partition table of " + disk_, why); }

 private:
  // "sda4 (type 7, sectors 102414438 to 195350399)"
  std::string name(const Partition& p) const {
    const bool digit = !disk_.empty() && disk_.back() >= '0' && disk_.back() <= '9';
    char type[8];
    std::snprintf(type, sizeof type, "%x", p.type);
    return disk_ + (digit ? "p" : "") + std::to_string(p.number) + " (type " + type + ", sectors " +
           std::to_string(p.golden_start / sector) + " to " + std::to_string(end_of(p) / sector - 1) + ")";
  }

  const std::string& disk_;
  std::uint64_t size_;
};

}  // namespace

bool have_places(const std::vector<Partition>& partitions) {
  return std::any_of(partitions.begin(), partitions.end(), [](const Partition& p) { return p.golden_size > 0; });
}

void check_places(const std::string& disk, const std::vector<Partition>& partitions, std::uint64_t disk_size) {
  const Check check(disk, disk_size);
  for (const Partition& p : partitions) check.alone(p);
  for (std::size_t i = 0; i < partitions.size(); ++i)
    for (std::size_t j = 0; j < partitions.size(); ++j)
      if (i != j && (i < j || partitions[i].kind == Kind::logical)) check.together(partitions[i], partitions[j]);
}

}  // namespace ka::wire
