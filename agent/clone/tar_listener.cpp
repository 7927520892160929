#include "agent/clone/tar_listener.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr std::size_t block_size = 512;
constexpr std::uint64_t longest_text = 16 << 20;  // a pax header with many extended attributes
constexpr std::size_t most_pieces = 1 << 20;

[[noreturn]] void fail(const std::string& why) { throw Error("read the tar stream", why); }

std::uint64_t padding_of(std::uint64_t size) { return (block_size - size % block_size) % block_size; }

std::string text_at(const std::string& block, std::size_t at, std::size_t size) {
  std::string text = block.substr(at, size);
  return text.substr(0, text.find('\0'));
}

// Octal, or binary with the highest bit of the first byte set.
std::uint64_t number_at(const std::string& block, std::size_t at, std::size_t size) {
  const auto first = static_cast<unsigned char>(block[at]);
  if (first & 0x80) {
    std::uint64_t value = first & 0x3f;
    for (std::size_t i = 1; i < size; ++i) {
      if (value >> 56) fail("a number that is too large");
      value = value << 8 | static_cast<unsigned char>(block[at + i]);
    }
    return value;
  }
  const std::string digits = text_at(block, at, size);
  const std::string_view trimmed = trim(digits);
  if (trimmed.empty()) return 0;
  const auto value = parse_unsigned(trimmed, 8);
  if (!value) fail("a number that is none: " + escape_bytes(digits));
  return *value;
}

bool right_checksum(const std::string& header) {
  constexpr std::size_t at = 148, size = 8;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < header.size(); ++i)
    sum += i >= at && i < at + size ? ' ' : static_cast<unsigned char>(header[i]);
  return sum == number_at(header, at, size);
}

std::uint64_t decimal(std::string_view text) {
  const auto value = parse_unsigned(text);
  if (!value) fail("a number that is none: " + escape_bytes(std::string(text)));
  return *value;
}

}  // namespace

void TarListener::take(std::span<const std::byte> bytes) {
  while (!bytes.empty() && state_ != State::over) bytes = bytes.subspan(take_some(bytes));
}

void TarListener::end() const {
  const bool between = state_ == State::over || (state_ == State::header && block_.empty());
  if (!between) fail("it ended in the middle" + (file_.name.empty() ? "" : ", after " + escape_bytes(file_.name)));
}

void TarListener::expect(State state, std::uint64_t size) {
  state_ = state;
  left_ = size;
  block_.clear();
}

std::size_t TarListener::take_some(std::span<const std::byte> bytes) {
  const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
  bytes = bytes.first(some);
  left_ -= some;
  if (state_ == State::data)
    add_data(bytes);
  else if (state_ != State::padding)
    block_.append(reinterpret_cast<const char*>(bytes.data()), some);
  while (left_ == 0 && state_ != State::over) {
    switch (state_) {
      case State::header: take_header(); break;
      case State::old_sparse: take_old_sparse(); break;
      case State::long_text: take_long_text(); break;
      case State::pax: take_pax(); break;
      case State::sparse_map:
        if (take_sparse_map(std::as_bytes(std::span(block_)))) begin_data();
        break;
      case State::data: end_data(); break;
      case State::padding: expect(State::header, block_size); break;
      case State::over: break;
    }
  }
  return some;
}

void TarListener::take_header() {
  if (block_.find_first_not_of('\0') == std::string::npos) {
    state_ = State::over;  // what follows fills the last record
    return;
  }
  if (!right_checksum(block_)) fail("no header where one has to be");
  const char type = block_[156];
  std::uint64_t size = number_at(block_, 124, 12);
  if (type == 'L' || type == 'K' || type == 'x' || type == 'g' || type == 'X') {
    if (size > longest_text) fail("a header of " + format_size(size));
    text_kind_ = type;
    const bool pax = type != 'L' && type != 'K';
    return expect(pax ? State::pax : State::long_text, size + padding_of(size));
  }
  std::string name = text_at(block_, 0, 100);
  const bool ustar = block_.compare(257, 6, std::string("ustar\0", 6)) == 0;
  if (const std::string prefix = ustar ? text_at(block_, 345, 155) : ""; !prefix.empty()) name = prefix + "/" + name;
  if (told_.name) name = *told_.name;
  if (told_.sparse_name) name = *told_.sparse_name;
  if (told_.size) size = *told_.size;
  file_ = File();
  file_.hard_link = type == '1';
  if (file_.hard_link) size = 0;
  if (type == 'S') {
    told_.sparse = true;
    told_.real_size = number_at(block_, 483, 12);
    for (std::size_t at = 386; at < 386 + 4 * 24; at += 24)
      told_.map.push_back({number_at(block_, at, 12), number_at(block_, at + 12, 12)});
  }
  const bool more_map = type == 'S' && block_[482] != 0;
  const bool regular = type == '0' || type == '\0' || type == '7' || type == 'S';
  hashing_ = false;
  padding_ = padding_of(size);
  file_.size = size;
  if (regular || file_.hard_link) begin_file(name, size);
  if (more_map) {
    return expect(State::old_sparse, block_size);
  }
  const bool map_in_data = regular && told_.sparse && told_.sparse_major == 1;
  if (map_in_data) {
    map_text_.clear();
    map_lines_ = 0;
    return expect(State::sparse_map, block_size);
  }
  begin_data();
}

