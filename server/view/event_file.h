#pragma once
/// --events FILE: each event a line. Whoever reads them may stop reading, and the disk may be full: the job does not
/// feel it, and the log says so.

#include <functional>
#include <memory>
#include <string>

#include "base/asio.h"
#include "base/output.h"
#include "base/unique_fd.h"
#include "server/view/event_teller.h"

namespace ka::server {

class EventFile {
 public:
  /// `name`: appended to if it is there; "-": standard output. Throws Error if it cannot be opened; a FIFO needs
  /// somebody who reads it.
  EventFile(asio::io_context& io, const std::string& name);

  /// What goes wrong later is said there.
  void on_trouble(std::function<void(const std::string&)> say) { say_ = std::move(say); }

  /// Kept until it is taken; beyond 1 MiB events are dropped, and an event "dropped" says how many when there is room
  /// again.
  void write(const Event& event);
  /// Waits a second at most until all is taken.
  void finish();

 private:
  void look();

  std::string name_;
  UniqueFd fd_;
  std::unique_ptr<Output> out_;
  std::function<void(const std::string&)> say_ = [](const std::string&) {};
  std::uint64_t dropped_ = 0;
  bool told_ = false;
};

}  // namespace ka::server
