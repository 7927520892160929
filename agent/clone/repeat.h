#pragma once
/// Something that is said again and again while something else takes its time.

#include <chrono>
#include <functional>
#include <memory>

#include "base/asio.h"

namespace ka::agent {

/// Calls `what` every `period`, until it is destroyed.
class Repeat {
 public:
  Repeat(asio::io_context& io, std::chrono::milliseconds period, std::function<void()> what)
      : state_(std::make_shared<State>(io, period, std::move(what))) {
    next(state_);
  }
  ~Repeat() {
    state_->over = true;
    state_->timer.cancel();
  }
  Repeat(const Repeat&) = delete;

 private:
  struct State {
    State(asio::io_context& io, std::chrono::milliseconds every, std::function<void()> call)
        : timer(io), period(every), what(std::move(call)) {}
    asio::steady_timer timer;
    std::chrono::milliseconds period;
    std::function<void()> what;
    bool over = false;
  };

  static void next(std::shared_ptr<State> state) {
    state->timer.expires_after(state->period);
    state->timer.async_wait([state](boost::system::error_code) {
      if (state->over) return;
      state->what();
      next(state);
    });
  }

  std::shared_ptr<State> state_;
};

}  // namespace ka::agent
