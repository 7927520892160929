#include "wire/racks.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace ka::wire {

namespace {

struct Span {
  std::uint32_t first = 0, last = 0;
};

// Whether a line begins with what stands in a rack, and not with the rack's name.
bool is_place(std::string_view text) {
  return parse_hardware_address(text) || parse_address(text.substr(0, std::min(text.find('/'), text.find('-'))));
}

// An address, a network or a range. Throws Error with what is wrong.
Span parse_span(std::string_view text) {
  const std::string quoted = "\"" + escape_bytes(text) + "\"";
  const std::size_t slash = text.find('/'), dash = text.find('-');
  const auto first = parse_address(text.substr(0, std::min(slash, dash)));
  if (!first) throw Error(quoted + " is no address, network, range or hardware address");
  if (slash != std::string_view::npos) {
    const auto length = parse_unsigned(text.substr(slash + 1));
    if (!length || *length > 32) throw Error(quoted + " has no prefix length from 0 to 32");
    const auto hosts = static_cast<std::uint32_t>((std::uint64_t{1} << (32 - *length)) - 1);
    if ((*first & hosts) != 0) throw Error(quoted + " is no network: it has bits behind its prefix");
    return {*first, *first | hosts};
  }
  if (dash == std::string_view::npos) return {*first, *first};
  const auto last = parse_address(text.substr(dash + 1));
  if (!last || *last < *first) throw Error(quoted + " is no range from a lower to a higher address");
  return {*first, *last};
}

}  // namespace

Racks Racks::parse(std::string_view text, const std::string& file) {
  Racks racks;
  unsigned number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    const std::vector<std::string_view> fields = words(line.substr(0, line.find('#')));
    if (fields.empty()) continue;
    try {
      racks.add(fields);
    } catch (const Error& error) {
      throw Error(file + ":" + std::to_string(number), error.what());
    }
  }
  return racks;
}

void Racks::add(const std::vector<std::string_view>& fields) {
  const bool named = !is_place(fields[0]);
  if (named && fields.size() == 1)
    throw Error("nothing is in rack " + escape_bytes(fields[0]) + "; a line reads \"RACK ADDRESS…\"");
  const std::string name(named ? fields[0] : "");
  const auto rack = static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
  if (rack == names_.size()) names_.push_back(name);
  for (std::size_t i = named ? 1 : 0; i < fields.size(); ++i) {
    const std::string what = escape_bytes(fields[i]);
    auto other = names_.size();
    if (auto card = parse_hardware_address(fields[i])) {
      other = cards_.emplace(*card, rack).first->second;
    } else {
      const Span span = parse_span(fields[i]);
      other = rack;
      for (const Range& range : ranges_)
        if (range.rack != rack && range.first <= span.last && span.first <= range.last) other = range.rack;
      ranges_.push_back({span.first, span.last, rack});
    }
    if (other != rack) throw Error(what + " is in rack " + escape_bytes(names_[other]) + " already");
  }
}

std::size_t Racks::of(std::uint32_t address, const std::string& hardware_address) const {
  if (auto card = cards_.find(hardware_address); card != cards_.end()) return card->second;
  for (const Range& range : ranges_)
    if (range.first <= address && address <= range.last) return range.rack;
  return names_.size();
}

}  // namespace ka::wire
