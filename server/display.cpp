#include "server/display.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "base/text.h"

namespace ka::server {

namespace {

constexpr auto redraw_every = std::chrono::milliseconds(250);
constexpr auto progress_every = std::chrono::seconds(10);

void write_out(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string with_name(const NodeStatus& node) {
  return escape_bytes(node.address) + (node.host_name.empty() ? "" : " (" + escape_bytes(node.host_name) + ")");
}

}  // namespace

Display::Display(asio::io_context& io, unsigned wanted)
    : wanted_(wanted), terminal_(::isatty(STDOUT_FILENO) == 1), timer_(io), resized_(io) {
  if (!terminal_) return;
  read_size();
  asio::co_spawn(io, redraw_loop(), asio::detached);
  asio::co_spawn(io, watch_size(), asio::detached);
}

Display::~Display() { close(); }

// Both loops end when close() cancels what they wait for.
Awaitable<void> Display::redraw_loop() {
  for (;;) {
    timer_.expires_after(redraw_every);
    auto [error] = co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    measure_rate();
    if (changed_) draw();
  }
}

Awaitable<void> Display::watch_size() {
  resized_.add(SIGWINCH);
  for (;;) {
    auto [error, number] = co_await resized_.async_wait(asio::as_tuple(asio::use_awaitable));
    (void)number;
    if (error) co_return;
    // The terminal has wrapped or moved the old rows: draw a new table below them.
    drawn_ = 0;
    read_size();
    changed_ = true;
  }
}

void Display::read_size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return;
  width_ = size.ws_col;
  height_ = size.ws_row;
}

void Display::measure_rate() {
  auto now = Clock::now();
  std::chrono::duration<double> passed = now - measured_at_;
  if (session_.name.empty() || passed.count() < 1) return;
  double rate = static_cast<double>(session_.bytes - measured_bytes_) / passed.count();
  session_.rate = session_.rate == 0 ? rate : session_.rate * 0.7 + rate * 0.3;
  measured_at_ = now;
  measured_bytes_ = session_.bytes;
  changed_ = true;
}

std::vector<NodeStatus> Display::nodes() const {
  std::vector<NodeStatus> list;
  for (const std::string& address : order_) list.push_back(nodes_.at(address));
  return list;
}

void Display::erase() {
  if (drawn_ > 0) write_out("\x1b[" + std::to_string(drawn_) + "A\r\x1b[J");
  drawn_ = 0;
}

void Display::draw() {
  if (!terminal_ || closed_) return;
  // One write for the whole, so that nothing flickers. The last column stays free: some terminals wrap there.
  std::string text = drawn_ > 0 ? "\x1b[" + std::to_string(drawn_) + "A\r" : "";
  auto lines = live_table(session_, nodes(), wanted_, width_ > 1 ? width_ - 1 : 1, height_);
  for (const std::string& line : lines) text += line + "\x1b[K\n";
  write_out(text + "\x1b[J");
  drawn_ = lines.size();
  changed_ = false;
}

void Display::line(const std::string& text) {
  erase();
  write_out(text + "\n");
  draw();
}

void Display::close() {
  if (closed_) return;
  draw();
  closed_ = true;
  timer_.cancel();
  resized_.cancel();
}

void Display::event(const std::string& text) { line(escape_bytes(text)); }

void Display::node(const NodeStatus& status) {
  auto [found, is_new] = nodes_.try_emplace(status.address, status);
  if (is_new) order_.push_back(status.address);
  NodeStatus before = is_new ? NodeStatus() : found->second;
  found->second = status;
  changed_ = true;
  bool news = is_new || before.state != status.state || before.stage != status.stage;
  bool bad = status.state == NodeStatus::State::failed || status.state == NodeStatus::State::put_out;
  // The table says the rest on a terminal; a failure stays in the log.
  if (!news || (terminal_ && !(bad && before.state != status.state))) return;
  std::string what = bad ? status.reason : status.stage;
  line(with_name(status) + ": " + state_name(status.state) + (what.empty() ? "" : ", " + escape_bytes(what)));
}

void Display::session_started(const Session& session, unsigned round, unsigned members) {
  session_ = SessionView{session.name, round, members, 0, session.expected, 0};
  measured_at_ = last_progress_ = Clock::now();
  measured_bytes_ = 0;
  line("+++ Sending " + session.name + " to " + std::to_string(members) + (members == 1 ? " node" : " nodes") +
       (round > 1 ? ", round " + std::to_string(round) : "") + " +++");
}

void Display::session_progress(const Session& session, std::uint64_t bytes) {
  session_.name = session.name;
  session_.bytes = bytes;
  changed_ = true;
  if (!terminal_) progress_line();
}

void Display::progress_line() {
  if (Clock::now() - last_progress_ < progress_every) return;
  last_progress_ = Clock::now();
  measure_rate();
  line(live_table(session_, nodes(), wanted_, 200, 3).front());
}

void Display::session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                            const std::vector<std::string>& warnings) {
  records_.push_back({session.name, session_.round, session_.members, bytes, elapsed.count()});
  session_ = SessionView{};
  std::string totals = totals_text(bytes, elapsed);
  line(session.name + " is through\n" + totals.substr(0, totals.size() - 1));
  for (const std::string& warning : warnings) line("! " + escape_bytes(warning));
}

}  // namespace ka::server
