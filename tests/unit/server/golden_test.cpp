// What the tools of the golden node print, as values.
#include "server/golden/golden.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "server/golden/kinds.h"
#include "server/golden/mounts.h"
#include "server/golden/partition_table.h"

namespace ka::server {
namespace {

TEST(ServerMounts, MountinfoWithOptionalFieldsAndEscapedNames) {
  auto mounts = parse_mountinfo(
      "26 1 8:5 / / rw,relatime shared:1 - ext4 /dev/sda5 rw,errors=remount-ro\n"
      "40 26 8:17 / /mnt/my\\040disk rw master:3 propagate_from:2 - ext3 /dev/sdb1 rw\n"
      "41 26 8:5 /srv/a\\134b /export rw - ext4 /dev/sda5 rw\n"
      "22 26 0:21 / /proc rw - proc proc rw\n");
  ASSERT_EQ(mounts.size(), 4u);
  EXPECT_EQ(mounts[0].point, "/");
  EXPECT_EQ(mounts[0].major, 8u);
  EXPECT_EQ(mounts[0].minor, 5u);
  EXPECT_EQ(mounts[0].type, "ext4");
  EXPECT_EQ(mounts[1].point, "/mnt/my disk");
  EXPECT_EQ(mounts[1].source, "/dev/sdb1");
  EXPECT_EQ(mounts[2].root, "/srv/a\\b");
  EXPECT_EQ(mounts[3].major, 0u);
}

TEST(ServerMounts, ALineThatIsNotMountinfoIsAnError) {
  EXPECT_THROW(parse_mountinfo("26 1 8:5 / / rw\n"), Error);
  EXPECT_THROW(parse_mountinfo("26 1 85 / / rw - ext4 /dev/sda5 rw\n"), Error);
}

TEST(ServerMounts, Swaps) {
  auto swaps = parse_swaps(
      "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
      "/dev/sda1                               partition\t511996\t\t0\t\t-2\n"
      "/swap\\040file                           file\t\t1024\t\t0\t\t-3\n");
  ASSERT_EQ(swaps.size(), 2u);
  EXPECT_EQ(swaps[0].path, "/dev/sda1");
  EXPECT_FALSE(swaps[0].is_file);
  EXPECT_EQ(swaps[1].path, "/swap file");
  EXPECT_TRUE(swaps[1].is_file);
  EXPECT_EQ(swaps[1].size, 1024u * 1024);
}

TEST(ServerMounts, Fstab) {
  auto entries = parse_fstab(
      "# /etc/fstab\nUUID=aa / ext4 errors=remount-ro 0 1\n\n/dev/sdb1 /data ext4 noauto,nofail\nbroken line\n"
      "UUID=bb none swap sw 0 0");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].spec, "UUID=aa");
  EXPECT_TRUE(entries[1].has_option("nofail"));
  EXPECT_FALSE(entries[0].has_option("nofail"));
  EXPECT_EQ(entries[2].type, "swap");
}

TEST(ServerGolden, BlkidInItsEncoding) {
  Probe probe = parse_blkid(
      "ID_FS_LABEL=my_disk\nID_FS_LABEL_ENC=my\\x20disk\nID_FS_UUID=1c8a\nID_FS_UUID_ENC=1c8a-aa\nID_FS_VERSION=1.0\n"
      "ID_FS_TYPE=ext4\nID_FS_USAGE=filesystem\n");
  EXPECT_EQ(probe.type, "ext4");
  EXPECT_EQ(probe.uuid, "1c8a-aa");
  EXPECT_EQ(probe.label, "my disk");
  EXPECT_EQ(parse_blkid("").type, "");
}

TEST(ServerGolden, Dumpe2fs) {
  const Reading reading = parse_dumpe2fs(
      "Filesystem volume name:   <none>\nFilesystem features:      has_journal ext_attr metadata_csum\n"
      "Block count:              51200\nBlock size:               1024\nFragment size:            1024\n"
      "Inode size:\t          256\nRequired extra isize:     32\n");
  const auto& ext = std::get<storage::Ext>(reading.what);
  EXPECT_EQ(ext.block_size, 1024u);
  EXPECT_EQ(ext.inode_size, 256u);
  EXPECT_EQ(ext.features, (std::vector<std::string>{"has_journal", "ext_attr", "metadata_csum"}));
  EXPECT_THROW(parse_dumpe2fs("Block size: 1024\n"), Error);
}

