#pragma once
/// The stream of files of an image, entry by entry: what GNU tar's --format=posix --sparse --xattrs writes (POSIX
/// pax, with GNU's sparse files 1.0 and SCHILY's attributes). Takes it in pieces of any size and keeps no content.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ka::server {

struct TarEntry {
  enum class Kind { file, hard_link, symbolic_link, character_device, block_device, directory, fifo };

  std::string path;  ///< "/etc/passwd", "/" for "./"
  Kind kind = Kind::file;
  mode_t mode = 0;  ///< without the kind
  std::uint32_t uid = 0, gid = 0;
  std::int64_t mtime = 0;  ///< seconds
  std::uint32_t mtime_nsec = 0;
  std::uint64_t size = 0;  ///< of a file, with its holes
  std::string target;      ///< of a symbolic link as it is; of a hard one as `path`
  std::uint32_t device_major = 0, device_minor = 0;
  std::map<std::string, std::string> attributes;  ///< extended ones; bytes
};

/// What a header block says of what follows it.
struct TarHeader {
  std::string name;
  char type = '0';
  std::uint64_t size = 0;
};
inline constexpr std::size_t tar_block = 512;
/// Of a block that is not all zeros. Throws Error if it is no header.
TarHeader read_tar_header(std::string_view block);
/// Of a file of this size, for its owner alone.
std::string tar_header(const std::string& name, char type, std::uint64_t size, std::int64_t mtime);

/// A name of an archive as TarEntry::path: "./etc/" is "/etc".
std::string archive_path(std::string name);

class TarReader {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void entry(const TarEntry& entry) = 0;
    /// Some content of that entry; in order, without its holes.
    virtual void content(std::uint64_t offset, std::string_view bytes) = 0;
    /// All of it was there.
    virtual void entry_ended() = 0;
  };

  explicit TarReader(Listener& listener) : listener_(listener) {}

  /// Throws Error for bytes that are no such archive.
  void take(std::string_view bytes);
  /// Throws Error unless the archive's end was there.
  void finish() const;

 private:
  enum class At { header, extension, sparse_map, content, padding, over };
  using Records = std::map<std::string, std::string, std::less<>>;
  struct Stretch {
    std::uint64_t offset, size;
  };

  bool gather(std::string_view& bytes, std::size_t wanted);
  void read_header();
  void read_extension();
  void read_map(std::string_view& bytes);
  void read_content(std::string_view& bytes);
  void begin_entry(TarEntry entry, std::uint64_t stored);
  void begin_content();
  void end_content();

  Listener& listener_;
  At at_ = At::header;
  std::string room_;                        // of what has to be whole
  Records records_;                         // of the extension before the next entry
  char extension_ = 0;                      // its type
  std::uint64_t stored_ = 0;                // bytes of the entry that are still to come
  std::uint64_t padding_ = 0;               // after them
  std::vector<Stretch> stretches_;          // that its bytes are
  std::size_t stretch_ = 0;                 // which of them,
  std::uint64_t done_ = 0;                  // and how much of it was there
  std::vector<std::uint64_t> map_;          // numbers of a sparse file's map that were read
  std::uint64_t map_bytes_ = 0, size_ = 0;  // bytes of that map; size of the file
};

}  // namespace ka::server
