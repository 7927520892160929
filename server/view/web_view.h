#pragma once
/// --web: the page that shows a job, and what it is made of, by HTTP, to whoever has the link with its token:
///
///     /TOKEN/             the page
///     /TOKEN/status.json  all that is known (server/view/status_json.h)
///     /TOKEN/metrics      the same for Prometheus (server/view/metrics.h)
///     /TOKEN/events       server-sent events: "whole", then a "step" with what has changed, then "end"
///     /TOKEN/log/NUMBER   the end of a node's kept log (server/view/log_piece.h); with ?from=BYTE, what follows
///
/// All but the page without /TOKEN too, with "Authorization: Bearer TOKEN". All else is not found, whatever it is.
/// Nothing can be changed by it.

#include <memory>
#include <string>

#include "base/asio.h"
#include "server/view/job_state.h"
#include "server/view/log_piece.h"

namespace ka::server {

class WebView {
 public:
  /// Has its port at once, at an address that others call `reached`; shows `state`, which must outlive `io`. Throws
  /// Error, naming the port, if it cannot.
  WebView(asio::io_context& io, asio::ip::address_v4 address, asio::ip::address_v4 reached, std::uint16_t port,
          const JobState& state);
  ~WebView();
  WebView(const WebView&) = delete;
  WebView& operator=(const WebView&) = delete;

  /// Answers from now on; before, nobody who comes is read.
  void begin();
  /// Where the logs are that the page shows; without it, none are.
  void logs(OpenLog log_of);
  /// "http://10.0.1.1:8080/TOKEN/"
  const std::string& link() const;
  /// What is shown now is the end: until everybody who watches has it, two seconds at most.
  Awaitable<void> finish();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
