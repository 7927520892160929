// What `ka-server probe` makes of files, configurations and packets. tests/pxe/probed.sh asks real servers.

#include <gmock/gmock.h>

#include "server/probe/boot_server.h"
#include "server/probe/file_kind.h"
#include "server/probe/loader_config.h"
#include "server/probe/spanning_tree.h"

namespace ka::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string pe(unsigned machine) {
  std::string file(256, '\0');
  file.replace(0, 2, "MZ");
  file[0x3c] = '\x80';
  file.replace(0x80, 2, "PE");
  file[0x84] = static_cast<char>(machine);
  file[0x85] = static_cast<char>(machine >> 8);
  return file;
}

TEST(FileKindTest, IsSeenByTheFirstBytes) {
  EXPECT_EQ(kind_of(pe(0x8664)), FileKind::efi_x86_64);
  EXPECT_EQ(kind_of(pe(0x014c)), FileKind::efi_x86_32);
  EXPECT_EQ(kind_of(pe(0xaa64)), FileKind::efi_arm_64);
  EXPECT_EQ(kind_of(pe(0x0200)), FileKind::efi_other);
  EXPECT_EQ(kind_of("\xfa\xfc PXELINUX 6.04"), FileKind::pxelinux);
  EXPECT_EQ(kind_of("anything"), FileKind::bios);
  EXPECT_EQ(kind_of(""), FileKind::bios);
  EXPECT_EQ(kind_of("MZ"), FileKind::bios) << "DOS had such programs";
  EXPECT_EQ(kind_of(std::string(510, '\0') + "\x55\xaa"), FileKind::disk);
  EXPECT_EQ(kind_of(std::string(0x8001, '\0') + "CD001\x01"), FileKind::disk);
}

TEST(LoaderConfigTest, PxelinuxsDefaultIsFollowedToItsFiles) {
  const std::string config =
      "DEFAULT kamethod\nlabel local\n  LOCALBOOT 0\nlabel kamethod\n  KERNEL images/vmlinuz\n"
      "  APPEND initrd=images/all.rdz,more.rdz automatic=method:ka,network:dhcp quiet\nlabel x\n  KERNEL x\n";
  const NextStep next = pxelinux_default(config);
  EXPECT_EQ(next.label, "kamethod");
  EXPECT_THAT(next.files, ElementsAre("images/vmlinuz", "images/all.rdz", "more.rdz"));
  EXPECT_TRUE(next.is_ka);
  EXPECT_FALSE(pxelinux_default("DEFAULT local\n" + config.substr(config.find('\n') + 1)).is_ka);
  EXPECT_FALSE(pxelinux_default("").is_ka);
}

TEST(LoaderConfigTest, GrubsDefaultIsALabel) {
  EXPECT_TRUE(grub_default("set timeout=1\n  set default=kamethod\n").is_ka);
  EXPECT_EQ(grub_default("set default=local\n").label, "local");
}

TEST(LoaderConfigTest, FilesLieBesideTheLoader) {
  EXPECT_EQ(beside("/X86PC/linux/linux.0", "images/vmlinuz"), "/X86PC/linux/images/vmlinuz");
  EXPECT_EQ(beside("linux.0", "ldlinux.c32"), "ldlinux.c32");
  EXPECT_EQ(beside("/a/b", "/c"), "/c");
  EXPECT_EQ(beside("/a/b", "http://10.0.0.1/c"), "http://10.0.0.1/c");
}

DhcpOffer offer_with(dhcp::Bytes options) {
  DhcpOffer offer;
  offer.from = asio::ip::make_address_v4("10.0.1.1");
  offer.answer.vendor_options = std::move(options);
  return offer;
}

TEST(BootItemTest, TheFirstEntryOfTheMenuAndItsServer) {
  const auto plain = boot_item(offer_with({}));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->server.to_string(), "10.0.1.1");
  EXPECT_FALSE(plain->type);
  const auto item = boot_item(offer_with({8, 7, 0x80, 1, 1, 10, 0, 1, 9, 9, 5, 0x80, 1, 2, 'K', 'A', 255}));
  ASSERT_TRUE(item);
  EXPECT_EQ(item->server.to_string(), "10.0.1.9");
  EXPECT_EQ(item->type, 0x8001);
  EXPECT_FALSE(boot_item(offer_with({9, 4, 0, 0, 1, 'x', 255}))) << "its own disk";
}

TEST(BootItemTest, WhatRunsOverTheEndIsNotRead) {
  for (const dhcp::Bytes& bytes :
       {dhcp::Bytes{9}, dhcp::Bytes{9, 200, 1}, dhcp::Bytes{9, 1, 7}, dhcp::Bytes{8, 3, 0x80, 1, 255, 9, 2, 0x80, 1}})
    EXPECT_TRUE(boot_item(offer_with(bytes)));
}

TEST(SpanningTreeTest, ASwitchSaysHowLongItHoldsPacketsBack) {
  std::string packet("\x42\x42\x03\x00\x00\x00\x00", 7);
  packet.resize(38);
  packet[36] = 15;
  EXPECT_THAT(spanning_tree_text(packet), HasSubstr("the spanning tree protocol: unless"));
  EXPECT_THAT(spanning_tree_text(packet), HasSubstr("their first 30 s"));
  packet[5] = packet[6] = 2;
  EXPECT_THAT(spanning_tree_text(packet), HasSubstr("the rapid spanning tree protocol"));
  EXPECT_EQ(spanning_tree_text(packet.substr(0, 37)), "");
  EXPECT_EQ(spanning_tree_text(std::string(60, 'x')), "");
}

}  // namespace
}  // namespace ka::server
