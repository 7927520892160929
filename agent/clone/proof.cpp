#include "agent/clone/proof.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace ka::agent {

namespace {

constexpr std::size_t read_size = 1 << 20;
constexpr std::size_t piece_size = 64 * 1024;

// `path` below `root`, without following a link; a path may be longer than the kernel takes at once.
UniqueFd open_below(const std::string& root, const std::string& path, int flags) {
  UniqueFd here(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::size_t at = 0;
  while (here.valid() && path.size() - at >= PATH_MAX) {
    const std::size_t slash = path.rfind('/', at + PATH_MAX - 2);
    if (slash == std::string::npos || slash <= at) break;
    here = UniqueFd(::openat(here.get(), path.substr(at, slash - at).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    at = slash + 1;
  }
  if (!here.valid()) return here;
  const std::string rest = path.substr(at);
  return UniqueFd(::openat(here.get(), rest.empty() ? "." : rest.c_str(), flags | O_CLOEXEC | O_NOFOLLOW));
}

bool at_or_after(const struct timespec& time, const struct timespec& other) {
  return time.tv_sec != other.tv_sec ? time.tv_sec > other.tv_sec : time.tv_nsec >= other.tv_nsec;
}

// FAT and exFAT have one time for both, in steps of two seconds, and give it back when somebody sets it.
bool has_change_times(int fd) {
  constexpr long fat = 0x4d44, exfat = 0x2011bab0;
  struct statfs status {};
  if (::fstatfs(fd, &status) != 0) throw Error::from_errno("ask for the kind of a file system");
  const auto type = static_cast<long>(status.f_type);
  return type != fat && type != exfat;
}

}  // namespace

struct Proof::Note {
  enum Kind : std::uint32_t { content, hard_link, gone };

  Kind kind = content;
  std::uint64_t size = 0;
  ContentDigest::Value digest;
};

// The tar stream on its way to tar.
class ListeningSink final : public Sink {
 public:
  ListeningSink(Proof& proof, std::unique_ptr<Sink> inner) : proof_(proof), inner_(std::move(inner)) {}

  Awaitable<void> write(std::span<const std::byte> bytes) override {
    proof_.listener_->take(bytes);
    co_await inner_->write(bytes);
  }
  Awaitable<void> close() override {
    co_await inner_->close();  // what tar says about a stream that is none comes first
    proof_.listener_->end();
  }
  void abort() noexcept override { inner_->abort(); }

 private:
  Proof& proof_;
  std::unique_ptr<Sink> inner_;
};

class RawListeningSink final : public Sink {
 public:
  RawListeningSink(Proof& proof, Proof::Raw& raw, std::unique_ptr<Sink> inner)
      : proof_(proof), raw_(raw), reader_(raw.size), inner_(std::move(inner)) {}

  Awaitable<void> write(std::span<const std::byte> bytes) override {
    auto found = [this](std::uint64_t offset, std::span<const std::byte> some) { note(offset, some); };
    reader_.take(bytes, found);
    co_await inner_->write(bytes);
  }
  Awaitable<void> close() override { co_await inner_->close(); }
  void abort() noexcept override { inner_->abort(); }

 private:
  void note(std::uint64_t offset, std::span<const std::byte> bytes) {
    raw_.digest.add(offset, bytes);
    proof_.bytes_ += bytes.size();
    std::vector<wire::Extent>& extents = raw_.extents;
    if (extents.empty() || extents.back().offset + extents.back().size != offset) extents.push_back({offset, 0});
    extents.back().size += bytes.size();
  }

  Proof& proof_;
  Proof::Raw& raw_;
  wire::ExtentReader reader_;
  std::unique_ptr<Sink> inner_;
};

// ---- Notes: directory, length of the name, note, name; again and again.

void Proof::Notes::add(std::uint32_t directory, const std::string& name, const Note& note) {
  const auto length = static_cast<std::uint32_t>(name.size());
  const std::size_t need = 2 * sizeof length + sizeof note + name.size();
  if (pieces_.empty() || pieces_.back().size() + need > pieces_.back().capacity()) {
    pieces_.emplace_back();
    pieces_.back().reserve(std::max(piece_size, need));
  }
  std::string& piece = pieces_.back();
  piece.append(reinterpret_cast<const char*>(&directory), sizeof directory);
  piece.append(reinterpret_cast<const char*>(&length), sizeof length);
  piece.append(reinterpret_cast<const char*>(&note), sizeof note);
  piece.append(name);
}

void Proof::Notes::each(const std::function<void(std::uint32_t, const std::string&, Note&)>& visit) {
  for (std::string& piece : pieces_) {
    for (std::size_t at = 0; at < piece.size();) {
      std::uint32_t directory = 0, length = 0;
      Note note;
      std::memcpy(&directory, &piece[at], sizeof directory);
      std::memcpy(&length, &piece[at + sizeof directory], sizeof length);
      char* stored = &piece[at + sizeof directory + sizeof length];
      std::memcpy(&note, stored, sizeof note);
      at += sizeof directory + sizeof length + sizeof note + length;
      visit(directory, std::string(stored + sizeof note, length), note);
      std::memcpy(stored, &note, sizeof note);
    }
  }
}

std::size_t Proof::Notes::memory() const {
  std::size_t sum = 0;
  for (const std::string& piece : pieces_) sum += piece.capacity() + sizeof piece;
  return sum;
}

// ---- While the files come

Proof::Proof(bool all) : all_(all) {
  auto wanted = [this](const std::string& name) { return this->wanted(name); };
  auto found = [this](const TarListener::File& file) { note(file); };
  listener_.emplace(wanted, found);
}

std::unique_ptr<Sink> Proof::listen(std::unique_ptr<Sink> inner) {
  return std::make_unique<ListeningSink>(*this, std::move(inner));
}

std::unique_ptr<Sink> Proof::listen_raw(std::unique_ptr<Sink> inner, const std::string& device, std::uint64_t size) {
  raws_.emplace_back(device, size);
  return std::make_unique<RawListeningSink>(*this, raws_.back(), std::move(inner));
}

bool Proof::wanted(const std::string& name) const { return all_ || name.compare(0, 5, "boot/") == 0; }

void Proof::note(const TarListener::File& file) {
  Note note;
  note.kind = file.hard_link ? Note::hard_link : Note::content;
  note.size = file.size;
  note.digest = file.digest;
  add(file.name, note);
}

// `path` has no slash in front.
void Proof::add(const std::string& path, const Note& note) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  if (directories_.empty() || directories_.back() != directory) directories_.push_back(directory);
  notes_.add(static_cast<std::uint32_t>(directories_.size() - 1), path.substr(directory.size()), note);
  ++files_;
  if (note.kind == Note::content) bytes_ += note.size;
}

void Proof::copied() {
  // Inodes get the time of the last tick, or since Linux 6.13 at times the exact one. So all that was done before now
  // has a time before that of the first tick which is behind this moment, and what is done from then on has none.
  struct timespec now {};
  const struct timespec moment { 0, 1'000'000 };
  ::clock_gettime(CLOCK_REALTIME, &now);
  // A tick takes milliseconds. A clock that is set back meanwhile would be waited for; then files count as changed.
  for (int waited = 0; waited < 1000; ++waited) {
    ::clock_gettime(CLOCK_REALTIME_COARSE, &copied_);
    if (!at_or_after(now, copied_)) return;
    ::nanosleep(&moment, nullptr);
  }
}

bool Proof::is_newer(const struct stat& status) const { return at_or_after(status.st_ctim, copied_); }

std::size_t Proof::memory() const {
  std::size_t sum = notes_.memory();
  for (const std::string& directory : directories_) sum += directory.capacity() + sizeof directory;
  return sum;
}

// ---- At the end

std::uint64_t Proof::add_piece(int fd, std::uint64_t at, std::uint64_t most, const std::string& path) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(read_size, most));
  const ssize_t got = ::pread(fd, room_.get(), size, static_cast<off_t>(at));
  if (got < 0 && errno == EINTR) return 0;
  if (got < 0) throw Error::from_errno("read /" + escape_bytes(path) + " back from the disk");
  if (got == 0) throw Error("read /" + escape_bytes(path) + " back from the disk", "it is shorter than it was");
  content_.add(at, {room_.get(), static_cast<std::size_t>(got)});
  bytes_read_ += static_cast<std::uint64_t>(got);
  return static_cast<std::uint64_t>(got);
}

