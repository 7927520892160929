#pragma once
/// --on-event PROGRAM: run once for each event but the frequent ones, one after the other, with the event on its
/// standard input and its name in KA_EVENT. The job does not wait for it.

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/asio.h"
#include "server/view/event_teller.h"

namespace ka::server {

/// Runs it once, for half a minute at most. Throws Error if it fails.
Awaitable<void> run_event_program(asio::io_context& io, std::string program, Event event);

class EventProgram {
 public:
  /// Throws Error if `program` is no file that can be executed.
  EventProgram(asio::io_context& io, const std::string& program);
  ~EventProgram();
  EventProgram(const EventProgram&) = delete;
  EventProgram& operator=(const EventProgram&) = delete;

  /// Instead of run_event_program().
  void run_by(std::function<Awaitable<void>(const Event&)> run);
  void on_trouble(std::function<void(const std::string&)> say);
  /// Beyond 10,000 that wait, events are dropped, which is said.
  void run(const Event& event);
  /// Until all have been run, 30 s at most; what is left is given up, and said.
  Awaitable<void> finish();
  /// finish() waits no longer.
  void give_up();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
