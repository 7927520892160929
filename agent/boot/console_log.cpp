#include "agent/boot/console_log.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

// A console at 9600 baud takes 1 KiB a second: what does not fit here is left out there, and is in the file.
constexpr std::size_t most_pending = 64 * 1024;
// In RAM, beside stage2: a tool that runs wild must not fill it.
constexpr std::size_t largest_file = 8u << 20;

}  // namespace

std::vector<std::string> console_names() {
  std::vector<std::string> names;
  const std::string active = read_file_if_any("/sys/class/tty/console/active").value_or("");
  for (std::string_view name : words(active)) names.emplace_back(name);
  if (std::find(names.begin(), names.end(), "tty0") == names.end()) names.push_back("tty0");
  return names;
}

/// One terminal, never waited for: what it does not take now it gets when it can.
class ConsoleLog::Console {
 public:
  Console(asio::io_context& io, int fd, bool screen) : terminal_(io, fd), screen_(screen) {}

  void write(std::string_view bytes) {
    if (pending_.size() + bytes.size() > most_pending) {
      pending_.erase(0, pending_.find('\n', pending_.size() / 2) + 1);
      pending_.insert(0, "[lines left out: this console is too slow]\n");
    }
    pending_ += bytes;
    push();
  }
  bool empty() const { return pending_.empty(); }
  bool is_screen() const { return screen_; }
  int fd() { return terminal_.native_handle(); }

  void push() {
    while (!pending_.empty()) {
      const ssize_t size = ::write(fd(), pending_.data(), pending_.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return wait();
      if (size < 0) return pending_.clear();  // unplugged
      pending_.erase(0, static_cast<std::size_t>(size));
    }
  }

 private:
  void wait() {
    if (waiting_) return;
    waiting_ = true;
    terminal_.async_wait(asio::posix::descriptor_base::wait_write, [this](boost::system::error_code error) {
      if (error) return;  // being destroyed
      waiting_ = false;
      push();
    });
  }

  asio::posix::stream_descriptor terminal_;
  bool screen_;
  std::string pending_;
  bool waiting_ = false;
};

ConsoleLog::ConsoleLog(asio::io_context& io) : io_(io) {}
ConsoleLog::~ConsoleLog() = default;

bool ConsoleLog::add_console(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid() || ::isatty(fd.get()) == 0) return false;
  char kind = 0;
  const bool screen = ::ioctl(fd.get(), KDGKBTYPE, &kind) == 0;  // a virtual terminal knows its keyboard
  consoles_.push_back(std::make_unique<Console>(io_, fd.release(), screen));
  return true;
}

void ConsoleLog::open_file(const std::string& path) {
  path_ = path;
  file_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file_.valid()) return to_consoles("The log cannot be kept in " + path + ": " + std::strerror(errno) + "\n");
  to_file(early_);
  early_.clear();
}

void ConsoleLog::rename_file(const std::string& path) {
  if (::rename(path_.c_str(), path.c_str()) == 0) path_ = path;
}

void ConsoleLog::line(std::string_view text) {
  const std::string whole = printable(text) + "\n";
  to_consoles((redrawing_ ? "\r\n" : "") + whole);
  redrawing_ = false;
  to_file(whole);
  if (listener_) listener_();
}

void ConsoleLog::redraw(std::string_view text) {
  // Blanks over the rest of what was there: not every serial console knows escape sequences.
  to_consoles("\r" + printable(text) + "   ");
  redrawing_ = true;
}

void ConsoleLog::show(std::string_view text) {
  to_consoles((redrawing_ ? "\r\n" : "") + printable(text) + "\n");
  redrawing_ = false;
}

void ConsoleLog::fill_screens(const std::function<std::string(unsigned columns, unsigned rows)>& content) {
  for (auto& console : consoles_) {
    if (!console->is_screen()) continue;
    winsize size{};
    const bool known = ::ioctl(console->fd(), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    console->write(known ? content(size.ws_col, size.ws_row) : content(80, 25));
  }
}

void ConsoleLog::to_consoles(std::string_view bytes) {
  for (auto& console : consoles_) console->write(bytes);
}

void ConsoleLog::to_file(std::string_view bytes) {
  if (!file_.valid()) {
    if (early_.size() < most_pending) early_ += bytes;
    return;
  }
  if (file_size_ > largest_file) return;
  file_size_ += bytes.size();
  std::string_view rest = file_size_ > largest_file ? "[the log is full; the consoles have the rest]\n" : bytes;
  while (!rest.empty()) {
    const ssize_t size = ::write(file_.get(), rest.data(), rest.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;  // RAM is full; the consoles still have the line
    rest.remove_prefix(static_cast<std::size_t>(size));
  }
}

void ConsoleLog::drain(int milliseconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::milliseconds(milliseconds);
  auto busy = [](const std::unique_ptr<Console>& console) {
    console->push();
    int queued = 0;
    return !console->empty() || (::ioctl(console->fd(), TIOCOUTQ, &queued) == 0 && queued > 0);
  };
  while (Clock::now() < end && std::any_of(consoles_.begin(), consoles_.end(), busy)) ::poll(nullptr, 0, 10);
}

std::vector<int> ConsoleLog::descriptors() const {
  std::vector<int> all;
  for (const auto& console : consoles_) all.push_back(console->fd());
  return all;
}

}  // namespace ka::agent
