#pragma once
/// All that watches a job besides the terminal: --events, --on-event and --web, as the options have it, and whoever
/// follows it at its control port.

#include <functional>
#include <memory>
#include <string>

#include "base/asio.h"
#include "server/job/observers.h"
#include "server/view/event_teller.h"
#include "server/view/job_state.h"
#include "server/view/log_piece.h"

namespace ka::server {

struct WatchOptions {
  std::string session;   ///< the job's name
  unsigned wanted = 0;   ///< -n
  std::string events;    ///< file, or "-"; empty: none
  std::string on_event;  ///< program; empty: none
  std::optional<std::uint16_t> web_port;
  asio::ip::address_v4 web_address;  ///< any: all of this machine's
  asio::ip::address_v4 web_reached;  ///< one of them, for the link
};

class Watch {
 public:
  /// Opens what has to be opened: before anybody waits. Throws Error.
  Watch(asio::io_context& io, const WatchOptions& options);
  /// Whoever reads events is told of an end that finish() was not called for.
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// What the page shows of what will be done: the plan as it was printed, and the storage that a clone gets.
  void plan(std::vector<std::string> text, std::vector<std::string> tree = {});
  /// What will be sent.
  void knows(const std::vector<Session>& sessions);
  /// Where the kept logs of nodes are, for the page.
  void logs(OpenLog log_of);
  /// Runs the program of --on-event for an event, instead of this process. Throws Error if that failed.
  void programs_by(std::function<Awaitable<void>(const Event&)> run);
  /// From now on. Their troubles are lines of the log, which all of `observers` hear. Both must live until finish().
  void begin(Observers& observers);
  /// Whoever has the link is answered from now on; before, its port is taken and nobody is read.
  void open();
  /// For JobPlan::followers.
  std::function<void(asio::ip::tcp::socket)> followers() const;
  /// Where the page is; empty: there is none. Whoever reads it can watch.
  std::string link() const;
  /// The job has ended. Until all who watch know it; some seconds at most, with --on-event 30.
  Awaitable<void> finish(const Report& report);
  /// The operator does not want to wait for that.
  void hurry();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ka::server
