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

std::string with_name(const NodeStatus& node) {
  return escape_bytes(node.address) + (node.host_name.empty() ? "" : " (" + escape_bytes(node.host_name) + ")");
}

}  // namespace

Display::Display(asio::io_context& io, std::FILE* out, unsigned wanted, bool quiet)
    : out_(out),
      wanted_(wanted),
      quiet_(quiet),
      terminal_(!quiet && ::isatty(::fileno(out)) == 1),
      timer_(io),
      resized_(io) {
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
  if (::ioctl(::fileno(out_), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return;
  width_ = size.ws_col;
  height_ = size.ws_row;
}

void Display::measure_rate() {
  auto now = Clock::now();
  std::chrono::duration<double> passed = now - measured_at_;
  if (session_.name.empty() || passed.count() < 1) return;
  double rate = static_cast<double>(session_.progress.bytes - measured_bytes_) / passed.count();
  session_.rate = session_.rate == 0 ? rate : session_.rate * 0.7 + rate * 0.3;
  measured_at_ = now;
  measured_bytes_ = session_.progress.bytes;
  changed_ = true;
}

std::vector<NodeStatus> Display::nodes() const {
  std::vector<NodeStatus> list;
  for (const auto& [number, node] : nodes_) list.push_back(node);
  return list;
}

void Display::write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

void Display::erase() {
  if (drawn_ > 0) write("\x1b[" + std::to_string(drawn_) + "A\r\x1b[J");
  drawn_ = 0;
}

void Display::draw() {
  if (!terminal_ || closed_) return;
  // One write for the whole, so that nothing flickers. The last column stays free: some terminals wrap there.
  std::string text = drawn_ > 0 ? "\x1b[" + std::to_string(drawn_) + "A\r" : "";
  auto lines = live_table(session_, nodes(), wanted_, width_ > 1 ? width_ - 1 : 1, height_);
  for (const std::string& line : lines) text += line + "\x1b[K\n";
  write(text + "\x1b[J");
  drawn_ = lines.size();
  changed_ = false;
}

void Display::line(const std::string& text) {
  erase();
  write(text + "\n");
  draw();
}

void Display::close() {
  if (closed_) return;
  draw();
  closed_ = true;
  timer_.cancel();
  resized_.cancel();
}

void Display::event(const std::string& text) {
  if (!quiet_) line(escape_bytes(text));
}

void Display::node(const NodeStatus& status) {
  auto [found, is_new] = nodes_.try_emplace(status.number, status);
  NodeStatus before = is_new ? NodeStatus() : found->second;
  found->second = status;
  changed_ = true;
  const bool bad = status.state == NodeStatus::State::failed || status.state == NodeStatus::State::put_out;
  // A failure is an event too; the rest is in the table on a terminal.
  if (bad ? !quiet_ : quiet_ || terminal_) return;
  if (!is_new && before.state == status.state && before.stage == status.stage) return;
  const std::string& what = bad ? status.reason : status.stage;
  line(with_name(status) + ": " + state_name(status.state) + (what.empty() ? "" : ", " + escape_bytes(what)));
}

void Display::session_started(const Session& session, unsigned round, unsigned members) {
  session_ = SessionView();
  session_.name = session.name;
  session_.round = round;
  session_.members = members;
  session_.expected = session.expected;
  measured_at_ = last_progress_ = Clock::now();
  measured_bytes_ = 0;
  event("+++ Sending " + session.name + " to " + std::to_string(members) + (members == 1 ? " node" : " nodes") +
        (round > 1 ? ", round " + std::to_string(round) : "") + " +++");
}

void Display::session_progress(const Session&, const Progress& progress) {
  session_.progress = progress;
  changed_ = true;
  if (!terminal_ && !quiet_) progress_line();
}

void Display::progress_line() {
  if (Clock::now() - last_progress_ < progress_every) return;
  last_progress_ = Clock::now();
  measure_rate();
  std::string text;
  for (const std::string& part : session_lines(session_, nodes(), wanted_)) text += part;
  line(text);
}

void Display::session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                            const std::vector<std::string>& warnings) {
  records_.push_back({session.name, session_.round, session_.members, bytes, elapsed.count()});
  session_ = SessionView();
  event(session.name + " is through");
  const std::string totals = totals_text(bytes, elapsed);
  for (std::string_view total : split(totals, '\n')) {
    if (!total.empty()) event(std::string(total));
  }
  for (const std::string& warning : warnings) line("! " + escape_bytes(warning));
}

void Display::session_failed(const Session&) {
  session_ = SessionView();
  changed_ = true;
}

}  // namespace ka::server