// A sysfs of the test's own, with real symbolic links as the kernel makes them.
class Sysfs : public testing::Test {
 protected:
  Sysfs() {
    char name[] = "/tmp/ka-sysfs-XXXXXX";
    root_ = ::mkdtemp(name);
    make_directories(root_ + "/class/block");
  }
  ~Sysfs() override { (void)!std::system(("rm -rf " + root_).c_str()); }
  void add(const std::string& place, const std::string& dev, const std::string& size) {
    make_directories(root_ + "/devices/" + place);
    write_file(root_ + "/devices/" + place + "/dev", dev + "\n");
    write_file(root_ + "/devices/" + place + "/size", size + "\n");
    std::string name = place.substr(place.rfind('/') + 1);
    ASSERT_EQ(::symlink((root_ + "/devices/" + place).c_str(), (root_ + "/class/block/" + name).c_str()), 0);
  }
  void attribute(const std::string& path, const std::string& value) { write_file(root_ + "/devices/" + path, value); }

  std::string root_;
};

TEST_F(Sysfs, DrivesPartitionsAndWhatIsMadeOfThem) {
  add("pci/sda", "8:0", "2048");
  attribute("pci/sda/removable", "1\n");
  add("pci/sda/sda5", "8:5", "1024");
  attribute("pci/sda/sda5/partition", "5\n");
  add("virtual/dm-0", "253:0", "512");
  make_directories(root_ + "/devices/virtual/dm-0/slaves/sda5");
  add("virtual/loop0", "7:0", "8");
  auto devices = read_block_devices(root_);
  ASSERT_EQ(devices.size(), 4u);
  const BlockDevice* sda = find_device(devices, "/dev/sda");
  ASSERT_NE(sda, nullptr);
  EXPECT_EQ(sda->size, 2048u * 512);
  EXPECT_TRUE(sda->removable);
  EXPECT_TRUE(sda->is_drive());
  const BlockDevice* sda5 = find_device(devices, 8, 5);
  ASSERT_NE(sda5, nullptr);
  EXPECT_EQ(sda5->disk, "sda");
  EXPECT_EQ(sda5->partition, 5);
  EXPECT_FALSE(sda5->is_drive());
  EXPECT_FALSE(find_device(devices, "loop0")->is_drive());
  Golden golden;
  golden.devices = devices;
  EXPECT_EQ(drives_below(golden, *find_device(devices, "dm-0")), std::vector<std::string>{"sda"});
}

TEST(ServerGolden, PartitionNames) {
  EXPECT_EQ(partition_name("sda", 5), "sda5");
  EXPECT_EQ(partition_name("nvme0n1", 2), "nvme0n1p2");
  EXPECT_EQ(partition_name("loop0", 1), "loop0p1");
}

constexpr const char* sample_json = R"({"partitiontable": {"label":"dos", "id":"0x59be1427", "device":"/dev/sda",
  "unit":"sectors", "sectorsize":512, "partitions": [
    {"node":"/dev/sda1", "start":2048, "size":409600, "type":"83", "bootable":true},
    {"node":"/dev/sda2", "start":411648, "size":817152, "type":"5"},
    {"node":"/dev/sda5", "start":413696, "size":131072, "type":"82"},
    {"node":"/dev/sda6", "start":546816, "size":681984, "type":"83"}]}})";

constexpr std::uint64_t mib = 1024 * 1024;

storage::Disk disk(std::uint64_t bytes) { return {bytes, 512, ""}; }

TEST(ServerPartitionTable, WhatReachesToTheEndFills) {
  auto partitions = partitions_of("sda", storage::read_sfdisk(sample_json), disk(600 * mib));
  ASSERT_EQ(partitions.size(), 4u);
  EXPECT_EQ(partitions[0].size.bytes, 200 * mib);
  EXPECT_TRUE(partitions[0].active);
  EXPECT_TRUE(partitions[1].size.fill);
  EXPECT_EQ(partitions[2].size.bytes, 64 * mib);
  EXPECT_TRUE(partitions[3].size.fill);
}

TEST(ServerPartitionTable, WhatDoesNotReachToTheEndKeepsItsSize) {
  auto partitions = partitions_of("sda", storage::read_sfdisk(sample_json), disk(6000 * mib));
  EXPECT_EQ(partitions[1].size.bytes, 399 * mib);
  EXPECT_EQ(partitions[3].size.bytes, 333 * mib);
}

constexpr const char* debian_json = R"({"partitiontable": {"label":"dos", "id":"0x1", "partitions": [
      {"node":"/dev/sda1", "start":2048, "size":18970624, "type":"83"},
      {"node":"/dev/sda2", "start":18974718, "size":1996802, "type":"5"},
      {"node":"/dev/sda5", "start":18974720, "size":1996800, "type":"82"}]}})";

// Debian's installer: swap at the end, an extended partition that begins two sectors before it.
TEST(ServerPartitionTable, SwapAtTheEndKeepsItsSize) {
  auto partitions = partitions_of("sda", storage::read_sfdisk(debian_json), disk(std::uint64_t{10240} * mib));
  ASSERT_EQ(partitions.size(), 3u);
  EXPECT_EQ(partitions[2].size.bytes, 1996800u * 512);
  for (const auto& p : partitions) EXPECT_FALSE(p.size.fill) << p.number;
}

