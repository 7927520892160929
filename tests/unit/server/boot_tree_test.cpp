// What a machine that failed too often is shown when it boots again.

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
  tree.pxelinux_labels = "\nlabel kamethod\n    KERNEL vmlinuz\n";
  tree.grub_terminal = "terminal_output console serial\n";
  return tree;
}

FileContents files(const std::string& reason) {
  BootBook::Entry entry;
  entry.next = BootBook::Next::stopped;
  entry.failures = 2;
  entry.host_name = "node1";
  entry.address = "10.0.1.35";
  entry.reason = reason;
  return stopped_files(tree(), "/run/x", "52:54:00:77:00:01", entry);
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

}  // namespace
}  // namespace ka::server
