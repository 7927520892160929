#include "base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/error.h"

namespace ka {
namespace {

class FilesTest : public testing::Test {
 protected:
  FilesTest() {
    char name[] = "/tmp/ka-files-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~FilesTest() override {
    for (const std::string& name : list_directory(folder_)) ::unlink((folder_ + "/" + name).c_str());
    ::rmdir(folder_.c_str());
  }
  std::string path(const char* name) const { return folder_ + "/" + name; }

  std::string folder_;
};

TEST_F(FilesTest, WhatIsWrittenIsRead) {
  std::string content("a\0b\n", 4);
  write_file(path("f"), content, 0640);
  EXPECT_EQ(read_file(path("f")), content);
  struct stat info;
  ASSERT_EQ(::stat(path("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(FilesTest, AFailedReplacementLeavesTheOldFileAndNothingElse) {
  ASSERT_EQ(::mkdir(path("d").c_str(), 0755), 0);
  EXPECT_THROW(write_file(path("d"), "x"), Error);  // a directory cannot be replaced by a file
  EXPECT_EQ(list_directory(folder_), std::vector<std::string>{"d"});
  ::rmdir(path("d").c_str());
}

TEST_F(FilesTest, AFileBeyondTheLimitIsRefusedByName) {
  write_file(path("big"), std::string(100, 'x'));
  try {
    read_file(path("big"), 99);
    FAIL() << "read past the limit";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(path("big")), std::string::npos);
  }
  EXPECT_EQ(read_file_if_any(path("no-such-file")), std::nullopt);
}

TEST_F(FilesTest, DirectoriesAreMadeAllTheWayDown) {
  make_directories(path("a"));
  make_directories(path("a"));
  EXPECT_EQ(list_directory(folder_), std::vector<std::string>{"a"});
  ::rmdir(path("a").c_str());
}

}  // namespace
}  // namespace ka
