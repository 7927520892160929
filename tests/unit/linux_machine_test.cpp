#include "agent/linux_machine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"

namespace ka::agent {
namespace {

class LinuxMachineTest : public testing::Test {
 protected:
  LinuxMachineTest() {
    char path[] = "/tmp/ka-machine-XXXXXX";
    directory_ = ::mkdtemp(path);
  }
  ~LinuxMachineTest() override {
    for (const std::string& name : list_directory(directory_)) ::unlink((directory_ + "/" + name).c_str());
    ::rmdir(directory_.c_str());
  }
  std::string at(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
  asio::io_context io_;
  LinuxMachine machine_{io_};
};

TEST_F(LinuxMachineTest, WriteDeviceChangesOnlyTheGivenBytes) {
  write_file(at("disk"), "0123456789");
  machine_.write_device(at("disk"), 3, "abc");
  EXPECT_EQ(read_file(at("disk")), "012abc6789");
}

TEST_F(LinuxMachineTest, ReadDeviceGivesAllOrAnError) {
  write_file(at("disk"), "0123456789");
  EXPECT_EQ(machine_.read_device(at("disk"), 3, 4), "3456");
  EXPECT_THROW(machine_.read_device(at("disk"), 8, 3), Error);
}

TEST_F(LinuxMachineTest, WriteDeviceNamesAMissingDevice) {
  try {
    machine_.write_device(at("none"), 0, "x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(at("none")), std::string::npos);
  }
}

TEST_F(LinuxMachineTest, SetModeDoesNotFollowASymbolicLink) {
  write_file(at("file"), "", 0600);
  ASSERT_EQ(::symlink("file", at("link").c_str()), 0);
  EXPECT_THROW(machine_.set_mode(at("link"), 0777), Error);
  struct stat status;
  ASSERT_EQ(::stat(at("file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  machine_.set_mode(at("file"), 04755);
  ASSERT_EQ(::stat(at("file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 04755u);
}

TEST_F(LinuxMachineTest, SetMtimeKeepsNanosecondsAndTheLinksTarget) {
  write_file(at("file"), "");
  ASSERT_EQ(::symlink("file", at("link").c_str()), 0);
  machine_.set_mtime(at("file"), 1000000000, 123456789);
  machine_.set_mtime(at("link"), -5, 1);
  struct stat status;
  ASSERT_EQ(::stat(at("file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_sec, 1000000000);
  EXPECT_EQ(status.st_mtim.tv_nsec, 123456789);
  ASSERT_EQ(::lstat(at("link").c_str(), &status), 0);
  EXPECT_EQ(status.st_mtim.tv_sec, -5);
}

// Where the file system of /tmp has flags at all.
TEST_F(LinuxMachineTest, FlagsAreSetBesideThoseOfTheFileSystem) {
  write_file(at("file"), "");
  auto flags_now = [this] {
    UniqueFd fd(::open(at("file").c_str(), O_RDONLY));
    unsigned flags = 0;
    return ::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) == 0 ? static_cast<int>(flags) : -1;
  };
  const int before = flags_now();
  if (before < 0) GTEST_SKIP() << "no flags in /tmp";
  constexpr unsigned immutable = 0x10, no_dump = 0x40;
  machine_.set_inode_flags(at("file"), immutable | no_dump, 0);
  EXPECT_EQ(flags_now(), before | 0x50);
  EXPECT_THROW(machine_.write_file(at("file"), "x", 0644), Error);
  machine_.set_inode_flags(at("file"), no_dump, 0);
  EXPECT_EQ(flags_now(), before | 0x40);
  try {
    machine_.set_inode_flags(at("none"), no_dump, 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(at("none")), std::string::npos);
  }
}

TEST_F(LinuxMachineTest, MakeSocketMakesASocketInode) {
  machine_.make_socket(at("socket"));
  struct stat status;
  ASSERT_EQ(::lstat(at("socket").c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
}

TEST_F(LinuxMachineTest, RemovingWhatIsNotThereIsNoError) {
  write_file(at("file"), "");
  machine_.remove_file(at("file"));
  machine_.remove_file(at("file"));
  EXPECT_THROW(machine_.remove_file(directory_), Error);
}

}  // namespace
}  // namespace ka::agent
