#pragma once
/// For what is given up when it has not answered in time.

#include <chrono>
#include <functional>
#include <memory>

#include "base/asio.h"

namespace ka::net {

class Deadline {
 public:
  /// Calls `give_up` after `limit`, unless this is gone by then.
  Deadline(const asio::any_io_executor& executor, std::chrono::milliseconds limit, std::function<void()> give_up)
      : timer_(executor, limit) {
    // A timer that has gone off can no longer be cancelled: its handler may come when there is an answer already.
    timer_.async_wait([state = state_, give_up = std::move(give_up)](boost::system::error_code stopped) {
      if (stopped || state->over) return;
      state->passed = true;
      give_up();
    });
  }
  ~Deadline() { state_->over = true; }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  /// It has been given up.
  bool passed() const { return state_->passed; }

 private:
  struct State {
    bool over = false, passed = false;
  };

  asio::steady_timer timer_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace ka::net
