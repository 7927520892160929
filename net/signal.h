#pragma once
/// "Something changed, look again", for coroutines of one thread.

#include "base/asio.h"

namespace ka::net {

class Signal {
 public:
  explicit Signal(asio::io_context& io) : timer_(io) { timer_.expires_at(asio::steady_timer::time_point::max()); }

  /// Until the next notify(). Look at the condition first: a notify() before the wait is not remembered.
  Awaitable<void> wait() { co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable)); }
  void notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

}  // namespace ka::net
