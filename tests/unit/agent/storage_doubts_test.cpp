#include "agent/storage/storage_doubts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StorageDoubtsTest : public testing::Test {
 protected:
  void device(const std::string& bus, const std::string& name, const std::string& modalias, bool driven) {
    const std::string place = "/bus/" + bus + "/devices/" + name;
    sys_.file(place + "/modalias", modalias + "\n");
    if (driven) sys_.directory(place + "/driver");
  }
  void pci(const std::string& name, const std::string& class_code, bool driven) {
    device("pci", name, "pci:v00001B36d00000010bc01sc08i02", driven);
    sys_.file("/bus/pci/devices/" + name + "/class", class_code + "\n");
    sys_.file("/bus/pci/devices/" + name + "/vendor", "0x1b36\n");
    sys_.file("/bus/pci/devices/" + name + "/device", "0x0010\n");
  }
  std::vector<std::string> doubts() {
    return storage_doubts(sys_.root(), [](std::string_view alias) { return alias == "acpi:80860F14:"; });
  }

  Scratch sys_;
};

TEST_F(StorageDoubtsTest, AMachineWithAllItsDriversLeavesNone) {
  pci("0000:00:01.1", "0x010180", true);
  pci("0000:00:02.0", "0x020000", false);  // a network card
  pci("0000:00:03.0", "0x030000", false);
  pci("0000:00:04.0", "0x010200", false);                           // a floppy controller
  device("virtio", "virtio0", "virtio:d00000004v00001AF4", false);  // random numbers
  device("scsi", "0:0:0:0", "scsi:t-0x00", true);
  device("scsi", "1:0:0:0", "scsi:t-0x05", false);  // a CD drive
  device("platform", "rtc_cmos", "acpi:PNP0B00:", false);
  sys_.file("/class/nvme/nvme0/state", "live\n");
  sys_.file("/class/fc_host/host3/port_state", "Online\n");
  EXPECT_THAT(doubts(), IsEmpty());
}

TEST_F(StorageDoubtsTest, AControllerWithoutADriverIsNamed) {
  pci("0000:00:05.0", "0x010802", false);
  EXPECT_THAT(doubts(), ElementsAre("no driver works for pci 0000:00:05.0 [1b36:0010], NVMe controller (modalias "
                                    "pci:v00001B36d00000010bc01sc08i02)"));
}

TEST_F(StorageDoubtsTest, OnEveryBusThatDisksHangOn) {
  for (const char* code :
       {"0x010000", "0x010400", "0x010601", "0x010700", "0x010901", "0x018000", "0x080501", "0x0c0400"})
    pci(std::string("0000:01:00.") + code, code, false);
  EXPECT_EQ(doubts().size(), 8u);
  device("virtio", "virtio1", "virtio:d00000002v00001AF4", false);
  device("virtio", "virtio2", "virtio:d00000008v00001AF4", false);
  device("scsi", "2:0:0:0", "scsi:t-0x00", false);
  device("mmc", "mmc0:0001", "mmc:block", false);
  device("xen", "vbd-768", "xen:vbd", false);
  device("vmbus", "a", "vmbus:d96361baa104294db60572e2ffb1dc7f", false);
  device("platform", "80860F14:00", "acpi:80860F14:", false);
  EXPECT_EQ(doubts().size(), 15u);
}

TEST_F(StorageDoubtsTest, ControllersThatAreNotReady) {
  pci("0000:00:17.0", "0x010400", true);
  sys_.file("/bus/pci/devices/0000:00:17.0/remapped_nvme", "1\n");
  sys_.file("/class/nvme/nvme0/state", "connecting\n");
  sys_.file("/class/fc_host/host3/port_state", "Linkdown\n");
  sys_.file("/class/scsi_host/host0/state", "running\n");
  sys_.file("/class/scsi_host/host1/state", "recovery\n");
  EXPECT_THAT(doubts(),
              ElementsAre(AllOf(HasSubstr("0000:00:17.0 hides 1 NVMe"), HasSubstr("AHCI mode")),
                          "NVMe controller nvme0 is connecting, not live", "SCSI host host1 is recovery, not running",
                          "Fibre Channel port host3 is Linkdown, not Online"));
}

}  // namespace
}  // namespace ka::agent
