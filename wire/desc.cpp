#include "wire/desc.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/labels.h"
#include "wire/storage/rule.h"
#include "wire/storage/types.h"

namespace ka::wire {

namespace {

using storage::Label;
using storage::mib;
using storage::Partition;
using storage::Role;

constexpr int first_logical = 5, last_primary = 4, last_logical = 63;
// A DOS partition table counts 512-byte sectors in 32 bits: 2 TiB.
constexpr std::uint64_t largest_dos_mib = (std::uint64_t{1} << 32) * 512 / mib - 1;
constexpr std::uint64_t largest_mib = storage::largest_size / mib / 2;
constexpr int gpt_slots = 128;

[[noreturn]] void fail(std::string_view file, unsigned line, const std::string& why) {
  throw Error(std::string(file) + ":" + std::to_string(line), why);
}

// ---- Words ----

// Words between blanks; what is between quotes is one, without them.
std::vector<std::string> quoted_words(std::string_view text, std::string_view file, unsigned line) {
  std::vector<std::string> found;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t\r", at)) != std::string_view::npos && text[at] != '#';) {
    const bool quoted = text[at] == '"';
    const std::size_t begin = at + (quoted ? 1 : 0);
    const std::size_t end = quoted ? text.find('"', begin) : text.find_first_of(" \t\r#", begin);
    if (quoted && end == std::string_view::npos) fail(file, line, "a \" without its second one");
    found.emplace_back(text.substr(begin, end - begin));
    at = end == std::string_view::npos ? text.size() : end + (quoted ? 1 : 0);
  }
  return found;
}

std::optional<std::uint64_t> size_of(const std::string& word, std::string_view file, unsigned line) {
  if (word == "fill") return std::nullopt;
  auto value = parse_unsigned(word);
  if (!value || *value == 0)
    fail(file, line, "\"" + escape_bytes(word) + "\" is not a size: a number of MiB without a unit, or fill");
  if (*value > largest_mib) fail(file, line, word + " MiB are more than any disk has");
  return value;
}

Desc::Line parse_line(std::vector<std::string> fields, std::string_view text, std::string_view file, unsigned number) {
  Desc::Line line;
  line.line = number;
  const std::size_t count = fields.size();
  if (fields[0].ends_with(':')) {
    auto n = parse_unsigned(fields[0].substr(0, fields[0].size() - 1));
    if (!n || *n == 0 || *n > gpt_slots)
      fail(file, number, "\"" + escape_bytes(fields[0]) + "\" is not a number and :");
    line.number = static_cast<int>(*n);
    fields.erase(fields.begin());
  }
  if (!fields.empty() && fields[0] == "logical") {
    line.logical = true;
    fields.erase(fields.begin());
  }
  auto malformed = [&] {
    fail(file, number,
         "expected \"[N:] [logical] TYPE SIZE [shrink] [name \"…\"]\", got " + std::to_string(count) +
             " words: " + escape_bytes(trim(text)));
  };
  if (fields.size() < 2) malformed();
  line.type = fields[0];
  line.size_mib = size_of(fields[1], file, number);
  std::size_t next = 2;
  if (next < fields.size() && fields[next] == "shrink") line.shrinks = true, ++next;
  if (next + 1 < fields.size() && fields[next] == "name") line.name = fields[next + 1], next += 2;
  if (next != fields.size()) malformed();
  return line;
}

// ---- Meaning ----

// One line at a time, knowing what stood before it.
class Maker {
 public:
  Maker(const Desc& desc, Label label) : file_(desc.file), label_(label) {}

