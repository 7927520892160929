#include "server/shelf/tar_reader.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

constexpr std::size_t block = tar_block;
constexpr std::size_t largest_extension = 16 << 20;  // the longest name, and all the attributes that a kernel takes
constexpr std::uint64_t most_stretches = 1 << 24;
constexpr std::uint64_t largest_file = std::numeric_limits<std::int64_t>::max();

[[noreturn]] void refuse(std::string_view why) { throw Error("tar archive", why); }

// Fields of the header (POSIX, ustar interchange format): where, and how long.
struct Field {
  std::size_t at, size;
};
constexpr Field name_field{0, 100}, mode_field{100, 8}, uid_field{108, 8}, gid_field{116, 8}, size_field{124, 12},
    mtime_field{136, 12}, sum_field{148, 8}, link_field{157, 100}, magic_field{257, 5}, major_field{329, 8},
    minor_field{337, 8}, prefix_field{345, 155};
constexpr std::size_t type_at = 156;

std::string_view bytes_of(std::string_view header, Field field) { return header.substr(field.at, field.size); }

std::string text_of(std::string_view header, Field field) {
  const std::string_view bytes = bytes_of(header, field);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

// Octal, or, as GNU tar writes what is too large for that, of base 256.
std::uint64_t number_of(std::string_view header, Field field) {
  const std::string_view bytes = bytes_of(header, field);
  std::uint64_t number = 0;
  if (static_cast<unsigned char>(bytes[0]) == 0x80) {
    for (const char byte : bytes.substr(1)) {
      if (number >> 55 != 0) refuse("a number in a header is too large");
      number = number << 8 | static_cast<unsigned char>(byte);
    }
    return number;
  }
  const std::string_view digits = trim(bytes.substr(0, bytes.find('\0')));
  if (digits.empty()) return 0;
  const auto value = parse_unsigned(digits, 8);
  if (!value) refuse("a number in a header is none");
  return *value;
}

bool is_empty(std::string_view header) { return header.find_first_not_of('\0') == std::string_view::npos; }

void check_sum(std::string_view header) {
  std::uint64_t sum = sum_field.size * ' ';
  for (std::size_t i = 0; i < header.size(); ++i)
    if (i < sum_field.at || i >= sum_field.at + sum_field.size) sum += static_cast<unsigned char>(header[i]);
  if (bytes_of(header, magic_field) != "ustar" || number_of(header, sum_field) != sum)
    refuse("what should be a header is none");
}

std::uint64_t decimal(std::string_view text) {
  const auto value = parse_unsigned(text);
  if (!value || *value > largest_file) refuse("\"" + escape_bytes(text) + "\" is no number");
  return *value;
}

std::uint32_t decimal_id(std::string_view text) {
  const std::uint64_t value = decimal(text);
  if (value > std::numeric_limits<std::uint32_t>::max()) refuse("an owner's number is too large");
  return static_cast<std::uint32_t>(value);
}

// "1700000000.000000001"; before 1970 "-1.5" is half a second before that second.
void read_time(std::string_view text, TarEntry& entry) {
  const bool before = text.starts_with('-');
  if (before) text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  entry.mtime = static_cast<std::int64_t>(decimal(text.substr(0, dot)));
  entry.mtime_nsec = 0;
  if (dot != std::string_view::npos) {
    std::string digits(text.substr(dot + 1, 9));
    digits.resize(9, '0');
    entry.mtime_nsec = static_cast<std::uint32_t>(decimal(digits));
  }
  if (!before) return;
  entry.mtime = -entry.mtime;
  if (entry.mtime_nsec == 0) return;
  entry.mtime -= 1;
  entry.mtime_nsec = 1'000'000'000 - entry.mtime_nsec;
}

// In the names of attributes, = and % are written %3D and %25.
std::string attribute_name(std::string_view text) {
  std::string name;
  while (!text.empty()) {
    const bool equals = text.starts_with("%3D"), per_cent = text.starts_with("%25");
    name += equals ? '=' : text.front();
    text.remove_prefix(equals || per_cent ? 3 : 1);
  }
  return name;
}

TarEntry::Kind kind_of(char type) {
  using Kind = TarEntry::Kind;
  switch (type) {
    case '0':
    case '\0': return Kind::file;
    case '1': return Kind::hard_link;
    case '2': return Kind::symbolic_link;
    case '3': return Kind::character_device;
    case '4': return Kind::block_device;
    case '5': return Kind::directory;
    case '6': return Kind::fifo;
    default: refuse("an entry is of the type \"" + escape_bytes(std::string(1, type)) + "\", which is not known");
  }
}

void set(std::string& header, Field field, std::string_view bytes) { header.replace(field.at, bytes.size(), bytes); }

// Octal with a zero byte behind it, or, where that has no room, as GNU tar and others do it: a bit, and base 256.
void set_number(std::string& header, Field field, std::uint64_t number) {
  std::string digits(field.size - 1, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, number >>= 3)
    *digit = static_cast<char>('0' + (number & 7));
  set(header, field, digits);
}

void set_size(std::string& header, std::uint64_t size) {
  constexpr std::uint64_t too_large = std::uint64_t{1} << 33;
  if (size < too_large) {
    set_number(header, size_field, size);
    return;
  }
  header[size_field.at] = static_cast<char>(0x80);
  for (std::size_t i = size_field.at + size_field.size - 1; size > 0; --i, size >>= 8)
    header[i] = static_cast<char>(size & 0xff);
}

}  // namespace

