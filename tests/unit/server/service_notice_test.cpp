// What the service manager hears of a job, on a real socket.
#include "server/job/service_notice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/service_manager.h"
#include "base/unique_fd.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class ServiceNoticeTest : public testing::Test {
 protected:
  ServiceNoticeTest() : manager_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~ServiceNoticeTest() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  // The manager listens at `name`; '@' stands for an abstract one.
  void listen(std::string name) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    if (name[0] == '@') name[0] = '\0';
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(manager_.get(), reinterpret_cast<const sockaddr*>(&at), size), 0) << std::strerror(errno);
  }
  void watch(std::chrono::microseconds period) {
    ::setenv("WATCHDOG_USEC", std::to_string(period.count()).c_str(), 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  }
  // The next datagram; empty: there is none.
  std::string heard() {
    char room[4096];
    const ssize_t size = ::recv(manager_.get(), room, sizeof room, MSG_DONTWAIT);
    return size < 0 ? "" : std::string(room, static_cast<std::size_t>(size));
  }
  // Runs the loop until the manager has heard `text`; all that it has heard.
  std::string until(const std::string& text) {
    std::string all;
    while (all.find(text) == std::string::npos) {
      io_.run_one();
      for (std::string one = heard(); !one.empty(); one = heard()) all += one;
    }
    return all;
  }

  Scratch scratch_;
  UniqueFd manager_;
  asio::io_context io_;
};

TEST_F(ServiceNoticeTest, WithoutAManagerNothingIsDone) {
  ServiceNotice notice(io_, 3);
  notice.listens();
  EXPECT_EQ(io_.run(), 0u);
}

TEST_F(ServiceNoticeTest, ReadyComesWhenNodesCanComeAndNotBefore) {
  listen(scratch_.at("/notify"));
  ServiceNotice notice(io_, 3);
  EXPECT_THAT(until("STATUS="), Not(HasSubstr("READY=1")));
  notice.listens();
  EXPECT_EQ(heard(), "READY=1\n");
  notice.listens();
  EXPECT_EQ(heard(), "");
}

TEST_F(ServiceNoticeTest, TheStatusIsALineOfTheJob) {
  listen(scratch_.at("/notify"));
  ServiceNotice notice(io_, 3);
  EXPECT_EQ(until("STATUS="), "STATUS=no node yet; 3 wanted\n");
  NodeStatus node;
  node.state = NodeStatus::State::running;
  notice.node(node);
  node.number = 1;
  node.state = NodeStatus::State::done;
  notice.node(node);
  Session session;
  session.name = "kainstall2";
  session.expected = 4 << 20;
  notice.session_started(session, 1, 2);
  Progress progress;
  progress.bytes = 1 << 20;
  notice.session_progress(session, progress);
  EXPECT_EQ(until("STATUS="), "STATUS=kainstall2, round 1: 25 % of 4.0 MiB; 1 done, 1 running; 3 wanted\n");
  notice.session_failed(session);
  EXPECT_EQ(until("STATUS="), "STATUS=1 done, 1 running; 3 wanted\n");
}

TEST_F(ServiceNoticeTest, TheWatchdogHearsOfItAsLongAsTheLoopRuns) {
  listen(scratch_.at("/notify"));
  watch(20ms);
  ServiceNotice notice(io_, 3);
  for (int time = 0; time < 3; ++time) until("WATCHDOG=1\n");
}

TEST_F(ServiceNoticeTest, AWatchdogForAnotherProcessHearsNothing) {
  listen(scratch_.at("/notify"));
  watch(20ms);
  ::setenv("WATCHDOG_PID", "1", 1);
  ServiceNotice notice(io_, 3);
  EXPECT_THAT(until("STATUS="), Not(HasSubstr("WATCHDOG")));
}

TEST_F(ServiceNoticeTest, TheEndIsTold) {
  listen(scratch_.at("/notify"));
  { ServiceNotice notice(io_, 3); }
  EXPECT_THAT(heard(), HasSubstr("STOPPING=1\n"));
}

TEST_F(ServiceNoticeTest, AnAbstractSocketIsOneToo) {
  listen("@ka-notice-" + scratch_.root());
  ServiceNotice notice(io_, 3);
  notice.listens();
  EXPECT_THAT(heard(), HasSubstr("READY=1\n"));
}

// A manager that does not read: nothing waits, and what matters is told when it reads again.
TEST_F(ServiceNoticeTest, WhatWasNotTakenIsToldAgain) {
  listen(scratch_.at("/notify"));
  ServiceNotice notice(io_, 3);
  until("STATUS=");
  const ServiceManager none;  // the variable is gone: it was meant for the first alone
  EXPECT_FALSE(none.is_there());
  ::setenv("NOTIFY_SOCKET", scratch_.at("/notify").c_str(), 1);
  const ServiceManager full;
  while (full.tell(std::string(100, '.'))) {
  }
  notice.listens();
  while (!heard().empty()) {
  }
  EXPECT_THAT(until("READY=1"), HasSubstr("READY=1\n"));
}

TEST_F(ServiceNoticeTest, AnAddressThatIsNoneIsLeftAlone) {
  for (const std::string& name : {std::string("relative"), std::string("/"), "/" + std::string(200, 'x')}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    const ServiceManager manager;
    EXPECT_FALSE(manager.tell("READY=1\n")) << name;
  }
}

}  // namespace
}  // namespace ka::server
