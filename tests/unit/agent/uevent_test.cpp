#include "agent/drivers/uevent.h"

#include <gtest/gtest.h>

namespace ka::agent {
namespace {

using namespace std::string_view_literals;

TEST(Uevent, AnAddedDeviceIsRead) {
  auto event = parse_uevent(
      "add@/devices/pci0000:00/0000:00:03.0\0ACTION=add\0DEVPATH=/devices/pci0000:00/0000:00:03.0\0SUBSYSTEM=pci\0"
      "PCI_ID=8086:100E\0MODALIAS=pci:v00008086d0000100E\0SEQNUM=1\0"sv);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->action, "add");
  EXPECT_EQ(event->path, "/devices/pci0000:00/0000:00:03.0");
  EXPECT_EQ(event->subsystem, "pci");
  EXPECT_EQ(event->modalias, "pci:v00008086d0000100E");
}

TEST(Uevent, ADeviceWithoutModaliasIsOneToo) {
  auto event = parse_uevent("add@/d\0ACTION=add\0DEVPATH=/d\0SUBSYSTEM=block\0"sv);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->modalias, "");
}

TEST(Uevent, OtherDatagramsAreNone) {
  EXPECT_FALSE(parse_uevent(""));
  EXPECT_FALSE(parse_uevent("libudev\0\xfe\xed\xca\xfe"sv));
  EXPECT_FALSE(parse_uevent("add@/d\0DEVPATH=/d\0"sv));
  EXPECT_FALSE(parse_uevent("add@/d\0ACTION=add"sv));
}

}  // namespace
}  // namespace ka::agent
