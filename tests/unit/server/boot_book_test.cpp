// What a machine is told at its next PXE boot, from what the job says of it.

#include "server/boot/boot_book.h"

#include <gtest/gtest.h>

namespace ka::server {
namespace {

using State = NodeStatus::State;
using Next = BootBook::Next;

constexpr const char* card = "52:54:00:77:00:01";

NodeStatus node(State state, const std::string& reason = "", const std::string& hardware_address = card) {
  NodeStatus status;
  status.hardware_address = hardware_address;
  status.host_name = "node1";
  status.address = "10.0.1.35";
  status.state = state;
  status.reason = reason;
  return status;
}

class BootBookTest : public testing::Test {
 protected:
  BootBook book_{2};

  const BootBook::Entry* fails(const std::string& reason) {
    EXPECT_EQ(book_.heard(node(State::running)), nullptr);
    return book_.heard(node(State::failed, reason));
  }
};

TEST_F(BootBookTest, ACloneIsLeftToItsOwnDisk) {
  EXPECT_EQ(book_.heard(node(State::waiting)), nullptr);
  EXPECT_EQ(book_.heard(node(State::finishing)), nullptr);
  const BootBook::Entry* entry = book_.heard(node(State::done));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->next, Next::own_disk);
  EXPECT_EQ(book_.heard(node(State::done)), nullptr) << "told once";
}

TEST_F(BootBookTest, WhoeverClaimsToBeACloneLaterChangesNothing) {
  book_.heard(node(State::done));
  for (State state : {State::waiting, State::failed, State::running, State::failed})
    EXPECT_EQ(book_.heard(node(state)), nullptr);
}

TEST_F(BootBookTest, OneThatFailsComesAgainAndIsStoppedAtTheLastTry) {
  EXPECT_EQ(fails("the disk is gone"), nullptr);
  EXPECT_EQ(book_.heard(node(State::failed, "the disk is gone")), nullptr) << "the same failure, told again";
  const BootBook::Entry* entry = fails("the disk is gone again");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->next, Next::stopped);
  EXPECT_EQ(entry->failures, 2u);
  EXPECT_EQ(entry->reason, "the disk is gone again");
  EXPECT_EQ(entry->host_name, "node1");
}

TEST_F(BootBookTest, OneThatSomebodyLetsTryOnceMoreIsStoppedAgainOrBecomesAClone) {
  fails("one");
  fails("two");
  const BootBook::Entry* entry = book_.heard(node(State::waiting));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->next, Next::clone);
  entry = book_.heard(node(State::failed, "three"));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->next, Next::stopped);
  EXPECT_EQ(entry->failures, 3u);
  book_.heard(node(State::waiting));
  EXPECT_EQ(book_.heard(node(State::done))->next, Next::own_disk);
}

TEST_F(BootBookTest, OneThatWasPutOutOfARoundHasNotFailed) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(book_.heard(node(State::put_out, "too slow")), nullptr);
    EXPECT_EQ(book_.heard(node(State::running)), nullptr);
  }
}

TEST_F(BootBookTest, EachMachineIsOnItsOwn) {
  fails("one");
  EXPECT_EQ(book_.heard(node(State::failed, "another's", "52:54:00:77:00:02")), nullptr);
  EXPECT_NE(fails("two"), nullptr);
}

// It becomes the name of a file.
TEST_F(BootBookTest, WhatIsNoHardwareAddressIsNobody) {
  for (const char* wrong : {"", "../../../etc/cron", "52:54:00:77:00", "52:54:00:77:00:01:", "52:54:00:77:00:0/",
                            "52-54-00-77-00-01", "52:54:00:77:00:0A"})
    EXPECT_EQ(book_.heard(node(State::done, "", wrong)), nullptr) << wrong;
}

}  // namespace
}  // namespace ka::server
