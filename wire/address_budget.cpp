#include "wire/address_budget.h"

#include <algorithm>

namespace ka::wire {

namespace {

constexpr Time tell_every = std::chrono::seconds(10);
constexpr std::size_t most_counted = 16;  // addresses that get a line of their own; the others share one
constexpr std::uint32_t all_others = 0;

// 1234567 as "1,234,567".
std::string grouped(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

}  // namespace

double AddressBudget::left(const Bucket& bucket, Time now) const {
  const std::chrono::duration<double> passed = now - bucket.at;
  return std::min(burst_, bucket.left + passed.count() * per_second_);
}

void AddressBudget::make_room(Time now) {
  std::erase_if(buckets_, [&](const auto& entry) { return left(entry.second, now) >= burst_; });
  // So many at once are one who has many addresses.
  if (buckets_.size() >= most_addresses) buckets_.clear();
}

bool AddressBudget::take(std::uint32_t address, Time now) {
  auto found = buckets_.find(address);
  if (found == buckets_.end()) {
    if (buckets_.size() >= most_addresses) make_room(now);
    found = buckets_.emplace(address, Bucket{burst_, now}).first;
  }
  Bucket& bucket = found->second;
  bucket.left = left(bucket, now);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

BoundedLog::Count& BoundedLog::count(std::uint32_t address) {
  const bool known = counts_.count(address) != 0;
  return counts_[known || counts_.size() < most_counted ? address : all_others];
}

void BoundedLog::line(std::uint32_t address, const std::string& text, Time now) {
  if (lines_.take(address, now) && all_lines_.take(all_others, now)) return out_(text);
  ++count(address).lines;
}

void BoundedLog::tick(Time now, bool all) {
  if (counts_.empty() || (now - told_ < tell_every && !all)) return;
  told_ = now;
  for (const auto& [address, count] : counts_) {
    const std::string who = address == all_others ? "other addresses" : Endpoint{address, 0}.address_text();
    if (count.connections != 0)
      out_("and " + grouped(count.connections) +
           (count.connections == 1 ? " more connection from " : " more connections from ") + who +
           (count.connections == 1 ? " was refused" : " were refused"));
    if (count.lines != 0)
      out_("and " + grouped(count.lines) + (count.lines == 1 ? " more line about " : " more lines about ") + who);
  }
  counts_.clear();
}

}  // namespace ka::wire
