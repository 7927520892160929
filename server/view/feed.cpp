#include "server/view/feed.h"

#include <nlohmann/json.hpp>

#include "server/view/status_json.h"

namespace ka::server {

namespace {

using Clock = std::chrono::steady_clock;

// Of many nodes, a step is long, and nobody sees more of it.
constexpr auto pause = std::chrono::milliseconds(500), long_pause = std::chrono::milliseconds(1000);
constexpr std::size_t many_nodes = 200;
// So that both ends notice when the other one is gone.
constexpr auto sign_of_life = std::chrono::seconds(10);

std::string message(const char* name, const nlohmann::json& data) {
  return std::string("event: ") + name + "\ndata: " + data.dump() + "\n\n";
}

}  // namespace

class Feed::Watcher final : public HttpStream {
 public:
  explicit Watcher(std::shared_ptr<Feed> feed) : feed_(std::move(feed)) { ++feed_->watchers_; }
  ~Watcher() override { --feed_->watchers_; }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  Awaitable<Text> next() override {
    if (ended_) co_return nullptr;
    while (begun_ && seen_ == feed_->steps_ && !feed_->over_) co_await feed_->moved_.wait();
    if (feed_->over_) {
      ended_ = true;
      co_return feed_->whole_;
    }
    if (begun_ && seen_ + 1 == feed_->steps_) {
      ++seen_;
      co_return feed_->step_;
    }
    begun_ = true;
    Text whole = feed_->whole();
    seen_ = feed_->steps_;
    co_return whole;
  }

 private:
  std::shared_ptr<Feed> feed_;
  std::uint64_t seen_ = 0;
  bool begun_ = false, ended_ = false;
};

std::shared_ptr<HttpStream> Feed::watch() {
  auto watcher = std::make_shared<Watcher>(shared_from_this());
  if (!std::exchange(making_, true)) asio::co_spawn(io_, make_steps(shared_from_this()), asio::detached);
  return watcher;
}

void Feed::end() {
  if (std::exchange(over_, true)) return;
  whole_ = std::make_shared<const std::string>(message("end", status_json(state_)));
  timer_.cancel();
  moved_.notify();
}

// As long as anybody watches.
Awaitable<void> Feed::make_steps(std::shared_ptr<Feed> self) {
  Clock::time_point last = Clock::now();
  while (!self->over_ && self->watchers_ > 0) {
    self->timer_.expires_after(self->state_.nodes.size() > many_nodes ? long_pause : pause);
    co_await self->timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (self->state_.version == self->told_ && Clock::now() - last < sign_of_life) continue;
    self->cut();
    last = Clock::now();
  }
  self->making_ = false;
}

// A step ends here; what is told from now on belongs to the next one.
void Feed::cut() {
  step_ = std::make_shared<const std::string>(message("step", changes_json(state_, told_)));
  told_ = state_.version;
  ++steps_;
  moved_.notify();
}

// Made once for all who need it. What has happened since the last step goes into one first, so that the next one goes
// on from here.
Feed::Text Feed::whole() {
  if (steps_ == 0 || state_.version != told_) cut();
  if (whole_after_ != steps_) {
    whole_ = std::make_shared<const std::string>(message("whole", status_json(state_)));
    whole_after_ = steps_;
  }
  return whole_;
}

}  // namespace ka::server
