#include "server/logs/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace ka::server {

namespace {

constexpr std::size_t compared_at_once = 64u << 10;
constexpr std::uint64_t room_for_remarks = 1u << 20;

}  // namespace

LogFile::LogFile(int folder, std::string name) : name_(std::move(name)) {
  // Not through a link, and without waiting at a FIFO that somebody has put there.
  fd_.reset(::openat(folder, name_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644));
  struct stat status {};
  if (!fd_.valid() || ::fstat(fd_.get(), &status) != 0) throw Error::from_errno("open " + name_);
  if (!S_ISREG(status.st_mode)) throw Error("open " + name_, "it is no regular file");
  // Of the open file, not of this process.
  struct flock lock {};
  lock.l_type = F_WRLCK;
  if (::fcntl(fd_.get(), F_OFD_SETLK, &lock) != 0) throw Error::from_errno("lock " + name_);
  size_ = static_cast<std::uint64_t>(status.st_size);
  line_ended_ = size_ == 0;
}

bool LogFile::more_may_come(int fd) {
  struct flock lock {};
  lock.l_type = F_RDLCK;
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

void LogFile::begin(std::string heading) {
  heading_ = std::move(heading);
  comparing_ = true;
  part_ = 0;
  in_part_ = 0;
}

void LogFile::take(std::string_view bytes) {
  if (full_ || bytes.empty()) return;
  if (comparing_) bytes.remove_prefix(same(bytes));
  if (!bytes.empty()) keep(bytes);
}

// How many of them are in the file already, where the comparison stands. At the first that is not, it has ended.
std::size_t LogFile::same(std::string_view bytes) {
  std::size_t equal = 0;
  while (equal < bytes.size() && part_ < parts_.size()) {
    const Part& part = parts_[part_];
    const std::string_view given = bytes.substr(equal, std::min<std::uint64_t>(part.size - in_part_, compared_at_once));
    const std::string known = content(part.offset + in_part_, given.size());
    const auto differs = std::mismatch(given.begin(), given.end(), known.begin(), known.end()).first - given.begin();
    equal += static_cast<std::size_t>(differs);
    in_part_ += static_cast<std::uint64_t>(differs);
    if (static_cast<std::size_t>(differs) < given.size()) {
      another_start();
      return equal;
    }
    if (in_part_ == part.size) {
      ++part_;
      in_part_ = 0;
    }
  }
  if (equal == bytes.size()) return equal;  // all that is known came again, or it still does
  comparing_ = false;
  if (parts_.empty()) write_heading();
  return equal;
}

// The machine has started anew, with the same first lines.
void LogFile::another_start() {
  comparing_ = false;
  std::vector<Part> before;
  before.swap(parts_);
  before.resize(part_ + 1);
  before.back().size = in_part_;
  write_heading();
  for (const Part& part : before)
    for (std::uint64_t done = 0; done < part.size;) {
      const std::string bytes =
          content(part.offset + done, std::min<std::uint64_t>(part.size - done, compared_at_once));
      keep(bytes);
      done += bytes.size();
    }
}

void LogFile::keep(std::string_view bytes) {
  if (full_) return;
  if (size_ + bytes.size() > largest) {
    remark("=== more than " + std::to_string(largest >> 20) + " MiB: the rest is left out ===");
    full_ = true;
    return;
  }
  if (parts_.empty() || parts_.back().offset + parts_.back().size != size_) parts_.push_back({size_, 0});
  append(bytes);
  parts_.back().size += bytes.size();
}

void LogFile::write_heading() { remark("=== " + heading_ + " ==="); }

void LogFile::remark(std::string_view text) {
  if (size_ > largest + room_for_remarks) return;
  append((line_ended_ ? "" : "\n") + std::string(text) + "\n");
}

void LogFile::append(std::string_view bytes) {
  struct statvfs space {};
  if (::fstatvfs(fd_.get(), &space) == 0) {
    const std::uint64_t left = std::min<std::uint64_t>(least_free, space.f_blocks * space.f_frsize / 20);
    if (space.f_bavail * space.f_frsize < left + bytes.size())
      throw Error("write " + name_, "less than " + format_size(left) + " would be free on that disk");
  }
  write_all(fd_.get(), bytes, name_);
  size_ += bytes.size();
  line_ended_ = bytes.back() == '\n';
}

std::string LogFile::content(std::uint64_t offset, std::size_t size) const {
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(fd_.get(), bytes.data(), size, static_cast<off_t>(offset));
  if (got <= 0) throw Error::from_errno("read " + name_);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

}  // namespace ka::server
