// Entries of systemd's journal, as a socket in its place gets them.

#include "base/journal.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "base/output.h"
#include "server/job/display.h"
#include "tests/unit/scratch.h"

namespace ka {
namespace {

using testing::HasSubstr;
using testing::Not;
using namespace std::string_literals;

class JournalTest : public testing::Test {
 protected:
  void listen() {
    sockaddr_un here{};
    here.sun_family = AF_UNIX;
    std::memcpy(here.sun_path, path_.data(), path_.size());
    socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
  }
  /// The next entry; empty: there is none.
  std::string entry() {
    std::string room(1 << 20, 0);
    const ssize_t size = ::recv(socket_.get(), room.data(), room.size(), 0);
    return room.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }

  Scratch scratch_;
  std::string path_ = scratch_.at("/socket");
  UniqueFd socket_;
};

TEST(JournalEntry, IsALineForEachFieldAndAnyBytesByTheirLength) {
  EXPECT_EQ(journal_entry({{"MESSAGE", "a=b"}, {"KA_NODE", ""}}), "MESSAGE=a=b\nKA_NODE=\n");
  EXPECT_EQ(journal_entry({{"MESSAGE", "two\nlines"}, {"PRIORITY", "6"}}),
            "MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=6\n"s);
  EXPECT_EQ(journal_entry({{"X", "\n" + std::string(300, 'x')}}),
            "X\n\x2d\x01\0\0\0\0\0\0\n"s + std::string(300, 'x') + "\n");
}

TEST_F(JournalTest, WhatIsLongIsCutAndArrives) {
  listen();
  EXPECT_TRUE(Journal(path_).tell({{"MESSAGE", std::string(10 << 20, 'x')}, {"KA_STAGE", std::string(1 << 20, 'y')}}));
  EXPECT_EQ(entry().size(), 8 + 9 + 2 + 2 * (16u << 10));
}

TEST_F(JournalTest, WithoutAJournalOrWithAFullOneNobodyWaits) {
  EXPECT_FALSE(Journal(path_).tell({{"MESSAGE", "x"}}));
  EXPECT_FALSE(Journal(std::string(200, 'x')).tell({{"MESSAGE", "x"}}));
  listen();
  const Journal journal(path_);
  int taken = 0;
  while (taken < 100'000 && journal.tell({{"MESSAGE", "x"}})) ++taken;
  EXPECT_LT(taken, 100'000);
  while (!entry().empty()) {
  }
  EXPECT_TRUE(journal.tell({{"MESSAGE", "again"}}));
}

// ---- What a job tells it

class JobsJournalTest : public JournalTest {
 protected:
  JobsJournalTest() {
    listen();
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
  }
  ~JobsJournalTest() override { ::unsetenv("JOURNAL_STREAM"); }
  /// What a job says to its output; the entries are in the socket then.
  std::string said() {
    {
      Output out(io_, writer_.get());
      server::Display display(io_, out, 2);
      display.journal("monday", path_);
      display.event("Added client 10.0.1.35 (node35), 1 waiting, 2 wanted");
      server::NodeStatus node;
      node.address = "10.0.1.35";
      node.host_name = "node35";
      node.state = server::NodeStatus::State::running;
      node.stage = "Formatting\n\x1b[2J";
      display.node(node);
      display.event("10.0.1.35 (node35) failed: no disk");
      display.line_here("a secret link");
    }
    writer_.reset();
    std::string text;
    char room[4096];
    for (ssize_t size; (size = ::read(reader_.get(), room, sizeof room)) > 0;)
      text.append(room, static_cast<std::size_t>(size));
    return text;
  }
  void output_is_the_journal() {
    struct stat status {};
    ASSERT_EQ(::fstat(writer_.get(), &status), 0);
    ::setenv("JOURNAL_STREAM", (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(), 1);
  }
  void expect_entries() {
    EXPECT_EQ(entry(),
              "MESSAGE=Added client 10.0.1.35 (node35), 1 waiting, 2 wanted\nPRIORITY=6\nSYSLOG_IDENTIFIER=ka-server\n"
              "KA_SESSION=monday\nKA_NODE=10.0.1.35\n");
    EXPECT_EQ(entry(),
              "MESSAGE=10.0.1.35 (node35): running, Formatting\\x0a\\x1b[2J\nPRIORITY=6\nSYSLOG_IDENTIFIER=ka-server\n"
              "KA_SESSION=monday\nKA_NODE=10.0.1.35\nKA_NODE=node35\nKA_STAGE=Formatting\\x0a\\x1b[2J\n");
    const std::string failure = entry();
    EXPECT_THAT(failure, testing::StartsWith("MESSAGE=10.0.1.35 (node35) failed: no disk\nPRIORITY=3\n"));
    EXPECT_THAT(failure, HasSubstr("\nKA_NODE=node35\n"));
    EXPECT_EQ(entry(), "");
  }

  asio::io_context io_;
  UniqueFd reader_, writer_;
};

TEST_F(JobsJournalTest, HasTheLinesWithTheirNodeStageAndSession) {
  const std::string text = said();
  EXPECT_THAT(text, HasSubstr("Added client"));
  EXPECT_THAT(text, HasSubstr("failed: no disk"));
  EXPECT_THAT(text, HasSubstr("a secret link"));
  expect_entries();
}

TEST_F(JobsJournalTest, WhatIsAnEntryAnywayIsNotThereTwice) {
  output_is_the_journal();
  const std::string text = said();
  EXPECT_THAT(text, Not(HasSubstr("Added client")));
  EXPECT_THAT(text, Not(HasSubstr("failed")));
  EXPECT_THAT(text, HasSubstr("a secret link"));
  expect_entries();
}

TEST_F(JobsJournalTest, WhatItDoesNotTakeIsWrittenAsWithoutIt) {
  output_is_the_journal();
  socket_.reset();
  const std::string text = said();
  EXPECT_THAT(text, HasSubstr("Added client"));
  EXPECT_THAT(text, HasSubstr("failed: no disk"));
}

}  // namespace
}  // namespace ka
