#include "agent/machine/clone_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/machine/linux_machine.h"
#include "base/error.h"
#include "base/extended_attributes.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

class CloneTreeTest : public testing::Test {
 protected:
  asio::io_context io_;
  LinuxMachine machine_{io_};
  Scratch root_;
  CloneTree tree_{machine_, root_.root()};
};

TEST_F(CloneTreeTest, LinksStayInside) {
  root_.file("/srv/ssh/key", "secret");
  root_.link("/etc/ssh", "/srv/ssh");
  root_.link("/up", "../../../../srv");
  root_.link("/etc/one", "two");
  root_.link("/etc/two", "ssh/key");
  EXPECT_EQ(tree_.outside("/etc/ssh/key"), root_.at("/srv/ssh/key"));
  EXPECT_EQ(tree_.outside("/up/ssh"), root_.at("/srv/ssh"));
  EXPECT_EQ(tree_.outside("/etc/one"), root_.at("/etc/one"));
  EXPECT_EQ(tree_.outside("/etc/one", true), root_.at("/srv/ssh/key"));
  EXPECT_EQ(tree_.outside("/../../etc/./ssh//key"), root_.at("/srv/ssh/key"));
  EXPECT_EQ(tree_.read("/etc/one"), "secret");
}

TEST_F(CloneTreeTest, LinksInACircleAreAnError) {
  root_.link("/a", "b");
  root_.link("/b", "a");
  EXPECT_THROW(tree_.outside("/a/x"), Error);
}

TEST_F(CloneTreeTest, WritingKeepsModeOfTheFileAndTimeOfTheDirectory) {
  root_.file("/etc/hosts", "old", 0640);
  machine_.set_mtime(root_.at("/etc"), 1000000000, 123);
  tree_.write("/etc/hosts", "new");
  EXPECT_EQ(root_.content("/etc/hosts"), "new");
  EXPECT_EQ(root_.status("/etc/hosts").st_mode & 07777, 0640u);
  EXPECT_EQ(root_.status("/etc").st_mtim.tv_sec, 1000000000);
  EXPECT_EQ(root_.status("/etc").st_mtim.tv_nsec, 123);
  EXPECT_TRUE(tree_.remove("/etc/hosts"));
  EXPECT_FALSE(tree_.remove("/etc/hosts"));
  EXPECT_FALSE(root_.has("/etc/hosts"));
  EXPECT_EQ(root_.status("/etc").st_mtim.tv_nsec, 123);
}

TEST_F(CloneTreeTest, WritingKeepsAllButTheContent) {
  root_.file("/etc/hosts", "old", 04750);
  ASSERT_EQ(::link(root_.at("/etc/hosts").c_str(), root_.at("/etc/hosts.same").c_str()), 0);
  std::map<std::string, std::string> attributes = {{"trusted.note", std::string("a\0b", 3)}};
  // The user rw, user 7 r, group and others nothing, as setfacl writes it; and cap_net_raw+ep.
  attributes["system.posix_acl_access"] = std::string(
      "\2\0\0\0\1\0\7\0\xff\xff\xff\xff\2\0\4\0\7\0\0\0\4\0\5\0\xff\xff\xff\xff"
      "\x10\0\5\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
      44);
  attributes["security.capability"] = std::string("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  for (const auto& [name, value] : attributes) set_extended_attribute(root_.at("/etc/hosts"), name, value);
  ASSERT_EQ(::chown(root_.at("/etc/hosts").c_str(), 1234, 5678), 0);
  ASSERT_EQ(::chmod(root_.at("/etc/hosts").c_str(), 04750), 0);
  set_extended_attribute(root_.at("/etc/hosts"), "security.capability", attributes["security.capability"]);
  machine_.set_mtime(root_.at("/etc/hosts"), 1000000000, 123);
  auto before = root_.status("/etc/hosts");

  tree_.write("/etc/hosts", "new");
  auto after = root_.status("/etc/hosts");
  EXPECT_EQ(root_.content("/etc/hosts.same"), "new");
  EXPECT_EQ(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_mode, before.st_mode);
  EXPECT_EQ(after.st_uid, 1234u);
  EXPECT_EQ(after.st_gid, 5678u);
  EXPECT_EQ(after.st_mtim.tv_sec, 1000000000);
  EXPECT_EQ(after.st_mtim.tv_nsec, 123);
  EXPECT_EQ(read_extended_attributes(root_.at("/etc/hosts")), attributes);
}

TEST_F(CloneTreeTest, OnlyRegularFilesAreWritten) {
  root_.directory("/etc");
  ASSERT_EQ(::mkfifo(root_.at("/etc/fifo").c_str(), 0600), 0);
  EXPECT_THROW(tree_.write("/etc/fifo", "new"), Error);
  EXPECT_THROW(tree_.write("/etc", "new"), Error);
}

TEST_F(CloneTreeTest, WritingGoesThroughALinkAndRemovingTakesTheLink) {
  root_.file("/run/real", "old");
  root_.link("/etc/link", "/run/real");
  tree_.write("/etc/link", "new");
  EXPECT_EQ(root_.content("/run/real"), "new");
  tree_.remove("/etc/link");
  EXPECT_FALSE(root_.has("/etc/link"));
  EXPECT_TRUE(root_.has("/run/real"));
}

TEST_F(CloneTreeTest, MissingDirectoriesAreMadeAndTheOnesAboveKeepTheirTime) {
  root_.directory("/var/log");
  machine_.set_mtime(root_.at("/var/log"), 5, 6);
  tree_.write("/var/log/ka/log", "text");
  EXPECT_EQ(root_.content("/var/log/ka/log"), "text");
  EXPECT_EQ(root_.status("/var/log").st_mtim.tv_sec, 5);
}

TEST_F(CloneTreeTest, ProgramsAreFilesThatCanBeRun) {
  root_.file("/usr/sbin/grub-install", "", 0755);
  root_.file("/usr/bin/notes", "", 0644);
  root_.directory("/usr/bin/directory");
  root_.link("/bin", "usr/bin");
  root_.file("/etc/alternatives/awk", "", 0755);
  root_.link("/usr/bin/awk", "/etc/alternatives/awk");
  EXPECT_TRUE(tree_.has_program("grub-install"));
  EXPECT_TRUE(tree_.has_program("awk"));
  for (const char* name : {"notes", "directory", "none"}) EXPECT_FALSE(tree_.has_program(name)) << name;
}

}  // namespace
}  // namespace ka::agent
