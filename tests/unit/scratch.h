#pragma once
/// A directory of files that a test makes and that is gone after it.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/files.h"

namespace ka {

class Scratch {
 public:
  Scratch() {
    char path[] = "/dev/shm/ka-scratch-XXXXXX";  // in RAM: syncing it takes no time
    if (const char* made = ::mkdtemp(path)) root_ = made;
  }
  ~Scratch() {
    if (!root_.empty()) std::filesystem::remove_all(root_);
  }
  Scratch(const Scratch&) = delete;

  const std::string& root() const { return root_; }
  std::string at(const std::string& path) const { return root_ + path; }

  void file(const std::string& path, std::string_view content, mode_t mode = 0644) {
    directory(std::filesystem::path(path).parent_path());
    write_file(at(path), content, mode);
  }
  void directory(const std::string& path) { make_directories(at(path)); }
  void link(const std::string& path, const std::string& target) {
    directory(std::filesystem::path(path).parent_path());
    if (::symlink(target.c_str(), at(path).c_str()) != 0) ADD_FAILURE() << "symlink " << path;
  }
  std::string content(const std::string& path) const { return read_file(at(path)); }
  bool has(const std::string& path) const {
    struct stat status;
    return ::lstat(at(path).c_str(), &status) == 0;
  }
  struct stat status(const std::string& path) const {
    struct stat status {};
    EXPECT_EQ(::lstat(at(path).c_str(), &status), 0) << path;
    return status;
  }

 private:
  std::string root_;
};

}  // namespace ka
