#include "base/thread.h"

#include <signal.h>

#include "base/error.h"

namespace ka {

namespace {

constexpr std::size_t stack_size = 1 << 20;  // musl's own is an eighth of that

void* run_work(void* given) {
  std::unique_ptr<std::function<void()>> work(static_cast<std::function<void()>*>(given));
  (*work)();
  return nullptr;
}

}  // namespace

void start_thread(std::function<void()> work) {
  sigset_t faults_only, before;
  sigfillset(&faults_only);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS}) sigdelset(&faults_only, number);
  auto given = std::make_unique<std::function<void()>>(std::move(work));
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_size);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_sigmask(SIG_SETMASK, &faults_only, &before);
  pthread_t thread;
  const int why = ::pthread_create(&thread, &attributes, run_work, given.get());
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_attr_destroy(&attributes);
  if (why != 0) throw Error::from_errno("start a thread", why);
  given.release();
}

Awaitable<void> run_beside(asio::io_context& io, std::function<void()> work) {
  struct State {
    explicit State(asio::io_context& context) : news(context) {
      news.expires_at(asio::steady_timer::time_point::max());
    }
    asio::steady_timer news;  // cancelled at the end
    bool ended = false;
    std::exception_ptr failure;
  };
  auto state = std::make_shared<State>(io);
  // Posted handlers alone do not keep an io_context running.
  auto busy = asio::make_work_guard(io);
  start_thread([state, busy, work = std::move(work), &io]() mutable {
    std::exception_ptr failure;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    work = nullptr;
    // All that belongs to the loop goes with the news: the loop may be gone the moment after.
    auto tell = [state = std::move(state), busy = std::move(busy), failure] {
      state->failure = failure;
      state->ended = true;
      state->news.cancel();
    };
    asio::post(io, std::move(tell));
  });
  while (!state->ended) {
    co_await state->news.async_wait(asio::as_tuple(asio::use_awaitable));
    auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none && !state->ended)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (state->failure) std::rethrow_exception(state->failure);
}

}  // namespace ka