  Partition partition(const Desc::Line& line) {
    line_ = line.line;
    Partition p;
    p.type = type(line.type);
    p.size = {line.size_mib.value_or(0) * mib, !line.size_mib, line.shrinks};
    if (line.name) p.name = *line.name;
    if (label_ == Label::gpt)
      in_gpt(p, line);
    else
      in_dos(p, line);
    if (!numbers_.insert(p.number).second) fail("a second partition " + std::to_string(p.number));
    return p;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const { wire::fail(file_, line_, why); }

  std::string type(const std::string& word) const {
    if (const auto* known = storage::find_type(word)) {
      if (const char* type = known->of(label_)) return type;
      if (label_ == Label::gpt) fail("a GPT has no " + word + " partition");
      fail("a DOS partition table has no type for " + word + "; linux will do, or begin the desc with gpt");
    }
    if (word.substr(0, 4) != "type")
      fail("no partition type \"" + escape_bytes(word) +
           "\"; known are linux, swap, extended, efi, bios, xbootldr, home, raid, lvm, typeXX (hexadecimal) and "
           "typeGUID");
    return label_ == Label::gpt ? gpt_type(word) : dos_type(word);
  }

  std::string dos_type(const std::string& word) const {
    auto value = parse_unsigned(std::string_view(word).substr(4), 16);
    if (!value || *value > 0xff || *value == 0 || word.size() > 6)
      fail("\"" + escape_bytes(word) + "\" is not typeXX with XX from 1 to ff, such as type83 for linux");
    char text[4];
    std::snprintf(text, sizeof text, "%x", static_cast<unsigned>(*value));
    return text;
  }

  std::string gpt_type(const std::string& word) const {
    std::string text = word.substr(4);
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
    if (storage::is_guid(text)) return text;
    if (auto value = parse_unsigned(text, 16); value && *value <= 0xff) {
      const auto* known = storage::find_type(Label::dos, dos_type(word));
      if (known && known->gpt) return known->gpt;
      fail("a GPT has no type for " + word + "; typeGUID says any");
    }
    fail("\"" + escape_bytes(word) + "\" is not typeGUID, such as type0FC63DAF-8483-4772-8E79-3D69D8477DE4 for linux");
  }

  void in_gpt(Partition& p, const Desc::Line& line) {
    if (line.logical) fail("a GPT has no logical partitions; take the word away");
    check_fill(p);
    p.number = line.number.value_or(next_);
    next_ = p.number + 1;
    if (p.number > gpt_slots) fail("more than 128 partitions");
  }

  void in_dos(Partition& p, const Desc::Line& line) {
    if (line.name) fail("a DOS partition table keeps no names");
    if (!p.size.fill && p.size.bytes / mib > largest_dos_mib)
      fail(std::to_string(p.size.bytes / mib) + " MiB is more than a DOS partition table can say (" +
           std::to_string(largest_dos_mib) + " MiB)");
    if (line.logical) return in_extended(p, line);
    p.number = line.number.value_or(next_);
    next_ = p.number + 1;
    if (p.number > last_primary)
      fail(
          "a fifth primary partition; a DOS partition table has four, the extended one among them. "
          "Make it logical, inside an extended one");
    check_fill(p);
    if (storage::is_extended(p.type)) {
      if (extended_) fail("a second extended partition; the first is on line " + std::to_string(extended_));
      extended_ = line_;
      extended_size_ = p.size;
      p.role = Role::extended;
    }
  }

  void check_fill(const Partition& p) {
    if (filled_)
      fail("the partition on line " + std::to_string(filled_) +
           " fills the disk; give that one a size, or put it last (logical ones may follow an extended one)");
    if (p.size.fill) filled_ = line_;
  }

  void in_extended(Partition& p, const Desc::Line& line) {
    if (storage::is_extended(p.type)) fail("an extended partition cannot be logical");
    if (!extended_) fail("a logical partition before any extended one; put \"extended fill\" above it");
    if (logical_filled_)
      fail("the logical partition on line " + std::to_string(logical_filled_) +
           " fills the extended one; give that one a size, or put it last");
    p.role = Role::logical;
    if (line.number) fail("logical partitions are counted from 5; take the number away");
    p.number = next_logical_++;
    if (p.number > last_logical) fail("more than 59 logical partitions");
    if (!p.size.fill && !extended_size_.fill) {
      logical_used_ += p.size.bytes / mib + 1;
      if (logical_used_ > extended_size_.bytes / mib)
        fail("the logical partitions up to here need " + std::to_string(logical_used_) +
             " MiB (1 MiB each for the table in front of it), the extended one has " +
             std::to_string(extended_size_.bytes / mib));
    }
    if (p.size.fill) logical_filled_ = line_;
  }

  const std::string& file_;
  Label label_;
  unsigned line_ = 0;
  std::set<int> numbers_;
  int next_ = 1, next_logical_ = first_logical;
  // Lines where such a partition stands; 0: none yet.
  unsigned extended_ = 0, filled_ = 0, logical_filled_ = 0;
  storage::Size extended_size_;
  std::uint64_t logical_used_ = 0;
};

std::string type_word(Label label, const std::string& type) {
  // What has always been typeXX in a desc of a DOS disk stays it.
  if (const auto* known = storage::find_type(label, type); known && (label == Label::gpt || known->old))
    return known->word;
  return "type" + (type.size() == 1 ? "0" : std::string()) + type;
}

}  // namespace

Desc parse_desc(std::string_view text, std::string_view file) {
  Desc desc;
  desc.file = file;
  unsigned number = 0;
  for (std::string_view line : split(text, '\n')) {
    auto fields = quoted_words(line, file, ++number);
    if (fields.empty()) continue;
    if (fields.size() == 1 && (fields[0] == "gpt" || fields[0] == "dos")) {
      if (desc.label || !desc.lines.empty()) fail(file, number, fields[0] + " belongs on the first line");
      desc.label = fields[0] == "gpt" ? Label::gpt : Label::dos;
      continue;
    }
    desc.lines.push_back(parse_line(std::move(fields), line, file, number));
  }
  if (desc.lines.empty())
    throw Error(std::string(file), "no partition in it; a line reads \"linux 3500\" or \"linux fill\"");
  return desc;
}

std::vector<Partition> partitions_of(const Desc& desc, Label golden) {
  Maker maker(desc, desc.label.value_or(golden));
  std::vector<Partition> partitions;
  for (const Desc::Line& line : desc.lines) partitions.push_back(maker.partition(line));
  return partitions;
}

std::string format_desc(Label label, const std::vector<Partition>& partitions) {
  std::string text = label == Label::dos ? "" : std::string(storage::rule(label).name) + "\n";
  int next = 1;
  for (const Partition& p : partitions) {
    if (p.role == Role::logical)
      text += "logical ";
    else if (p.number != next)
      text += std::to_string(p.number) + ": ";
    if (p.role != Role::logical) next = p.number + 1;
    text += type_word(label, p.type) + " ";
    text += p.size.fill ? "fill" : std::to_string(storage::round_up_to_mib(p.size.bytes));
    if (p.size.shrinks) text += " shrink";
    if (!p.name.empty() && p.name.find_first_of("\"\n\r") == std::string::npos) text += " name \"" + p.name + "\"";
    text += "\n";
  }
  return text;
}

}  // namespace ka::wire
