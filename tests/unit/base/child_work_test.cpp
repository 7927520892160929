#include "base/child_work.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/unit/run_coroutine.h"

namespace ka {
namespace {

class ChildWork : public CoroutineTest {
 protected:
  std::string result_of(std::function<std::string()> work, std::chrono::seconds limit) {
    try {
      return get(in_child(io_, "look", std::move(work), limit));
    } catch (const std::exception& error) {
      return error.what();
    }
  }
};

constexpr std::chrono::seconds no_limit(0);

TEST_F(ChildWork, ReturnsWhatTheWorkReturns) {
  const std::string large(3 << 20, 'x');  // more than a pipe holds
  EXPECT_EQ(result_of([large] { return large; }, no_limit), large);
}

TEST_F(ChildWork, AnErrorComesThrough) {
  EXPECT_EQ(result_of([]() -> std::string { throw Error("open /x", "gone"); }, no_limit), "open /x: gone");
}

TEST_F(ChildWork, WhatDoesNotAnswerIsGivenUp) {
  auto sleep = [] {
    for (;;) ::pause();
    return std::string();
  };
  EXPECT_EQ(result_of(sleep, std::chrono::seconds(1)), "look: no answer after 1 s");
}

TEST_F(ChildWork, AChildThatIsKilledIsAnError) {
  auto die = [] {
    ::kill(::getpid(), SIGKILL);
    return std::string();
  };
  EXPECT_EQ(result_of(die, no_limit), "look: the child process that did it was killed");
}

TEST_F(ChildWork, TheChildHoldsNothingOpen) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int end = ends[1];
  EXPECT_EQ(result_of([end] { return std::string(::fcntl(end, F_GETFD) < 0 ? "closed" : "open"); }, no_limit),
            "closed");
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace ka
