#include "server/view/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"

namespace ka::server {

namespace {

constexpr std::size_t most_pending = 1 << 20;

// Without waiting for somebody to read a FIFO: nobody there is an error.
UniqueFd open_events(const std::string& name) {
  UniqueFd fd(name == "-"
                  ? ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
                  : ::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644));
  if (!fd.valid() && errno == ENXIO) throw Error("--events: write to " + name, "nobody reads it");
  if (!fd.valid()) throw Error::from_errno("--events: write to " + name);
  return fd;
}

}  // namespace

EventFile::EventFile(asio::io_context& io, const std::string& name)
    : name_(name), fd_(open_events(name)), out_(std::make_unique<Output>(io, fd_.get())) {}

void EventFile::write(const Event& event) {
  if (out_->pending() + event.line.size() > most_pending) {
    if (dropped_++ == 0) say_("--events " + name_ + ": nobody takes them, events are dropped");
    return;
  }
  if (dropped_ > 0) out_->write_for_sure("{\"event\":\"dropped\",\"count\":" + std::to_string(dropped_) + "}\n");
  dropped_ = 0;
  out_->write_for_sure(event.line + "\n");
  look();
}

void EventFile::look() {
  if (!out_->closed() && out_->failure() == 0) return;
  if (std::exchange(told_, true)) return;
  const int why = out_->failure();
  say_("--events " + name_ + ": no more is written there" + (why != 0 ? std::string(": ") + std::strerror(why) : ""));
}

void EventFile::finish() {
  out_->finish();
  look();
}

}  // namespace ka::server
