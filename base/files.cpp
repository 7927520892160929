#include "base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/unique_fd.h"

namespace ka {

namespace {

std::string read_all(int fd, const std::string& path, std::size_t limit) {
  std::string content;
  char buffer[16384];
  for (;;) {
    ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("read " + path);
    if (n == 0) return content;
    content.append(buffer, static_cast<std::size_t>(n));
    if (content.size() > limit) throw Error("read " + path, "longer than " + std::to_string(limit) + " bytes");
  }
}

}  // namespace

std::string read_file(const std::string& path, std::size_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw Error::from_errno("open " + path);
  return read_all(fd.get(), path, limit);
}

std::optional<std::string> read_file_if_any(const std::string& path, std::size_t limit) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  try {
    return read_all(fd.get(), path, limit);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string read_up_to(const std::string& path, std::uint64_t offset, std::size_t size) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) throw Error::from_errno("open " + path);
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n = ::pread(fd.get(), &bytes[have], size - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("read " + path);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

std::string read_at(const std::string& path, std::uint64_t offset, std::size_t size) {
  std::string bytes = read_up_to(path, offset, size);
  if (bytes.size() != size) throw Error("read " + path, "it ends before byte " + std::to_string(offset + size));
  return bytes;
}

void write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("write " + path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
}

void write_file(const std::string& path, std::string_view content, mode_t mode) {
  std::string temporary = path + ".ka-new";
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!fd.valid()) throw Error::from_errno("create " + temporary);
  try {
    write_all(fd.get(), content, temporary);
    if (::fchmod(fd.get(), mode) != 0) throw Error::from_errno("chmod " + temporary);
    if (::fsync(fd.get()) != 0) throw Error::from_errno("fsync " + temporary);
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw Error::from_errno("rename to " + path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void write_attribute(const std::string& path, std::string_view value) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) throw Error::from_errno("open " + path);
  ssize_t n = ::write(fd.get(), value.data(), value.size());
  if (n != static_cast<ssize_t>(value.size())) throw Error::from_errno("write " + path);
}

std::vector<std::string> list_directory(const std::string& path) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (!dir) return names;
  while (const dirent* entry = ::readdir(dir.get())) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

void make_directories(const std::string& path, mode_t mode) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) throw Error::from_errno("mkdir " + part);
    if (slash == std::string::npos) return;
  }
}

}  // namespace ka
