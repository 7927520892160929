#include "agent/drivers/missing_firmware.h"

#include <gtest/gtest.h>

namespace ka::agent {
namespace {

TEST(MissingFirmwareTest, TheKernelsWordsAndDebians) {
  auto list = parse_missing_firmware(
      "bnx2 0000:02:00.0: Direct firmware load for bnx2/bnx2-mips-09-6.2.1b.fw failed with error -2\n"
      "r8169 0000:03:00.0 eth1: firmware: failed to load rtl_nic/rtl8168g-2.fw (-2)\n"
      "bnx2 0000:02:00.0: Direct firmware load for bnx2/bnx2-mips-09-6.2.1b.fw failed with error -2\n"
      "platform regulatory.0: Direct firmware load for regulatory.db failed with error -2\n"
      "usb 1-1: new high-speed USB device\n");
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].device, "0000:02:00.0");
  EXPECT_EQ(list[0].text(),
            "its firmware is not in all.rdz: bnx2/bnx2-mips-09-6.2.1b.fw (Debian's package firmware-bnx2)");
  EXPECT_EQ(list[1].device, "0000:03:00.0");
  EXPECT_EQ(list[1].file, "rtl_nic/rtl8168g-2.fw");
  EXPECT_EQ(list[2].text(), "its firmware is not in all.rdz: regulatory.db");
}

TEST(MissingFirmwareTest, DebiansPackages) {
  EXPECT_EQ(firmware_package("bnx2x/bnx2x-e2-7.13.21.0.fw"), "firmware-bnx2x");
  EXPECT_EQ(firmware_package("qed/qed_init_values_zipped-8.59.1.0.bin"), "firmware-qlogic");
  EXPECT_EQ(firmware_package("tigon/tg3_tso.bin"), "firmware-misc-nonfree");
  EXPECT_EQ(firmware_package("unheard/of.bin"), "");
}

}  // namespace
}  // namespace ka::agent