TarHeader read_tar_header(std::string_view header) {
  check_sum(header);
  return {text_of(header, name_field), header[type_at], number_of(header, size_field)};
}

std::string tar_header(const std::string& name, char type, std::uint64_t size, std::int64_t mtime) {
  std::string header(block, '\0');
  set(header, name_field, name);
  set_number(header, mode_field, 0600);
  set_number(header, uid_field, 0);
  set_number(header, gid_field, 0);
  set_size(header, size);
  set_number(header, mtime_field, static_cast<std::uint64_t>(mtime));
  header[type_at] = type;
  set(header, magic_field, std::string_view("ustar\00000", 8));
  std::uint64_t sum = sum_field.size * ' ';
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  set_number(header, {sum_field.at, sum_field.size - 1}, sum);
  header[sum_field.at + sum_field.size - 1] = ' ';
  return header;
}

std::string archive_path(std::string name) {
  if (name.starts_with("./")) name.erase(0, 1);
  if (name == ".") name = "/";
  if (!name.starts_with('/')) name.insert(0, 1, '/');
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return name;
}

// True once room_ has as many bytes.
bool TarReader::gather(std::string_view& bytes, std::size_t wanted) {
  const std::size_t some = std::min(bytes.size(), wanted - room_.size());
  room_.append(bytes.substr(0, some));
  bytes.remove_prefix(some);
  return room_.size() == wanted;
}

void TarReader::take(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (at_) {
      case At::header:
        if (gather(bytes, block)) read_header();
        break;
      case At::extension:
        if (gather(bytes, static_cast<std::size_t>(stored_))) read_extension();
        break;
      case At::sparse_map: read_map(bytes); break;
      case At::content: read_content(bytes); break;
      case At::padding: {
        const auto some = std::min<std::uint64_t>(padding_, bytes.size());
        bytes.remove_prefix(static_cast<std::size_t>(some));
        padding_ -= some;
        if (padding_ == 0) at_ = At::header;
        break;
      }
      case At::over: return;
    }
  }
}

void TarReader::finish() const {
  if (at_ != At::over) refuse("it is cut off");
}

void TarReader::read_header() {
  const std::string header = std::move(room_);
  room_.clear();
  if (is_empty(header)) {
    if (!records_.empty()) refuse("it ends before an entry");
    at_ = At::over;
    return;
  }
  check_sum(header);
  const char type = header[type_at];
  const bool is_extension = type == 'x' || type == 'g';
  stored_ = number_of(header, size_field);
  if (const auto size = records_.find("size"); size != records_.end() && !is_extension) stored_ = decimal(size->second);
  if (stored_ > largest_file - block) refuse("an entry is too large");
  padding_ = (block - stored_ % block) % block;
  if (is_extension) {
    if (stored_ == 0 || stored_ > largest_extension) refuse("an extended header has no sensible size");
    extension_ = type;
    at_ = At::extension;
    return;
  }
  TarEntry entry;
  entry.kind = kind_of(type);
  const std::string prefix = text_of(header, prefix_field);
  entry.path = (prefix.empty() ? "" : prefix + "/") + text_of(header, name_field);
  entry.mode = static_cast<mode_t>(number_of(header, mode_field)) & 07777;
  entry.uid = static_cast<std::uint32_t>(number_of(header, uid_field));
  entry.gid = static_cast<std::uint32_t>(number_of(header, gid_field));
  entry.mtime = static_cast<std::int64_t>(records_.count("mtime") ? 0 : number_of(header, mtime_field));
  entry.target = text_of(header, link_field);
  entry.device_major = static_cast<std::uint32_t>(number_of(header, major_field));
  entry.device_minor = static_cast<std::uint32_t>(number_of(header, minor_field));
  begin_entry(std::move(entry), stored_);
}

