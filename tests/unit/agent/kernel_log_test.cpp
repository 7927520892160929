#include "agent/storage/kernel_log.h"

#include <gtest/gtest.h>

#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

const char* const failed_write = "I/O error, dev vda, sector 2056 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 2";

TEST(KernelLogTest, KnowsWhatDiskALineIsAbout) {
  EXPECT_TRUE(tells_of_error(failed_write, "vda"));
  EXPECT_FALSE(tells_of_error(failed_write, "vdb"));
  EXPECT_FALSE(tells_of_error(failed_write, "da"));
  EXPECT_TRUE(tells_of_error("Buffer I/O error on dev vda1, logical block 5, lost async page write", "vda"));
  EXPECT_TRUE(tells_of_error("EXT4-fs error (device nvme0n1p2): ext4_find_entry:1683: inode #2", "nvme0n1"));
  EXPECT_FALSE(tells_of_error("EXT4-fs error (device nvme0n12p2): ext4_find_entry:1683: inode #2", "nvme0n1"));
  EXPECT_FALSE(tells_of_error("I/O error, dev sdab, sector 1 op 0x0:(READ)", "sda"));
}

TEST(KernelLogTest, MountingIsNoError) {
  EXPECT_FALSE(tells_of_error("EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.", "vda"));
  EXPECT_FALSE(tells_of_error("EXT4-fs (vda1): unmounting filesystem.", "vda"));
  EXPECT_FALSE(tells_of_error("vda: vda1 vda2 < vda5 >", "vda"));
}

TEST(KernelLogTest, KnowsALostWrite) {
  EXPECT_TRUE(tells_of_lost_write(failed_write));
  EXPECT_TRUE(tells_of_lost_write("Buffer I/O error on dev vda1, logical block 5, lost async page write"));
  EXPECT_FALSE(tells_of_lost_write("I/O error, dev vda, sector 2056 op 0x0:(READ) flags 0x80700"));
  EXPECT_FALSE(tells_of_lost_write("operation not supported error, dev vda, sector 1 op 0x3:(DISCARD) flags 0x0"));
}

TEST(KernelLogTest, ALogThatIsNotThereSaysNothing) {
  KernelLog log("/no/such/file");
  EXPECT_TRUE(log.errors_of({"vda"}).empty());
}

TEST(KernelLogTest, CountersOfTheKernel) {
  Scratch sys;
  sys.file("/fs/ext4/vda1/errors_count", "3\n");
  EXPECT_EQ(ext_errors(sys.root(), "vda1"), 3u);
  EXPECT_EQ(ext_errors(sys.root(), "vda2"), 0u);
}

}  // namespace
}  // namespace ka::agent
