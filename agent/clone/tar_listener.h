#pragma once
/// Listens to a tar stream that somebody else unpacks, and says what each regular file in it holds.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/clone/content_digest.h"

namespace ka::agent {

/// Understands what GNU tar writes in its formats posix, gnu, ustar and oldgnu: long names, pax headers, sizes of any
/// length, and sparse files in all four forms (old GNU, and 0.0, 0.1 and 1.0 of pax).
class TarListener {
 public:
  struct File {
    std::string name;  ///< as in the archive, without "./" in front
    std::uint64_t size = 0;
    bool hard_link = false;  ///< to a file that came before; no digest then
    ContentDigest::Value digest;
  };

  /// `wanted`: whether the content of this file is to be hashed; `found` gets those files, and all hard links that are
  /// wanted, in the order of the stream.
  TarListener(std::function<bool(const std::string& name)> wanted, std::function<void(const File&)> found)
      : wanted_(std::move(wanted)), found_(std::move(found)) {}

  /// The next bytes of the stream. Throws Error if they are not a tar archive's.
  void take(std::span<const std::byte> bytes);
  /// After the last: throws Error if the archive ended in the middle of a file.
  void end() const;

 private:
  enum class State { header, old_sparse, long_text, pax, sparse_map, data, padding, over };
  struct Piece {
    std::uint64_t offset = 0, size = 0;
  };
  /// What pax and long-name headers say about the next entry.
  struct Told {
    std::optional<std::string> name, sparse_name;
    std::optional<std::uint64_t> size, real_size;
    unsigned sparse_major = 0, sparse_minor = 0;
    std::vector<Piece> map;
    bool sparse = false;
  };

  std::size_t take_some(std::span<const std::byte> bytes);
  void take_header();
  void take_old_sparse();
  void take_long_text();
  void take_pax();
  void take_pax_record(const std::string& key, const std::string& value);
  void begin_file(const std::string& name, std::uint64_t size);
  void begin_data();
  void add_data(std::span<const std::byte> bytes);
  bool take_sparse_map(std::span<const std::byte> block);
  void end_data();
  void expect(State state, std::uint64_t size);

  std::function<bool(const std::string&)> wanted_;
  std::function<void(const File&)> found_;
  State state_ = State::header;
  std::string block_;          // a header, or a long name or pax header, as far as it came
  std::uint64_t left_ = 512;   // bytes of the present part that are still to come
  std::uint64_t padding_ = 0;  // after it
  char text_kind_ = 0;         // 'L', 'K', 'x', 'g'
  Told told_;
  File file_;
  bool hashing_ = false;
  std::vector<Piece> map_;        // where the data of the present file lie in it
  std::size_t piece_ = 0;         // of map_, which comes next
  std::uint64_t in_piece_ = 0;    // bytes of it that came
  std::string map_text_;          // sparse 1.0: what came of the map
  std::ptrdiff_t map_lines_ = 0;  // in it
  ContentDigest content_;
};

}  // namespace ka::agent