ContentDigest::Value Proof::digest_of(int fd, std::uint64_t size, const std::string& path) {
  if (!room_) room_ = std::make_unique_for_overwrite<std::byte[]>(read_size);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  content_.reset();
  std::uint64_t at = 0;
  while (at < size) {
    // A hole is not read; where the file system cannot tell, everything is data.
    const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data > static_cast<off_t>(at)) {
      bytes_read_ += static_cast<std::uint64_t>(data) - at;
      at = static_cast<std::uint64_t>(data);
    }
    for (const std::uint64_t begin = at; at < begin + (64u << 20) && at < size;)
      at += add_piece(fd, at, read_size, path);
    ::posix_fadvise(fd, 0, static_cast<off_t>(at), POSIX_FADV_DONTNEED);
  }
  return content_.value(size);
}

ContentDigest::Value Proof::digest_of(int fd, const Raw& raw) {
  if (!room_) room_ = std::make_unique_for_overwrite<std::byte[]>(read_size);
  content_.reset();
  for (const wire::Extent& extent : raw.extents)
    for (std::uint64_t done = 0; done < extent.size;)
      done += add_piece(fd, extent.offset + done, extent.size - done, raw.device.substr(1));
  return content_.value(raw.size);
}

void Proof::note_changes(const std::string& root) {
  // Those of the stream that tar was not the last to touch: found again by the walk, if they are still there.
  auto sort_out = [&](std::uint32_t directory, const std::string& name, Note& note) {
    const UniqueFd fd = open_below(root, directories_[directory] + name, O_PATH);
    struct stat status {};
    if (fd.valid() && ::fstat(fd.get(), &status) != 0) throw Error::from_errno("look at /" + escape_bytes(name));
    const bool changed =
        !fd.valid() || !S_ISREG(status.st_mode) || at_or_after(status.st_ctim, copied_) || !has_change_times(fd.get());
    if (!changed) return;
    if (note.kind == Note::content) bytes_ -= note.size;
    --files_;
    note.kind = Note::gone;
  };
  notes_.each(sort_out);
  walk(root, all_ ? "" : "boot/");
  bytes_read_ = 0;
}

