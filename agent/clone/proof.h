#pragma once
/// That a clone's files are on its disk as they were sent: noted while they come, read back at the end.

#include <sys/stat.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/clone/content_digest.h"
#include "agent/clone/tar_listener.h"
#include "agent/machine/sink.h"
#include "wire/extents.h"

namespace ka::agent {

/// Notes what regular files hold; about 40 bytes and its name for each. In this order: listen() while tar unpacks,
/// copied(), note_changes() while all is still mounted, read_back() when nothing of it can be in memory any more. The
/// last two wait for the disk as long as it takes: call them beside the loop.
class Proof {
 public:
  /// `all`: every regular file; else those that a boot needs: what is in /boot.
  explicit Proof(bool all);

  /// `inner` takes the tar stream; what it is given is listened to.
  std::unique_ptr<Sink> listen(std::unique_ptr<Sink> inner);

  /// The same for a device that a stream of extents goes onto; these are read back, all of them. `size`: of the golden
  /// device.
  std::unique_ptr<Sink> listen_raw(std::unique_ptr<Sink> inner, const std::string& device, std::uint64_t size);

  /// Everything of the stream is there. A file whose inode changes from now on was written by what the clone does, not
  /// by tar.
  void copied();
  /// Was its inode changed since copied()? Where its file system tells.
  bool is_newer(const struct stat& status) const;

  /// Files below `root` that were changed, made or removed since copied(): their digests are taken again, from what
  /// the file system holds; so are those of all files where no time tells of changes. Throws Error naming the file.
  void note_changes(const std::string& root);

  /// Reads all noted files below `root` and compares. Throws Error naming the first file that differs, that is missing
  /// or cannot be read, and how many there are. Of `elsewhere`: what has been in the folder of that name ("a/") is
  /// below another root now.
  void read_back(const std::string& root, const std::map<std::string, std::string>& elsewhere = {});

  /// For a person who waits: bytes to be read back, and read so far. From any thread.
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t files() const { return files_; }
  /// What the notes take in memory.
  std::size_t memory() const;

 private:
  friend class ListeningSink;
  friend class RawListeningSink;
  struct Note;
  struct Raw {
    std::string device;
    std::uint64_t size;
    std::vector<wire::Extent> extents = {};
    ContentDigest digest = {};
  };
  /// One after the other in pieces of memory that are never moved: a million files must not need twice the room.
  class Notes {
   public:
    void add(std::uint32_t directory, const std::string& name, const Note& note);
    void each(const std::function<void(std::uint32_t directory, const std::string& name, Note& note)>& visit);
    std::size_t memory() const;

   private:
    std::deque<std::string> pieces_;
  };

  bool wanted(const std::string& name) const;
  void note(const TarListener::File& file);
  void add(const std::string& path, const Note& note);
  void walk(const std::string& root, const std::string& directory);
  Note look_at(int directory, const std::string& name, const std::string& path);
  /// What is read at that place, a piece of it, goes to content_; its size, 0 if a signal came.
  std::uint64_t add_piece(int fd, std::uint64_t at, std::uint64_t most, const std::string& path);
  ContentDigest::Value digest_of(int fd, std::uint64_t size, const std::string& path);
  ContentDigest::Value digest_of(int fd, const Raw& raw);

  bool all_;
  std::optional<TarListener> listener_;
  std::deque<std::string> directories_;
  Notes notes_;
  std::deque<Raw> raws_;
  ContentDigest content_;
  std::unique_ptr<std::byte[]> room_;
  struct timespec copied_ {};
  std::atomic<std::uint64_t> bytes_ = 0, bytes_read_ = 0, files_ = 0;
};

}  // namespace ka::agent
