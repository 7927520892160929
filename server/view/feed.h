#pragma once
/// What the pages of all who watch are told, as server-sent events. A step is made once for all of them, at most twice
/// a second. Who has missed one, since it reads slowly, gets the whole instead: nothing piles up for anybody.

#include <memory>
#include <string>

#include "base/asio.h"
#include "net/signal.h"
#include "server/http/http_server.h"
#include "server/view/job_state.h"

namespace ka::server {

class Feed : public std::enable_shared_from_this<Feed> {
 public:
  Feed(asio::io_context& io, const JobState& state) : io_(io), state_(state), moved_(io), timer_(io) {}

  /// For one more who watches.
  std::shared_ptr<HttpStream> watch();
  /// What is there now is the end.
  void end();

 private:
  class Watcher;
  using Text = std::shared_ptr<const std::string>;

  static Awaitable<void> make_steps(std::shared_ptr<Feed> self);
  void cut();
  Text whole();

  asio::io_context& io_;
  const JobState& state_;
  net::Signal moved_;
  asio::steady_timer timer_;
  std::uint64_t steps_ = 0;        // made so far
  std::uint64_t told_ = 0;         // JobState::version of the last one
  Text step_, whole_;              // the last step; all that was known after one, or at the end
  std::uint64_t whole_after_ = 0;  // so many steps
  unsigned watchers_ = 0;
  bool making_ = false, over_ = false;
};

}  // namespace ka::server
