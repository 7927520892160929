#include "base/thread.h"

#include <atomic>

#include "tests/unit/run_coroutine.h"

namespace ka {
namespace {

// A second loop on a thread of its own.
class ThreadTest : public CoroutineTest {
 protected:
  ThreadTest() : work_(asio::make_work_guard(other_)) {
    start_thread([this] {
      other_.run();
      over_ = true;
      over_.notify_all();
    });
  }
  ~ThreadTest() override {
    work_.reset();
    over_.wait(false);
  }

  asio::io_context other_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::atomic<bool> over_ = false;
};

TEST_F(ThreadTest, WhatIsRunOnAnotherThreadComesBackHere) {
  const auto here = ::pthread_self();
  pthread_t there{};
  auto task = [&]() -> Awaitable<std::string> {
    there = ::pthread_self();
    asio::steady_timer timer(other_, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
    EXPECT_TRUE(::pthread_equal(there, ::pthread_self()));
    co_return "result";
  };
  auto whole = [&]() -> Awaitable<std::string> {
    auto moved = task();
    std::string result = co_await run_on(io_, other_, std::move(moved));
    EXPECT_TRUE(::pthread_equal(here, ::pthread_self()));
    co_return result;
  };
  EXPECT_EQ(get(whole()), "result");
  EXPECT_FALSE(::pthread_equal(here, there));
}

TEST_F(ThreadTest, ErrorsComeBackToo) {
  auto task = []() -> Awaitable<void> {
    throw Error("doing", "why");
    co_return;
  };
  EXPECT_EQ(error_of(run_on(io_, other_, task())), "doing: why");
  EXPECT_EQ(error_of(run_beside(io_, [] { throw Error("beside", "why"); })), "beside: why");
}

TEST_F(ThreadTest, CancellingEndsItThereAndItsEndIsWaitedFor) {
  std::atomic<bool> cleaned_up = false;
  auto task = [&]() -> Awaitable<void> {
    asio::steady_timer never(other_, asio::steady_timer::time_point::max());
    try {
      co_await never.async_wait(asio::use_awaitable);
    } catch (...) {
      cleaned_up = true;
      throw;
    }
  };
  asio::cancellation_signal stop;
  bool ended = false;
  auto done = [&](std::exception_ptr failure) {
    EXPECT_TRUE(failure);
    ended = true;
  };
  auto whole = run_on(io_, other_, task());
  asio::co_spawn(io_, std::move(whole), asio::bind_cancellation_slot(stop.slot(), done));
  asio::post(io_, [&] { stop.emit(asio::cancellation_type::terminal); });
  while (!ended) io_.run_one();
  EXPECT_TRUE(cleaned_up);
}

TEST_F(ThreadTest, ALoopGoesOnWhileSomethingWaitsBesideIt) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  int turns = 0;
  auto blocked = [&]() -> Awaitable<void> {
    auto wait = [&] {
      char byte;
      EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    };
    co_await run_beside(io_, wait);
  };
  auto go_on = [&]() -> Awaitable<void> {
    asio::steady_timer timer(io_);
    for (; turns < 10; ++turns) {
      timer.expires_after(std::chrono::milliseconds(1));
      co_await timer.async_wait(asio::use_awaitable);
    }
    EXPECT_EQ(::write(ends[1], "x", 1), 1);
  };
  auto both = [&]() -> Awaitable<void> {
    using namespace asio::experimental::awaitable_operators;
    co_await (blocked() && go_on());
  };
  get(both());
  EXPECT_EQ(turns, 10);
  for (int end : ends) ::close(end);
}

}  // namespace
}  // namespace ka
