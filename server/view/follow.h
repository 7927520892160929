#pragma once
/// A job for those who follow it from another machine, by HTTP at the control port that every job has: its document
/// once, or again and again until it ends (docs/events.md). They need no --web, and no secret: whoever reaches that
/// port could become a node, and get every file of the golden machine.

#include <functional>
#include <memory>
#include <string>

#include "base/asio.h"
#include "server/view/job_state.h"

namespace ka::server {

inline constexpr const char *status_path = "/status.json", *follow_path = "/follow";

struct JobPlace {
  std::string host;
  std::uint16_t port = 0;  ///< wire::control_port, unless another was given
};
/// Of "HOST" or "HOST:PORT". Throws UsageError for what is neither.
JobPlace job_place(const std::string& text);
/// "http://HOST:PORT/PATH" of a job there.
std::string job_url(const std::string& place, const std::string& path);

class Follow {
 public:
  /// `state` must outlive it.
  Follow(asio::io_context& io, const JobState& state);
  ~Follow();
  Follow(const Follow&) = delete;
  Follow& operator=(const Follow&) = delete;

  /// Gets connections of the control port; may outlive this, and closes them then.
  std::function<void(asio::ip::tcp::socket)> door() const;
  /// What is known now is the end. Until all who follow have it; two seconds at most.
  Awaitable<void> finish();

 private:
  struct State;
  class Documents;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
