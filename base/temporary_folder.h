#pragma once
/// A folder that is gone with all that is in it when this is destroyed.

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace ka {

class TemporaryFolder {
 public:
  /// "/tmp/ka-uefi.XXXXXX", as mkdtemp(3) wants it; for its owner alone. Throws Error.
  explicit TemporaryFolder(std::string pattern) : path_(std::move(pattern)) {
    const std::string name = path_;
    if (::mkdtemp(path_.data()) == nullptr) throw Error::from_errno("make a folder " + name);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace ka
