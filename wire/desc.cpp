#include "wire/desc.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/text.h"

namespace ka::wire {

namespace {

constexpr std::uint8_t linux_type = 0x83, swap_type = 0x82, extended_type = 0x05;
constexpr int first_logical = 5;
// A DOS partition table counts 512-byte sectors in 32 bits: 2 TiB.
constexpr std::uint64_t largest_mib = (std::uint64_t{1} << 32) * 512 / (1024 * 1024) - 1;

// One line at a time, knowing what stood before it.
class Parser {
 public:
  explicit Parser(std::string_view file) : file_(file) {}

  void line(unsigned number, std::string_view text) {
    line_ = number;
    auto fields = words(text.substr(0, text.find('#')));
    if (fields.empty()) return;
    bool logical = fields[0] == "logical";
    if (logical) fields.erase(fields.begin());
    if (fields.size() != 2)
      fail("expected \"[logical] TYPE SIZE\", got " + std::to_string(fields.size() + logical) +
           " words: " + escape_bytes(trim(text)));
    Partition partition;
    partition.type = type(fields[0]);
    partition.size_mib = size(fields[1]);
    place(partition, logical);
    found_.push_back(partition);
  }

  std::vector<Partition> result() {
    if (found_.empty())
      throw Error(std::string(file_), "no partition in it; a line reads \"linux 3500\" or \"linux fill\"");
    return std::move(found_);
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(std::string(file_) + ":" + std::to_string(line_), why);
  }

  std::uint8_t type(std::string_view word) const {
    if (word == "linux") return linux_type;
    if (word == "swap") return swap_type;
    if (word == "extended") return extended_type;
    if (word.substr(0, 4) != "type")
      fail("no partition type \"" + escape_bytes(word) +
           "\"; known are linux, swap, extended and typeXX (hexadecimal)");
    auto value = parse_unsigned(word.substr(4), 16);
    if (!value || *value > 0xff || *value == 0 || word.size() > 6)
      fail("\"" + escape_bytes(word) + "\" is not typeXX with XX from 1 to ff, such as type83 for linux");
    return static_cast<std::uint8_t>(*value);
  }

  std::optional<std::uint64_t> size(std::string_view word) const {
    if (word == "fill") return std::nullopt;
    auto value = parse_unsigned(word);
    if (!value || *value == 0)
      fail("\"" + escape_bytes(word) + "\" is not a size: a number of MiB without a unit, or fill");
    if (*value > largest_mib)
      fail(std::to_string(*value) + " MiB is more than a DOS partition table can say (" + std::to_string(largest_mib) +
           " MiB)");
    return value;
  }

  void place(Partition& partition, bool logical) {
    if (logical) {
      if (is_extended(partition.type)) fail("an extended partition cannot be logical");
      if (!extended_) fail("a logical partition before any extended one; put \"extended fill\" above it");
      if (logical_filled_)
        fail("the logical partition on line " + std::to_string(logical_filled_) +
             " fills the extended one; give that one a size, or put it last");
      partition.kind = Partition::Kind::logical;
      partition.number = next_logical_++;
      if (partition.number > 63) fail("more than 59 logical partitions");
      if (partition.size_mib && extended_size_) {
        logical_used_ += *partition.size_mib + 1;
        if (logical_used_ > *extended_size_)
          fail("the logical partitions up to here need " + std::to_string(logical_used_) +
               " MiB (1 MiB each for the table in front of it), the extended one has " +
               std::to_string(*extended_size_));
      }
      if (!partition.size_mib) logical_filled_ = line_;
      return;
    }
    if (next_primary_ > 4)
      fail(
          "a fifth primary partition; a DOS partition table has four, the extended one among them. "
          "Make it logical, inside an extended one");
    if (filled_)
      fail("the partition on line " + std::to_string(filled_) +
           " fills the disk; give that one a size, or put it last (logical ones may follow an extended one)");
    if (is_extended(partition.type)) {
      if (extended_) fail("a second extended partition; the first is on line " + std::to_string(extended_));
      extended_ = line_;
      extended_size_ = partition.size_mib;
      partition.kind = Partition::Kind::extended;
    }
    if (!partition.size_mib) filled_ = line_;
    partition.number = next_primary_++;
  }

  std::string_view file_;
  unsigned line_ = 0;
  std::vector<Partition> found_;
  int next_primary_ = 1, next_logical_ = first_logical;
  // Lines where such a partition stands; 0: none yet.
  unsigned extended_ = 0, filled_ = 0, logical_filled_ = 0;
  std::optional<std::uint64_t> extended_size_;
  std::uint64_t logical_used_ = 0;
};

std::string type_word(std::uint8_t type) {
  if (type == linux_type) return "linux";
  if (type == swap_type) return "swap";
  if (type == extended_type) return "extended";
  char text[8];
  std::snprintf(text, sizeof text, "type%02x", type);
  return text;
}

}  // namespace

std::vector<Partition> parse_desc(std::string_view text, std::string_view file) {
  Parser parser(file);
  unsigned number = 0;
  for (std::string_view line : split(text, '\n')) parser.line(++number, line);
  return parser.result();
}

std::string format_desc(const std::vector<Partition>& partitions) {
  std::string text;
  for (const Partition& partition : partitions) {
    if (partition.kind == Partition::Kind::logical) text += "logical ";
    text += type_word(partition.type) + " ";
    text += partition.size_mib ? std::to_string(*partition.size_mib) : "fill";
    text += "\n";
  }
  return text;
}

}  // namespace ka::wire