// All below `directory` ("" or "boot/") whose inode changed since copied(). What is mounted there belongs to it.
void Proof::walk(const std::string& root, const std::string& directory) {
  std::vector<std::string> todo = {directory};
  while (!todo.empty()) {
    const std::string path = std::move(todo.back());
    todo.pop_back();
    UniqueFd fd = open_below(root, path.empty() ? "" : path.substr(0, path.size() - 1), O_RDONLY | O_DIRECTORY);
    if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) && path == directory) return;
    if (!fd.valid()) throw Error::from_errno("open /" + escape_bytes(path));
    const int here = fd.get();
    std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(here), ::closedir);
    if (!entries) throw Error::from_errno("read /" + escape_bytes(path));
    fd.release();
    const bool tells = has_change_times(here);
    errno = 0;
    while (const dirent* entry = ::readdir(entries.get())) {
      const std::string name = entry->d_name;
      struct stat status {};
      if (name == "." || name == "..") continue;
      if (::fstatat(here, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        throw Error::from_errno("look at /" + escape_bytes(path + name));
      if (S_ISDIR(status.st_mode)) todo.push_back(path + name + "/");
      const bool changed = !tells || at_or_after(status.st_ctim, copied_);
      if (S_ISREG(status.st_mode) && changed) add(path + name, look_at(here, name, path));
      errno = 0;
    }
    if (errno != 0) throw Error::from_errno("read /" + escape_bytes(path));
  }
}

Proof::Note Proof::look_at(int directory, const std::string& name, const std::string& path) {
  const UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) throw Error::from_errno("open /" + escape_bytes(path + name));
  Note note;
  note.size = static_cast<std::uint64_t>(status.st_size);
  note.digest = digest_of(fd.get(), note.size, path + name);
  return note;
}

void Proof::read_back(const std::string& root, const std::map<std::string, std::string>& elsewhere) {
  std::string first;
  std::uint64_t wrong = 0;
  bytes_read_ = 0;
  auto compare = [&](std::uint32_t directory, const std::string& name, Note& note) {
    if (note.kind == Note::gone) return;
    const std::string path = directories_[directory] + name;
    std::string why;
    try {
      auto moved = elsewhere.find(path.substr(0, path.find('/') + 1));
      const UniqueFd fd = moved == elsewhere.end()
                              ? open_below(root, path, O_RDONLY | O_NONBLOCK)
                              : open_below(moved->second, path.substr(moved->first.size()), O_RDONLY | O_NONBLOCK);
      struct stat status {};
      if (!fd.valid() || ::fstat(fd.get(), &status) != 0)
        throw Error::from_errno("read /" + escape_bytes(path) + " back from the disk");
      if (!S_ISREG(status.st_mode)) {
        why = "it is no regular file any more";
      } else if (note.kind == Note::content) {
        const auto size = static_cast<std::uint64_t>(status.st_size);
        if (size != note.size)
          why = "it has " + std::to_string(size) + " bytes, " + std::to_string(note.size) + " were written";
        else if (!(digest_of(fd.get(), size, path) == note.digest))
          why = "what is read is not what was written";
      }
      if (!why.empty()) why = "read /" + escape_bytes(path) + " back from the disk: " + why;
    } catch (const Error& error) {
      why = error.what();
    }
    if (why.empty()) return;
    if (++wrong == 1) first = why;
  };
  notes_.each(compare);
  for (Raw& raw : raws_) {
    const UniqueFd fd(::open(raw.device.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) throw Error::from_errno("open " + raw.device);
    ::ioctl(fd.get(), BLKFLSBUF, 0);  // what is in memory proves nothing
    if (digest_of(fd.get(), raw) == raw.digest.value(raw.size)) continue;
    if (++wrong == 1) first = "read " + raw.device + " back from the disk: what is read is not what was written";
  }
  if (wrong == 1) throw Error(first);
  if (wrong > 1) throw Error(first + " (and " + std::to_string(wrong - 1) + " more files are wrong)");
}

}  // namespace ka::agent
