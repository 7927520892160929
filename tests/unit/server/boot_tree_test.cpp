// What a machine that failed too often is shown when it boots again, and what one is given that shows a token.

#include "server/boot/boot_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace ka::server {
namespace {

using testing::HasSubstr;
using testing::Not;

BootTree tree() {
  BootTree tree;
  tree.pxelinux_serial = "SERIAL 0 115200\n";
  tree.pxelinux_labels =
      "\nlabel kamethod\n    KERNEL vmlinuz\n    APPEND initrd=all.rdz kamethod\n\nlabel local\n    LOCALBOOT 0\n";
  tree.grub_terminal = "terminal_output console serial\n";
  return tree;
}

constexpr const char* card = "52:54:00:77:00:01";

// For pxelinux and for GRUB.
FileContents files(const std::string& reason, const std::string& token = "") {
  BootBook::Entry entry;
  entry.token = token;
  entry.next = BootBook::Next::stopped;
  entry.failures = 2;
  entry.host_name = "node1";
  entry.address = "10.0.1.35";
  entry.reason = reason;
  FileContents all = own_files(tree(), "/run/x", card, entry);
  EXPECT_EQ(all.at(2).second, "") << "iPXE leaves it to pxelinux";
  all.pop_back();
  return all;
}

TEST(BootTreeTest, AMachineThatIsStoppedHasFilesOfItsOwnForBothLoaders) {
  const FileContents both = files("format /dev/sda1: no space");
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].first, "/run/x/tftpboot/X86PC/linux/pxelinux.cfg/01-52-54-00-77-00-01");
  EXPECT_EQ(both[1].first, "/run/x/tftpboot/grub/grub.cfg-01-52-54-00-77-00-01");
  for (const auto& [path, content] : both) {
    EXPECT_THAT(content, HasSubstr("KA: THIS MACHINE IS NOT CLONED"));
    EXPECT_THAT(content, HasSubstr("node1, 52:54:00:77:00:01, 10.0.1.35"));
    EXPECT_THAT(content, HasSubstr("format /dev/sda1: no space"));
    EXPECT_THAT(content, HasSubstr("It has failed 2 times."));
  }
  EXPECT_EQ(both[0].second.substr(0, 16), "SERIAL 0 115200\n");
  EXPECT_THAT(both[0].second, HasSubstr("PROMPT 1\nTIMEOUT 0\nDEFAULT kamethod\n")) << "it waits, and can go on";
  EXPECT_THAT(both[0].second, HasSubstr("\nlabel kamethod\n"));
  EXPECT_THAT(both[1].second, HasSubstr("sleep --interruptible 1000000000\nsource $prefix/grub.cfg\n"));
}

TEST(BootTreeTest, AReasonCannotBecomeAnythingButWordsOnTheScreen) {
  const FileContents both = files("it's '; reboot\nLABEL x\x1b[2J \xc3\xa4 " + std::string(200, 'w'));
  for (const auto& [path, content] : both) {
    EXPECT_THAT(content, Not(HasSubstr("it's")));
    EXPECT_THAT(content, Not(HasSubstr("\nLABEL x"))) << path;
    EXPECT_THAT(content, Not(HasSubstr("\x1b")));
    for (char c : content) EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << path;
  }
  EXPECT_THAT(both[1].second, HasSubstr("echo 'it.s .; reboot"));
}

TEST(BootTreeTest, ALongReasonIsSeveralLines) {
  std::string reason;
  for (int i = 0; i < 40; ++i) reason += "word" + std::to_string(i) + " ";
  const FileContents both = files(reason);
  for (const auto& [path, content] : both)
    for (const std::string_view line : split(content, '\n')) EXPECT_LT(line.size(), 90u) << path;
  EXPECT_THAT(both[0].second, HasSubstr("word39"));
}

TEST(BootTreeTest, ATokenIsAWordForTheKernelWhicheverLoaderIsAsked) {
  BootBook::Entry entry;
  entry.token = "0f3a";
  const FileContents all = own_files(tree(), "/run/x", card, entry);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].second,
            "SERIAL 0 115200\nPROMPT 0\nDEFAULT kamethod\n\nlabel kamethod\n    KERNEL vmlinuz\n"
            "    APPEND initrd=all.rdz kamethod katoken=0f3a\n\nlabel local\n    LOCALBOOT 0\n");
  EXPECT_EQ(all[1].second, "set katoken=katoken=0f3a\nsource $prefix/grub.cfg\n");
  EXPECT_EQ(all[2].first, "/run/x/tftpboot/X86PC/linux/pxelinux.cfg/01-52-54-00-77-00-01.ipxe");
  EXPECT_EQ(all[2].second, "#!ipxe\nset katoken katoken=0f3a\n");
  const FileContents stopped = files("no space", "0f3a");
  EXPECT_THAT(stopped[0].second, HasSubstr(" kamethod katoken=0f3a\n")) << "somebody lets it try once more";
  EXPECT_THAT(stopped[1].second, HasSubstr("\nset katoken=katoken=0f3a\nsource $prefix/grub.cfg\n"));
}

TEST(BootTreeTest, WithoutATokenAndWithoutAReasonAMachineHasNoFiles) {
  for (const auto next : {BootBook::Next::clone, BootBook::Next::own_disk}) {
    BootBook::Entry entry;
    entry.next = next;
    for (const auto& [path, content] : own_files(tree(), "/run/x", card, entry)) EXPECT_EQ(content, "") << path;
  }
}

}  // namespace
}  // namespace ka::server
