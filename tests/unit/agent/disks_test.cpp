#include "agent/storage/disks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::ElementsAre;

// A sysfs of plain files: real devices are directories below /devices, and /block links to them.
class DisksTest : public testing::Test {
 protected:
  // `device` is the path below /devices of what the disk hangs on.
  void disk(const std::string& name, const std::string& device, const std::string& sectors = "16777216") {
    std::string block = "/devices/" + device + "/block/" + name;
    sys_.file(block + "/size", sectors + "\n");
    sys_.file(block + "/dev", "8:" + std::to_string(16 * count_++) + "\n");
    sys_.file(block + "/removable", "0\n");
    sys_.file(block + "/ro", "0\n");
    sys_.file(block + "/queue/logical_block_size", "512\n");
    sys_.link(block + "/device", "../..");
    sys_.link("/block/" + name, ".." + block);
  }
  void virtual_disk(const std::string& name) {
    sys_.file("/devices/virtual/block/" + name + "/size", "2048\n");
    sys_.link("/block/" + name, "../devices/virtual/block/" + name);
  }
  void driver(const std::string& device, const std::string& name, const std::string& module) {
    sys_.link("/devices/" + device + "/driver", sys_.at("/bus/drivers/" + name));
    sys_.directory("/module/" + module);
    if (!sys_.has("/bus/drivers/" + name + "/module") && !module.empty())
      sys_.link("/bus/drivers/" + name + "/module", sys_.at("/module/" + module));
    sys_.directory("/bus/drivers/" + name);
  }
  std::vector<MachineDisk> disks(const std::string& mounts = "", const std::string& swaps = "") {
    proc_.file("/self/mountinfo", mounts);
    proc_.file("/swaps", "Filename\tType\tSize\tUsed\tPriority\n" + swaps);
    return read_disks(sys_.root(), proc_.root());
  }

  Scratch sys_, proc_;
  int count_ = 0;
};

const char* const ata = "pci0000:00/0000:00:1f.2/ata2/host1/target1:0:0/1:0:0:0";

TEST_F(DisksTest, AnAtaDiskWithAllItTells) {
  disk("sda", ata);
  std::string device = std::string("/devices/") + ata;
  sys_.file(device + "/model", "QEMU HARDDISK   \n");
  sys_.file(device + "/vpd_pg80", std::string("\0\x80\0\x14", 4) + "             QM00001");
  sys_.file(device + "/wwid", "naa.5000c500a1b2c3d4\n");
  sys_.file("/devices/pci0000:00/0000:00:1f.2/ata2/ata_port/ata2/port_no", "2\n");
  auto found = disks();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text(),
            "sda (8.0 GiB, QEMU HARDDISK, serial QM00001, wwn naa.5000c500a1b2c3d4, pci-0000:00:1f.2-ata-2)");
  EXPECT_EQ(found[0].size, 8ull << 30);
  EXPECT_FALSE(found[0].removable);
  EXPECT_FALSE(found[0].read_only);
  EXPECT_EQ(found[0].used_by, "");
}

TEST_F(DisksTest, PlacesAreNamedAsUdevNamesThem) {
  disk("vda", "pci0000:00/0000:00:04.0/virtio1");
  disk("nvme0n1", "pci0000:00/0000:00:05.0/0000:01:00.0/nvme/nvme0");
  sys_.file("/devices/pci0000:00/0000:00:05.0/0000:01:00.0/nvme/nvme0/block/nvme0n1/nsid", "1\n");
  // The controller's first host is 4: udev counts from there.
  disk("sdb", "pci0000:00/0000:00:06.0/host4/target4:0:3/4:0:3:0");
  disk("sdc", "pci0000:00/0000:00:06.0/host5/target5:0:0/5:0:0:1");
  std::string text;
  for (const MachineDisk& disk : disks()) text += disk.name + " " + disk.path + "\n";
  EXPECT_EQ(text,
            "nvme0n1 pci-0000:01:00.0-nvme-1\n"
            "sdb pci-0000:00:06.0-scsi-0:0:3:0\n"
            "sdc pci-0000:00:06.0-scsi-1:0:0:1\n"
            "vda pci-0000:00:04.0\n");
}

TEST_F(DisksTest, UsbDisksCountAsRemovable) {
  disk("sda", "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:0");
  ASSERT_EQ(disks().size(), 1u);
  EXPECT_TRUE(disks()[0].removable);
  EXPECT_EQ(disks()[0].path, "pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0");
}

TEST_F(DisksTest, WhatIsNoDiskIsPassedOver) {
  for (const char* name : {"loop0", "ram0", "zram0", "dm-0", "md127", "nbd0"}) virtual_disk(name);
  disk("sr0", "pci0000:00/0000:00:01.1/ata1/host0/target0:0:0/0:0:0:0");
  disk("fd0", "platform/floppy.0");
  disk("mmcblk0", "platform/mmc0/mmc0:0001");
  for (const char* part : {"mmcblk0boot0", "mmcblk0boot1", "mmcblk0rpmb", "mmcblk0gp0"})
    disk(part, "platform/mmc0/mmc0:0001/mmcblk0");
  disk("rbd0", "rbd/0");
  disk("sdd", "pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0/host7/target7:0:0/7:0:0:0",
       "0");  // a card reader without a card
  auto found = disks();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "mmcblk0");
}

