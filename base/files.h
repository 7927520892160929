#pragma once
/// Whole small files, as the kernel and the configuration have them.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace ka {

/// The whole file. Throws Error naming the path; also when it is larger than `limit` bytes.
std::string read_file(const std::string& path, std::size_t limit = 64u << 20);

/// The same, but nullopt when there is no such file (or a sysfs attribute cannot be read).
std::optional<std::string> read_file_if_any(const std::string& path, std::size_t limit = 64u << 20);

/// `size` bytes of a file or device, from this place on; fewer at its end. Throws Error.
std::string read_up_to(const std::string& path, std::uint64_t offset, std::size_t size);

/// The same, but throws Error, too, when there are not as many.
std::string read_at(const std::string& path, std::uint64_t offset, std::size_t size);

/// All of `content` to an open file; `path` is what an Error calls it.
void write_all(int fd, std::string_view content, const std::string& path);

/// Replaces the file: written whole to a temporary beside it, synced, renamed. Not for sysfs.
void write_file(const std::string& path, std::string_view content, mode_t mode = 0644);

/// All of `content` to an open file; `path` is for the Error.
void write_all(int fd, std::string_view content, const std::string& path);

/// One write(2) to a file that is there already: sysfs, procfs.
void write_attribute(const std::string& path, std::string_view value);

/// Names in the directory, sorted, without . and ..; empty when there is no such directory.
std::vector<std::string> list_directory(const std::string& path);

/// mkdir -p. Existing directories are left as they are.
void make_directories(const std::string& path, mode_t mode = 0755);

}  // namespace ka
