#include "agent/machine/linux_machine.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

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

TEST_F(LinuxMachineTest, OnlyBlockDevicesAreOpenedAndNothingIsMade) {
  write_file(at("disk"), "0123456789");
  for (const std::string& path : {at("disk"), std::string("/dev/null"), at("none")}) {
    try {
      machine_.claim_disk(path);
      ADD_FAILURE() << path;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos);
    }
    EXPECT_THROW(machine_.device_sink(path, 10), Error);
  }
  EXPECT_EQ(read_file(at("disk")), "0123456789");
  EXPECT_FALSE(read_file_if_any(at("none")));
}

TEST_F(LinuxMachineTest, NothingIsWrittenByANameAlone) {
  write_file(at("disk"), "0123456789");
  EXPECT_THROW(machine_.write_device(at("disk"), 3, "abc"), Error);
  EXPECT_EQ(read_file(at("disk")), "0123456789");
}

// A loop device of 1 MiB; needs root.
class LoopDeviceTest : public LinuxMachineTest {
 protected:
  void SetUp() override {
    write_file(at("image"), std::string(1 << 20, 'x'));
    UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
    UniqueFd image(::open(at("image").c_str(), O_RDWR | O_CLOEXEC));
    if (!control.valid()) GTEST_SKIP() << "no loop devices here: " << std::strerror(errno);
    for (int tries = 0; tries < 100 && !loop_.valid(); ++tries) {  // others take the free one, too
      const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
      if (number < 0) GTEST_SKIP() << "no loop device is free";
      path_ = "/dev/loop" + std::to_string(number);
      UniqueFd loop(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
      if (loop.valid() && ::ioctl(loop.get(), LOOP_SET_FD, image.get()) == 0) loop_ = std::move(loop);
    }
    ASSERT_TRUE(loop_.valid());
    make_writable_and_whole();
  }
  void TearDown() override {
    machine_.close_disks();
    if (!loop_.valid()) return;
    make_writable_and_whole();
    ::ioctl(loop_.get(), LOOP_CLR_FD, 0);
  }
  // Both outlive LOOP_CLR_FD: the next who takes this loop device, or a test that was killed, would find them.
  void make_writable_and_whole() {
    int no = 0;
    EXPECT_EQ(::ioctl(loop_.get(), BLKROSET, &no), 0) << std::strerror(errno);
    blkpg_partition first{};
    first.pno = 1;
    blkpg_ioctl_arg remove{BLKPG_DEL_PARTITION, 0, sizeof first, &first};
    ::ioctl(loop_.get(), BLKPG, &remove);  // fails if there is none
  }
  bool anybody_may_have_it() const { return UniqueFd(::open(path_.c_str(), O_RDWR | O_EXCL | O_CLOEXEC)).valid(); }

  std::string path_;
  UniqueFd loop_;
};

TEST_F(LoopDeviceTest, ADiskThatIsOpenIsNobodyElsesUntilItIsShared) {
  DeviceFacts facts = machine_.claim_disk(path_);
  EXPECT_EQ(facts.size, 1u << 20);
  EXPECT_EQ(facts.sector_size, 512u);
  EXPECT_EQ(facts.major, 7u);
  EXPECT_FALSE(anybody_may_have_it());
  machine_.share_disk(path_);
  EXPECT_TRUE(anybody_may_have_it());
  machine_.write_device(path_, 3, "abc");  // still open
  machine_.claim_disk(path_);
  EXPECT_FALSE(anybody_may_have_it());
  machine_.close_disks();
  EXPECT_TRUE(anybody_may_have_it());
  EXPECT_THROW(machine_.write_device(path_, 3, "abc"), Error);
}

TEST_F(LoopDeviceTest, ADiskThatSomebodyHasIsRefused) {
  UniqueFd other(::open(path_.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));  // as a mount has it
  ASSERT_TRUE(other.valid());
  for (auto open : {+[](LinuxMachine&m, const std::string&path) { m.claim_disk(path); },
                    +[](LinuxMachine&m, const std::string&path) { m.device_sink(path, 1 << 20); }}) {
    try {
      open(machine_, path_);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("it is in use"), std::string::npos) << error.what();
    }
  }
}

// What a mount of a partition is to the whole disk, and the other way round.
TEST_F(LoopDeviceTest, APartitionIsNobodyElsesEither) {
  blkpg_partition place{};
  place.start = 64 << 10;
  place.length = 512 << 10;
  place.pno = 1;
  blkpg_ioctl_arg add{BLKPG_ADD_PARTITION, 0, sizeof place, &place};
  if (::ioctl(loop_.get(), BLKPG, &add) != 0) GTEST_SKIP() << "loop devices have no partitions here";
  const std::string partition = path_ + "p1";
  machine_.claim_disk(path_);
  EXPECT_FALSE(UniqueFd(::open(partition.c_str(), O_RDWR | O_EXCL | O_CLOEXEC)).valid());
  machine_.share_disk(path_);
  {
    UniqueFd mounted(::open(partition.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
    EXPECT_TRUE(mounted.valid());
    EXPECT_THROW(machine_.claim_disk(path_), Error);
  }
  machine_.write_device(path_, 0, "abc");  // the descriptor of before is still there
  machine_.claim_disk(path_);
  machine_.close_disks();
  blkpg_ioctl_arg remove{BLKPG_DEL_PARTITION, 0, sizeof place, &place};
  EXPECT_EQ(::ioctl(loop_.get(), BLKPG, &remove), 0);
}

TEST_F(LoopDeviceTest, AReadOnlyDiskIsRefused) {
  int yes = 1;
  ASSERT_EQ(::ioctl(loop_.get(), BLKROSET, &yes), 0);
  EXPECT_THROW(machine_.claim_disk(path_), Error);
}

TEST_F(LoopDeviceTest, WriteDeviceChangesOnlyTheGivenBytes) {
  machine_.claim_disk(path_);
  machine_.write_device(path_, 3, "abc");
  EXPECT_EQ(machine_.read_device(path_, 0, 8), "xxxabcxx");
  EXPECT_EQ(read_file(at("image")).substr(0, 8), "xxxabcxx");
}

TEST_F(LoopDeviceTest, ReadDeviceGivesAllOrAnError) {
  machine_.claim_disk(path_);
  EXPECT_EQ(machine_.read_device(path_, (1 << 20) - 4, 4), "xxxx");
  EXPECT_THROW(machine_.read_device(path_, (1 << 20) - 2, 3), Error);
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
  write_file(at("file"), "");
  EXPECT_THROW(machine_.remove_file(directory_), Error);  // it is not empty
}

}  // namespace
}  // namespace ka::agent