TEST_F(DisksTest, ADiskInUseTellsByWhom) {
  disk("sda", ata);
  std::string block = std::string("/devices/") + ata + "/block/sda";
  sys_.file(block + "/sda1/dev", "8:1\n");
  EXPECT_EQ(disks("22 1 0:5 / /proc rw - proc proc rw\n30 1 8:1 / /mnt/x rw shared:1 - ext4 /dev/root rw\n")[0].used_by,
            "mounted on /mnt/x");
  // Btrfs has a number of its own.
  EXPECT_EQ(disks("30 1 0:42 /@ /mnt/b rw - btrfs /dev/sda1 rw\n")[0].used_by, "mounted on /mnt/b");
  EXPECT_EQ(disks("30 1 8:10 / /mnt/x rw - ext4 /dev/sda10 rw\n")[0].used_by, "");
  EXPECT_EQ(disks("", "/dev/sda1                               partition\t1046524\t0\t-2\n")[0].used_by,
            "swap in use on sda1");
  sys_.directory(block + "/sda1/holders/md127");
  EXPECT_EQ(disks()[0].used_by, "used by md127");
}

TEST_F(DisksTest, WhatIsMountedMustBeKnown) {
  disk("sda", ata);
  EXPECT_THROW(read_disks(sys_.root(), proc_.root()), std::exception);
}

TEST_F(DisksTest, SdCardsAreRemovableAlsoInAReaderOnPciAndSolderedOnesAreNot) {
  disk("mmcblk0", "pci0000:00/0000:02:00.0/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:aaaa");
  sys_.file("/devices/pci0000:00/0000:02:00.0/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:aaaa/type", "SD\n");
  sys_.file("/devices/pci0000:00/0000:02:00.0/rtsx_pci_sdmmc.0/mmc_host/mmc0/mmc0:aaaa/name", "SC32G\n");
  disk("mmcblk1", "platform/80860F14:00/mmc_host/mmc1/mmc1:0001");
  sys_.file("/devices/platform/80860F14:00/mmc_host/mmc1/mmc1:0001/type", "MMC\n");
  auto found = disks();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(found[0].removable);
  EXPECT_EQ(found[0].model, "SC32G");
  EXPECT_FALSE(found[1].removable);
}

TEST_F(DisksTest, WhatHangsOnAnOpenPortIsRemovable) {
  disk("nvme0n1", "pci0000:00/0000:00:07.0/0000:04:00.0/nvme/nvme0");
  sys_.file("/devices/pci0000:00/0000:00:07.0/0000:04:00.0/removable", "removable\n");  // Thunderbolt
  disk("nvme1n1", "pci0000:00/0000:00:06.0/0000:01:00.0/nvme/nvme1");
  sys_.file("/devices/pci0000:00/0000:00:06.0/0000:01:00.0/removable", "fixed\n");
  disk("sda", "pci0000:00/0000:03:00.0/fw0/fw1/fw1.0/host8/target8:0:0/8:0:0:0");
  auto found = disks();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_TRUE(found[0].removable);
  EXPECT_FALSE(found[1].removable);
  EXPECT_TRUE(found[2].removable);
}

TEST_F(DisksTest, AnNvmeDiskOfSeveralControllersHangsOnTheFirst) {
  const std::string controller = "pci0000:00/0000:00:06.0/0000:01:00.0/nvme/nvme0";
  const std::string subsystem = "/devices/virtual/nvme-subsystem/nvme-subsys0";
  sys_.directory("/devices/" + controller);
  driver("pci0000:00/0000:00:06.0/0000:01:00.0", "nvme", "nvme");
  sys_.link(subsystem + "/nvme0", sys_.at("/devices/" + controller));
  sys_.file(subsystem + "/serial", "S64D\n");
  sys_.file(subsystem + "/nvme0n1/size", "16777216\n");
  sys_.file(subsystem + "/nvme0n1/nsid", "1\n");
  sys_.link(subsystem + "/nvme0n1/device", "..");
  sys_.link("/block/nvme0n1", ".." + subsystem + "/nvme0n1");
  auto found = disks();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].path, "pci-0000:01:00.0-nvme-1");
  EXPECT_EQ(found[0].serial, "S64D");
  EXPECT_THAT(driver_modules(sys_.root(), "nvme0n1"), ElementsAre("nvme"));
}

TEST_F(DisksTest, NamesGivenAsDisksAreFoundMayChange) {
  disk("sda", ata);
  disk("vda", "pci0000:00/0000:00:04.0/virtio1");
  auto found = disks();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(found[0].name_may_change);
  EXPECT_FALSE(found[1].name_may_change);
}

