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
    ++failures_;
    return book_.heard(failed(reason));
  }
  NodeStatus failed(const std::string& reason) const {
    NodeStatus status = node(State::failed, reason);
    status.failures = failures_;
    return status;
  }

  unsigned failures_ = 0;
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
  EXPECT_EQ(book_.heard(failed("the disk is gone")), nullptr) << "the same failure, told again";
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
  failures_ = 3;
  entry = book_.heard(failed("three"));
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

TEST_F(BootBookTest, AfterAnEndTheNextJobMayHaveAllMachines) {
  book_.heard(node(State::done));
  fails("another");
  EXPECT_EQ(book_.next_job(true).at(card).next, Next::clone);
  EXPECT_EQ(book_.heard(node(State::done))->next, Next::own_disk);
}

TEST_F(BootBookTest, WhereAJobVanishedItsClonesStayClones) {
  book_.heard(node(State::done));
  EXPECT_EQ(book_.next_job(false).at(card).next, Next::own_disk);
  for (State state : {State::waiting, State::failed}) EXPECT_EQ(book_.heard(node(state)), nullptr);
  EXPECT_EQ(book_.next_job(false).at(card).next, Next::own_disk) << "also when the second one vanishes";
}

TEST_F(BootBookTest, WhoeverMayHaveComeToItsEndAloneIsLeftAloneUntilItSaysThatItFailed) {
  book_.heard(node(State::finishing));
  EXPECT_EQ(book_.next_job(false).at(card).next, Next::own_disk);
  EXPECT_EQ(book_.heard(node(State::waiting)), nullptr);
  failures_ = 1;
  const BootBook::Entry* entry = book_.heard(failed("no boot loader"));
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->next, Next::clone);
}

TEST_F(BootBookTest, WhereAJobVanishedThoseThatHadNotAllAreWanted) {
  book_.heard(node(State::running));
  EXPECT_EQ(book_.next_job(false).at(card).next, Next::clone);
}

// It becomes the name of a file.
TEST_F(BootBookTest, WhatIsNoHardwareAddressIsNobody) {
  for (const char* wrong : {"", "../../../etc/cron", "52:54:00:77:00", "52:54:00:77:00:01:", "52:54:00:77:00:0/",
                            "52-54-00-77-00-01", "52:54:00:77:00:0A"})
    EXPECT_EQ(book_.heard(node(State::done, "", wrong)), nullptr) << wrong;
}

}  // namespace
}  // namespace ka::server
