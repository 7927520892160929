#pragma once
/// Threads beside a loop, for calls that may wait for a device as long as it likes: a loop that answers others must
/// not make them itself.

#include <pthread.h>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/asio.h"

namespace ka {

/// Runs `work` on a thread that nobody waits for. It takes no signals but faults; an exception that leaves it ends the
/// program. Throws Error if there can be no thread.
void start_thread(std::function<void()> work);

/// Runs `work` on a thread of its own and resumes with its end; throws what it threw. It cannot be stopped: cancelling
/// the coroutine leaves it running, so it must own what it uses.
Awaitable<void> run_beside(asio::io_context& io, std::function<void()> work);

/// A lock for as long as it lives.
class Lock {
 public:
  explicit Lock(pthread_mutex_t& mutex) : mutex_(mutex) { ::pthread_mutex_lock(&mutex_); }
  ~Lock() { ::pthread_mutex_unlock(&mutex_); }
  Lock(const Lock&) = delete;

 private:
  pthread_mutex_t& mutex_;
};

/// Runs `task` on the thread of `there` and resumes on that of `here`, where it was called, with what it returned or
/// threw. Cancelling it here cancels it there; its end is waited for all the same.
template <typename T>
Awaitable<T> run_on(asio::io_context& here, asio::io_context& there, Awaitable<T> task);

// ---- How

namespace detail {

// void has no values.
template <typename T>
struct Result {
  std::optional<T> value;
  template <typename Ended>
  static auto handler(Ended ended) {
    return [ended](std::exception_ptr failure, T value) mutable { ended(failure, Result{std::move(value)}); };
  }
  T take() { return std::move(*value); }
};
template <>
struct Result<void> {
  template <typename Ended>
  static auto handler(Ended ended) {
    return [ended](std::exception_ptr failure) mutable { ended(failure, Result()); };
  }
  void take() {}
};

template <typename T>
struct Call {
  Call(asio::io_context& here, Awaitable<T> t) : task(std::move(t)), news(here) {
    news.expires_at(asio::steady_timer::time_point::max());
  }

  std::optional<Awaitable<T>> task;
  asio::cancellation_signal cancel;  // used over there only
  asio::steady_timer news;           // the rest is used here only; cancelled at the end
  bool ended = false;
  std::exception_ptr failure;
  Result<T> result;
};

}  // namespace detail

template <typename T>
Awaitable<T> run_on(asio::io_context& here, asio::io_context& there, Awaitable<T> task) {
  auto call = std::make_shared<detail::Call<T>>(here, std::move(task));
  auto start = [call, &here, &there] {
    auto ended = [call, &here](std::exception_ptr failure, detail::Result<T> result) {
      auto tell = [call, failure, result = std::move(result)]() mutable {
        call->failure = failure;
        call->result = std::move(result);
        call->ended = true;
        call->news.cancel();
      };
      asio::post(here, std::move(tell));
    };
    auto moved = std::move(*call->task);
    call->task.reset();
    asio::co_spawn(there, std::move(moved),
                   asio::bind_cancellation_slot(call->cancel.slot(), detail::Result<T>::handler(ended)));
  };
  asio::post(there, start);
  while (!call->ended) {
    co_await call->news.async_wait(asio::as_tuple(asio::use_awaitable));
    const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() == asio::cancellation_type::none) continue;
    // What was cancelled still has to clean up; that must not be cancelled too.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    asio::post(there, [call] { call->cancel.emit(asio::cancellation_type::terminal); });
  }
  if (call->failure) std::rethrow_exception(call->failure);
  co_return call->result.take();
}

}  // namespace ka