// Records "LENGTH KEYWORD=VALUE\n"; the length counts itself, and values are any bytes.
void TarReader::read_extension() {
  const std::string text = std::move(room_);
  room_.clear();
  at_ = padding_ > 0 ? At::padding : At::header;
  if (extension_ == 'g') return;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) refuse("an extended header is none");
    const std::uint64_t length = decimal(rest.substr(0, blank));
    if (length <= blank + 2 || length > rest.size() || rest[length - 1] != '\n') refuse("an extended header is none");
    const std::string_view record = rest.substr(blank + 1, length - blank - 2);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos) refuse("an extended header is none");
    records_[std::string(record.substr(0, equals))] = record.substr(equals + 1);
    rest.remove_prefix(length);
  }
}

void TarReader::begin_entry(TarEntry entry, std::uint64_t stored) {
  constexpr std::string_view attribute = "SCHILY.xattr.";
  bool sparse = false;
  entry.size = stored;
  for (const auto& [key, value] : records_) {
    if (key == "path" && !records_.count("GNU.sparse.name")) entry.path = value;
    if (key == "GNU.sparse.name") entry.path = value;
    if (key == "linkpath") entry.target = value;
    if (key == "uid") entry.uid = decimal_id(value);
    if (key == "gid") entry.gid = decimal_id(value);
    if (key == "mtime") read_time(value, entry);
    if (key == "GNU.sparse.realsize") entry.size = decimal(value);
    if (key == "GNU.sparse.major") sparse = true;
    if (key.starts_with(attribute)) entry.attributes[attribute_name(key.substr(attribute.size()))] = value;
  }
  if (sparse && (records_["GNU.sparse.major"] != "1" || records_["GNU.sparse.minor"] != "0"))
    refuse("a file with holes is written in another way than GNU's 1.0");
  records_.clear();
  entry.path = archive_path(std::move(entry.path));
  if (entry.kind == TarEntry::Kind::hard_link) entry.target = archive_path(std::move(entry.target));
  if (entry.kind != TarEntry::Kind::file && stored > 0) refuse(escape_bytes(entry.path) + " is no file and has bytes");
  size_ = entry.size;
  listener_.entry(entry);
  stretches_.clear();
  map_.clear();
  map_bytes_ = 0;
  if (sparse) {
    at_ = At::sparse_map;
    return;
  }
  if (stored > 0) stretches_.push_back({0, stored});
  begin_content();
}

// Lines of decimal numbers: how many stretches, and of each where and how long. It fills whole blocks.
void TarReader::read_map(std::string_view& bytes) {
  constexpr std::size_t longest_number = 20;
  while (!bytes.empty() && (map_.empty() || map_.size() <= 2 * map_[0])) {
    const char one = bytes.front();
    bytes.remove_prefix(1);
    ++map_bytes_;
    if (one != '\n') {
      room_ += one;
      if (room_.size() > longest_number) refuse("the map of a file with holes is none");
      continue;
    }
    map_.push_back(decimal(room_));
    if (map_[0] > most_stretches) refuse("a file has too many holes");
    room_.clear();
  }
  if (map_.empty() || map_.size() <= 2 * map_[0]) return;
  const std::uint64_t map_end = (map_bytes_ + block - 1) / block * block;
  const auto some = std::min<std::uint64_t>(map_end - map_bytes_, bytes.size());
  bytes.remove_prefix(static_cast<std::size_t>(some));
  map_bytes_ += some;
  if (map_bytes_ < map_end) return;
  if (map_end > stored_) refuse("the map of a file with holes is longer than the entry");
  stored_ -= map_end;
  std::uint64_t total = 0, before = 0;
  for (std::size_t i = 1; i + 1 < map_.size(); i += 2) {
    if (map_[i] < before || map_[i] > size_ || map_[i + 1] > size_ - map_[i])
      refuse("the map of a file with holes does not fit its size");
    before = map_[i] + map_[i + 1];
    total += map_[i + 1];
    if (map_[i + 1] > 0) stretches_.push_back({map_[i], map_[i + 1]});
  }
  if (total != stored_) refuse("the map of a file with holes does not fit its bytes");
  begin_content();
}

void TarReader::begin_content() {
  stretch_ = 0;
  done_ = 0;
  at_ = At::content;
  if (stored_ == 0) end_content();
}

void TarReader::read_content(std::string_view& bytes) {
  const Stretch& stretch = stretches_[stretch_];
  const std::string_view some =
      bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), stretch.size - done_)));
  listener_.content(stretch.offset + done_, some);
  bytes.remove_prefix(some.size());
  done_ += some.size();
  stored_ -= some.size();
  if (done_ == stretch.size) {
    ++stretch_;
    done_ = 0;
  }
  if (stored_ == 0) end_content();
}

void TarReader::end_content() {
  listener_.entry_ended();
  at_ = padding_ > 0 ? At::padding : At::header;
}

}  // namespace ka::server