TEST(ServerPartitionTable, ADescOfItStillFitsTheSameDisk) {
  auto partitions = desc_of("sda", storage::read_sfdisk(debian_json), disk(std::uint64_t{10240} * mib));
  ASSERT_FALSE(partitions[2].size.fill);
  // 1 MiB in front of the first, 1 in front of the logical one.
  EXPECT_LE(1 + partitions[0].size.bytes / mib + partitions[1].size.bytes / mib, 10240u);
  EXPECT_GE(partitions[1].size.bytes / mib, partitions[2].size.bytes / mib + 1);
  EXPECT_GE(partitions[2].size.bytes / mib, 970u);
}

TEST(ServerPartitionTable, TheOrderIsThatOfTheDisk) {
  const char* json = R"({"partitiontable": {"label":"dos", "id":"0x1", "partitions": [
      {"node":"/dev/sda1", "start":411648, "size":409600, "type":"83"},
      {"node":"/dev/sda2", "start":2048, "size":409600, "type":"83"}]}})";
  auto partitions = partitions_of("sda", storage::read_sfdisk(json), disk(402 * mib));
  EXPECT_EQ(partitions[0].number, 2);
  EXPECT_EQ(partitions[0].size.bytes, 200 * mib);
  EXPECT_EQ(partitions[1].number, 1);
  EXPECT_TRUE(partitions[1].size.fill);
  // In a desc the order is the number, and what is not its last line cannot fill.
  auto desc = desc_of("sda", storage::read_sfdisk(json), disk(402 * mib));
  EXPECT_EQ(desc[0].number, 1);
  EXPECT_EQ(desc[0].size.bytes, 200 * mib);
  EXPECT_EQ(desc[1].size.bytes, 200 * mib);
}

std::string why_refused(const std::string& partitions, std::uint64_t sectors = 195371568) {
  try {
    partitions_of(
        "sda",
        storage::read_sfdisk(R"({"partitiontable": {"label":"dos", "id":"0x1", "partitions": [)" + partitions + "]}}"),
        disk(sectors * 512));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ServerPartitionTable, ATableThatContradictsItselfIsRefusedByNames) {
  using testing::AllOf;
  using testing::HasSubstr;
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda3", "start":41110335, "size":154240065, "type":"f"},
      {"node":"/dev/sda4", "start":102414438, "size":92935962, "type":"7"},
      {"node":"/dev/sda5", "start":41110461, "size":58685319, "type":"83"},
      {"node":"/dev/sda6", "start":99795843, "size":2618532, "type":"82"})"),
              AllOf(HasSubstr("sda3 (type f"), HasSubstr("sda4 (type 7"), HasSubstr("overlap")));
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda1", "start":2048, "size":4096, "type":"83"},
      {"node":"/dev/sda2", "start":6143, "size":4096, "type":"83"})"),
              AllOf(HasSubstr("sda1"), HasSubstr("sda2"), HasSubstr("overlap")));
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda1", "start":2048, "size":4096, "type":"5"},
      {"node":"/dev/sda5", "start":4096, "size":4096, "type":"83"})"),
              AllOf(HasSubstr("sda5"), HasSubstr("sda1"), HasSubstr("inside")));
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda1", "start":2048, "size":8192, "type":"5"},
      {"node":"/dev/sda5", "start":4096, "size":4096, "type":"83"},
      {"node":"/dev/sda6", "start":8000, "size":1000, "type":"83"})"),
              AllOf(HasSubstr("sda5"), HasSubstr("sda6"), HasSubstr("overlap")));
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda1", "start":2048, "size":4096, "type":"5"},
      {"node":"/dev/sda2", "start":8192, "size":4096, "type":"f"})"),
              AllOf(HasSubstr("sda1"), HasSubstr("sda2"), HasSubstr("both extended")));
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda1", "start":195371000, "size":569, "type":"83"})"),
              AllOf(HasSubstr("sda1"), HasSubstr("beyond the end")));
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda1", "start":0, "size":4096, "type":"83"})"),
              AllOf(HasSubstr("sda1"), HasSubstr("over the partition table")));
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda5", "start":4096, "size":4096, "type":"83"})"),
              HasSubstr("a logical partition without an extended one"));
  EXPECT_THAT(why_refused(R"({"node":"/dev/sda1", "start":4096, "size":0, "type":"83"})"), HasSubstr("is empty"));
  EXPECT_THAT(why_refused(""), HasSubstr("is empty"));
  EXPECT_EQ(why_refused(R"({"node":"/dev/sda1", "start":1, "size":195371567, "type":"83"})"), "");
}

}  // namespace
}  // namespace ka::server