// Two ways to one LUN, as a SAN or a second cable shows it.
class PathsTest : public DisksTest {
 protected:
  void lun(const std::string& name, const std::string& host, const std::string& wwn, const std::string& serial,
           const std::string& sectors = "16777216") {
    const std::string device = "pci0000:00/0000:00:06.0/host" + host + "/target" + host + ":0:0/" + host + ":0:0:0";
    disk(name, device, sectors);
    sys_.file("/devices/" + device + "/wwid", wwn + "\n");
    sys_.file("/devices/" + device + "/vpd_pg80", std::string("\0\x80\0\x08", 4) + serial);
    sys_.file("/devices/" + device + "/block/" + name + "/" + name + "1/dev", "8:" + std::to_string(100 + count_));
  }
};

TEST_F(PathsTest, OneWwnWithOneSerialNumberIsOneDisk) {
  lun("sda", "1", "naa.1", "LUN-7");
  lun("sdb", "2", "naa.1", "LUN-7");
  lun("sdc", "3", "naa.1", "LUN-7");
  auto found = disks();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].text(),
            "sda (8.0 GiB, serial LUN-7, wwn naa.1, pci-0000:00:06.0-scsi-0:0:0:0, the same disk as sdb, "
            "the same disk as sdc)");
  EXPECT_EQ(disk_by_number(sys_.root(), proc_.root(), "8:16")->name, "sdb");
  EXPECT_EQ(disks("30 1 8:102 / /data rw - ext4 /dev/sdb1 rw\n")[0].used_by, "mounted on /data as sdb");
  sys_.directory("/devices/pci0000:00/0000:00:06.0/host3/target3:0:0/3:0:0:0/block/sdc/holders/dm-0");
  EXPECT_EQ(disks()[0].used_by, "used by dm-0 as sdc");
}

TEST_F(PathsTest, WhatVendorsRepeatMakesNoTwoDisksOne) {
  lun("sda", "1", "naa.1", "A");
  lun("sdb", "2", "naa.1", "B");
  lun("sdc", "3", "naa.1", "A", "33554432");
  lun("sdd", "4", "naa.2", "A");
  lun("sde", "5", "naa.3", "");
  lun("sdf", "6", "naa.3", "");
  EXPECT_EQ(disks().size(), 6u);
}

TEST_F(PathsTest, NamespacesOfOneNvmeControllerAreDisksOfTheirOwn) {
  for (const char* number : {"1", "2"}) {
    const std::string name = std::string("nvme0n") + number, nvme = "pci0000:00/0000:01:00.0/nvme/nvme0";
    disk(name, nvme);
    sys_.file("/devices/" + nvme + "/block/" + name + "/nsid", number);
    sys_.file("/devices/" + nvme + "/block/" + name + "/wwid", "eui.0000000000000001\n");
    sys_.file("/devices/" + nvme + "/serial", "S64D\n");
  }
  EXPECT_EQ(disks().size(), 2u);
}

TEST_F(DisksTest, ByItsNumber) {
  disk("sda", ata);
  disk("vda", "pci0000:00/0000:00:04.0/virtio1");
  disks();
  EXPECT_EQ(disk_by_number(sys_.root(), proc_.root(), "8:16")->name, "vda");
  EXPECT_FALSE(disk_by_number(sys_.root(), proc_.root(), "8:32"));
}

TEST_F(DisksTest, DriversFromTheDiskToTheRoot) {
  disk("sda", ata);
  driver(ata, "sd", "sd_mod");
  driver("pci0000:00/0000:00:1f.2", "ahci", "ahci");
  disk("vda", "pci0000:00/0000:00:04.0/virtio1");
  driver("pci0000:00/0000:00:04.0/virtio1", "virtio_blk", "virtio_blk");
  sys_.link("/devices/pci0000:00/0000:00:04.0/driver", sys_.at("/bus/drivers/virtio-pci"));  // built in: no module
  sys_.directory("/bus/drivers/virtio-pci");
  EXPECT_THAT(driver_modules(sys_.root(), "sda"), ElementsAre("sd_mod", "ahci"));
  EXPECT_THAT(driver_modules(sys_.root(), "vda"), ElementsAre("virtio_blk"));
}

TEST_F(DisksTest, TheDriverOfSdCardsIsKnownByTheirNames) {
  disk("mmcblk0", "pci0000:00/0000:00:05.0/mmc_host/mmc0/mmc0:4567");
  driver("pci0000:00/0000:00:05.0", "sdhci-pci", "sdhci_pci");
  sys_.directory("/module/mmc_block");
  EXPECT_THAT(driver_modules(sys_.root(), "mmcblk0"), ElementsAre("sdhci_pci"));  // built in
  sys_.file("/module/mmc_block/initstate", "live\n");
  EXPECT_THAT(driver_modules(sys_.root(), "mmcblk0"), ElementsAre("mmc_block", "sdhci_pci"));
}

TEST(PartitionNameTest, AsTheKernelNamesThem) {
  EXPECT_EQ(partition_name("sda", 1), "sda1");
  EXPECT_EQ(partition_name("vdb", 12), "vdb12");
  EXPECT_EQ(partition_name("nvme0n1", 1), "nvme0n1p1");
  EXPECT_EQ(partition_name("mmcblk0", 2), "mmcblk0p2");
}

}  // namespace
}  // namespace ka::agent
