#pragma once
/// Where the files of an image are: in a folder, or one behind the other in an archive of tar's.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace ka::server {

class ImagePlace {
 public:
  ImagePlace() = default;
  /// A folder, whose files are looked at one by one.
  ImagePlace(std::string folder) : path_(std::move(folder)) {}

  /// Looks for the files of an archive: a regular file. Throws Error if it is none, or cut off.
  static ImagePlace of_archive(const std::string& path);

  const std::string& path() const { return path_; }
  bool is_archive() const { return archive_; }

  struct File {
    UniqueFd fd;
    std::uint64_t offset = 0, size = 0;  ///< of its bytes
  };
  /// Throws Error if it is not there, or is no file.
  File open(const std::string& name) const;
  /// How the file is called outside of here.
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  struct Member {
    std::uint64_t offset = 0, size = 0;
  };

  std::string path_;
  bool archive_ = false;
  std::map<std::string, Member> members_;
};

}  // namespace ka::server