// 21 more places, and whether there are still more.
void TarListener::take_old_sparse() {
  for (std::size_t at = 0; at < 21 * 24; at += 24)
    told_.map.push_back({number_at(block_, at, 12), number_at(block_, at + 12, 12)});
  if (told_.map.size() > most_pieces) fail("a sparse file in too many pieces");
  if (block_[504] != 0) return expect(State::old_sparse, block_size);
  begin_data();
}

void TarListener::take_long_text() {
  if (text_kind_ == 'L') told_.name = text_at(block_, 0, block_.size());
  expect(State::header, block_size);
}

// Records "LENGTH KEY=VALUE\n"; the length counts all of the record.
void TarListener::take_pax() {
  if (text_kind_ != 'g') {
    std::size_t at = 0;
    while (at < block_.size() && block_[at] != '\0') {
      const std::size_t blank = block_.find(' ', at);
      if (blank == std::string::npos) fail("a pax header that is none");
      const std::uint64_t length = decimal(std::string_view(block_).substr(at, blank - at));
      if (length <= blank - at + 1 || length > block_.size() - at || block_[at + length - 1] != '\n')
        fail("a pax header that is none");
      const std::string record = block_.substr(blank + 1, at + length - 1 - blank - 1);
      const std::size_t equals = record.find('=');
      if (equals == std::string::npos) fail("a pax header that is none");
      take_pax_record(record.substr(0, equals), record.substr(equals + 1));
      at += length;
    }
  }
  expect(State::header, block_size);
}

void TarListener::take_pax_record(const std::string& key, const std::string& value) {
  if (key == "path") {
    told_.name = value;
  } else if (key == "size") {
    told_.size = decimal(value);
  } else if (key == "GNU.sparse.name") {
    told_.sparse_name = value;
  } else if (key == "GNU.sparse.major") {
    told_.sparse = true;
    told_.sparse_major = static_cast<unsigned>(decimal(value));
  } else if (key == "GNU.sparse.minor") {
    told_.sparse_minor = static_cast<unsigned>(decimal(value));
  } else if (key == "GNU.sparse.size" || key == "GNU.sparse.realsize") {
    told_.sparse = true;
    told_.real_size = decimal(value);
  } else if (key == "GNU.sparse.offset") {
    told_.map.push_back({decimal(value), 0});
  } else if (key == "GNU.sparse.numbytes") {
    if (told_.map.empty()) fail("a sparse map that begins with a length");
    told_.map.back().size = decimal(value);
  } else if (key == "GNU.sparse.map") {
    const auto numbers = split(value, ',');
    for (std::size_t i = 0; i + 1 < numbers.size(); i += 2)
      told_.map.push_back({decimal(numbers[i]), decimal(numbers[i + 1])});
  }
  if (told_.map.size() > most_pieces) fail("a sparse file in too many pieces");
}

void TarListener::begin_file(const std::string& name, std::uint64_t size) {
  file_.name = name;
  while (file_.name.compare(0, 2, "./") == 0) file_.name.erase(0, 2);
  file_.size = size;
  if (!wanted_(file_.name)) return;
  if (file_.hard_link) {
    found_(file_);
    return;
  }
  hashing_ = true;
  content_.reset();
}

// GNU tar's 1.0: decimal numbers on lines of their own, how many pieces and then each, filled up to a block.
bool TarListener::take_sparse_map(std::span<const std::byte> block) {
  if (file_.size < block_size) fail("a sparse file without its map");
  file_.size -= block_size;  // what is left of it in the stream
  map_text_.append(reinterpret_cast<const char*>(block.data()), block.size());
  map_lines_ += std::count(block.begin(), block.end(), std::byte{'\n'});
  if (map_text_.size() > most_pieces * 44) fail("a sparse file in too many pieces");
  const std::size_t first = map_text_.find('\n');
  const std::uint64_t pieces = first == std::string::npos ? 0 : decimal(std::string_view(map_text_).substr(0, first));
  if (pieces > most_pieces) fail("a sparse file in too many pieces");
  if (first == std::string::npos || static_cast<std::uint64_t>(map_lines_) < 1 + 2 * pieces) {
    expect(State::sparse_map, block_size);
    return false;
  }
  const auto lines = split(map_text_, '\n');
  for (std::size_t i = 0; i < pieces; ++i) told_.map.push_back({decimal(lines[1 + 2 * i]), decimal(lines[2 + 2 * i])});
  return true;
}

void TarListener::begin_data() {
  const std::uint64_t in_stream = file_.size;
  if (told_.sparse) {
    map_ = std::move(told_.map);
    file_.size = told_.real_size.value_or(0);
  } else {
    map_.assign(1, Piece{0, std::numeric_limits<std::uint64_t>::max()});
  }
  told_ = Told();
  piece_ = 0;
  in_piece_ = 0;
  expect(State::data, in_stream);
}

void TarListener::add_data(std::span<const std::byte> bytes) {
  if (!hashing_) return;
  while (!bytes.empty()) {
    while (piece_ < map_.size() && in_piece_ == map_[piece_].size) {
      ++piece_;
      in_piece_ = 0;
    }
    if (piece_ == map_.size()) fail("more data than its map has room for: " + escape_bytes(file_.name));
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), map_[piece_].size - in_piece_));
    content_.add(map_[piece_].offset + in_piece_, bytes.first(some));
    in_piece_ += some;
    bytes = bytes.subspan(some);
  }
}

void TarListener::end_data() {
  if (hashing_) {
    file_.digest = content_.value(file_.size);
    found_(file_);
    hashing_ = false;
  }
  if (padding_ == 0) return expect(State::header, block_size);
  expect(State::padding, padding_);
}

}  // namespace ka::agent
