#include "base/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "base/thread.h"
#include "tests/unit/run_coroutine.h"

namespace ka {
namespace {

using ProcessTest = CoroutineTest;

TEST_F(ProcessTest, GivesBackEveryByteOfALongOutput) {
  Command command({"sh", "-c", "seq 1 100000; seq 1 100000 >&2"});
  std::string text = get(output_of(io_, command));
  EXPECT_EQ(text.size(), 588895u);
}

TEST_F(ProcessTest, NamesTheProgramThatCannotBeRun) {
  Command command({"/no/such/program"});
  EXPECT_EQ(error_of(run_checked(io_, command)), "run /no/such/program: No such file or directory");
}

TEST_F(ProcessTest, AFailureCarriesStatusAndLastWords) {
  Command command({"sh", "-c", "echo going wrong >&2; exit 3"});
  EXPECT_EQ(error_of(run_checked(io_, command)), "sh -c echo going wrong >&2; exit 3 ended with status 3: going wrong");
}

TEST_F(ProcessTest, ASignalIsNotSuccess) {
  Command command({"sh", "-c", "kill -9 $$"});
  EXPECT_NE(error_of(run_checked(io_, command)).find("signal 9 (Killed)"), std::string::npos);
}

TEST_F(ProcessTest, ASecretGoesInByStandardInputOnly) {
  std::signal(SIGPIPE, SIG_IGN);  // as main() does
  Command command({"sh", "-c", "test \"$(cat)\" = 'correct horse' && ! grep -q horse /proc/$$/environ"});
  command.input = Secret("correct horse");
  EXPECT_EQ(error_of(run_checked(io_, command)), "");
  Command tells({"cat"});
  tells.input = Secret("correct horse");
  EXPECT_EQ(get(output_of(io_, tells)), "correct horse");
  Command deaf({"false"});
  deaf.input = Secret(std::string(512, 'x'));
  EXPECT_EQ(error_of(run_checked(io_, deaf)), "false ended with status 1: it printed nothing");
}

TEST_F(ProcessTest, FeedsStandardInput) {
  Command command({"sh", "-c", "test \"$(cat)\" = hello"});
  auto task = [&]() -> Awaitable<ExitStatus> {
    Process process(io_, command, Process::in_pipe);
    std::string text = "hello";
    auto bytes = asio::buffer(text);
    co_await asio::async_write(process.in(), bytes, asio::use_awaitable);
    process.in().close();
    co_return co_await process.wait();
  };
  EXPECT_TRUE(get(task()).ok());
}

TEST_F(ProcessTest, AProgramMayHaveToLetOthersGoFirst) {
  Command command({"nice"});  // prints it
  command.niceness = 19;
  EXPECT_EQ(get(output_of(io_, command)), "19\n");
}

TEST_F(ProcessTest, LinesAreSplitAtCarriageReturnsToo) {
  Command command({"printf", "a\\rb\\n\\nc"});
  std::vector<std::string> lines;
  auto collect = [&](std::string_view line) { lines.emplace_back(line); };
  get(run(io_, command, collect));
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(ProcessTest, WhatAProgramLeavesRunningIsEndedAndNamed) {
  Command command({"sh", "-c", "sleep 1000 & echo started"});
  std::vector<std::string> lines;
  auto collect = [&](std::string_view line) { lines.emplace_back(line); };
  EXPECT_TRUE(get(run(io_, command, collect)).ok());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0], "started");
  EXPECT_NE(lines[1].find("left sleep (process "), std::string::npos) << lines[1];
}

TEST_F(ProcessTest, ALeftProcessThatHoldsNoPipeIsEndedToo) {
  Command command({"sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"});
  std::vector<std::string> lines;
  auto collect = [&](std::string_view line) { lines.emplace_back(line); };
  EXPECT_TRUE(get(run(io_, command, collect)).ok());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[1].find("left sleep (process " + lines[0] + ")"), std::string::npos) << lines[1];
}

TEST_F(ProcessTest, AProgramHasTheStandardStreamsAndNothingElseOfOurs) {
  asio::ip::tcp::acceptor socket(io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  asio::steady_timer timer(io_);
  const int pipe_end = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  Command command({"sh", "-c", "sleep 1000 & ls /proc/$!/fd; kill $!"});
  EXPECT_EQ(get(output_of(io_, command)), "0\n1\n2\n");
  ::close(pipe_end);
}

TEST_F(ProcessTest, AProgramThatDoesNotEndIsEndedAtItsLimit) {
  Command command({"sh", "-c", "sleep 1000"});
  command.limit = std::chrono::seconds(1);
  EXPECT_EQ(error_of(run_checked(io_, command)),
            "sh -c sleep 1000: it did not end within the limit of 1 s that each step has (--step-limit)");
  EXPECT_EQ(error_of(output_of(io_, command)),
            "sh -c sleep 1000: it did not end within the limit of 1 s that each step has (--step-limit)");
}

TEST_F(ProcessTest, AProgramWithinItsLimitEndsAsEver) {
  Command command({"sh", "-c", "echo well; exit 3"});
  command.limit = std::chrono::seconds(1000);
  EXPECT_EQ(error_of(run_checked(io_, command)), "sh -c echo well; exit 3 ended with status 3: well");
}

// As the clone does: on a thread of its own, while another one reaps.
TEST_F(ProcessTest, AnotherThreadRunsProgramsToo) {
  asio::io_context other;
  auto work = asio::make_work_guard(other);
  std::atomic<bool> over = false;
  start_thread([&] {
    other.run();
    over = true;
    over.notify_all();
  });
  for (int i = 0; i < 20; ++i) {
    Command command({"sh", "-c", "echo " + std::to_string(i)});
    auto there = output_of(other, command);
    EXPECT_EQ(get(run_on(io_, other, std::move(there))), std::to_string(i) + "\n");
    Command wrong({"/no/such/program"});
    auto failing = run_checked(other, wrong);
    EXPECT_EQ(error_of(run_on(io_, other, std::move(failing))), "run /no/such/program: No such file or directory");
  }
  work.reset();
  over.wait(false);
}

}  // namespace
}  // namespace ka
