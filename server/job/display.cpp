#include "server/job/display.h"

#include <algorithm>
#include <csignal>
#include <ctime>

#include "base/text.h"

namespace ka::server {

namespace {

constexpr auto redraw_every = std::chrono::milliseconds(250);
constexpr auto progress_every = std::chrono::seconds(10);
constexpr std::size_t unlimited = std::string::npos;
constexpr std::size_t log_kept = 200;  // lines; more than a screen shows

std::string with_name(const NodeStatus& node) {
  return escape_bytes(node.address) + (node.host_name.empty() ? "" : " (" + escape_bytes(node.host_name) + ")");
}

// Of the 16 colours that every terminal has, in the shades that its owner has chosen.
const char* colour_of(Tone tone) {
  switch (tone) {
    case Tone::plain: return "";
    case Tone::flow: return "\x1b[36m";
    case Tone::good: return "\x1b[32m";
    case Tone::warning: return "\x1b[33m";
    case Tone::bad: return "\x1b[31m";
  }
  return "";
}

}  // namespace

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  char text[16] = "";
  if (const std::tm* local = std::localtime(&now)) std::strftime(text, sizeof text, "%H:%M:%S ", local);
  return text;
}

Display::Display(asio::io_context& io, Output& out, unsigned wanted, bool quiet)
    : out_(out), wanted_(wanted), quiet_(quiet), terminal_(!quiet && out.is_screen()), timer_(io), resized_(io) {
  if (!terminal_) return;
  size_ = out_.size();
  asio::co_spawn(io, redraw_loop(), asio::detached);
  asio::co_spawn(io, watch_size(), asio::detached);
}

// What a second signal leaves is destroyed after its output: nothing is written here.
Display::~Display() { end(); }

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
    look_at_size();
    draw();
  }
}

// Where the old table is now is known only if no line of it was wrapped or scrolled away. Asked before each drawing,
// too: the signal may be still on its way.
void Display::look_at_size() {
  const Output::Size now = out_.size();
  if (now.width == size_.width && now.height == size_.height) return;
  size_ = now;
  if (widest_drawn_ >= size_.width || drawn_ >= size_.height) scrambled_ = drawn_ > 0;
  changed_ = true;
}

void Display::measure_rate() {
  const auto now = Clock::now();
  if (session_.name.empty() || !rate_.is_due(now)) return;
  session_.rate = rate_.measure(written_on_average(session_, nodes()), now);
  changed_ = true;
}

std::vector<NodeStatus> Display::nodes() const {
  std::vector<NodeStatus> list;
  for (const auto& [number, node] : nodes_) list.push_back(node);
  return list;
}

// What takes the table off the screen; the cursor is then where it began.
std::string Display::erasure() {
  const std::size_t lines = std::exchange(drawn_, 0);
  if (lines == 0) return "";
  if (std::exchange(scrambled_, false)) return "\x1b[H\x1b[J" + log_again();
  return "\x1b[" + std::to_string(lines) + "A\r\x1b[J";
}

// As much of the log as a screen has room for above the table.
std::string Display::log_again() const {
  const auto rows = lines().size() + 1;
  std::size_t room = size_.height > rows ? size_.height - rows : 0;
  auto first = log_.end();
  while (first != log_.begin()) {
    const std::size_t takes = std::max<std::size_t>(1, ((first - 1)->size() + size_.width - 1) / size_.width);
    if (takes > room) break;
    room -= takes;
    --first;
  }
  std::string text;
  for (; first != log_.end(); ++first) text += *first + "\n";
  return text;
}

// The last column stays free: some terminals wrap there.
std::vector<TableLine> Display::lines() const {
  return live_lines(session_, nodes(), wanted_, size_.width > 1 ? size_.width - 1 : 1, size_.height);
}

std::string Display::table() {
  if (!terminal_ || closed_) return "";
  drawn_ = widest_drawn_ = 0;
  std::string text;
  for (const TableLine& line : lines()) {
    ++drawn_;
    widest_drawn_ = std::max(widest_drawn_, line.text.size());
    const std::string colour = out_.has_colours() ? colour_of(line.tone) : "";
    text += colour + line.text + (colour.empty() ? "" : "\x1b[0m") + "\x1b[K\n";
  }
  changed_ = false;
  return text;
}

// One write for the whole, so that nothing flickers. While the terminal takes nothing, nothing is drawn.
void Display::draw() {
  if (!terminal_ || closed_ || !out_.idle()) return;
  look_at_size();
  std::string over;
  if (drawn_ > 0) over = scrambled_ ? erasure() : "\x1b[" + std::to_string(drawn_) + "A\r";
  out_.write(over + table() + "\x1b[J");
}

void Display::journal(std::string job, const std::string& socket) {
  job_ = std::move(job);
  journal_.emplace(socket);
}

// A line begins with the node that it is of, or has it behind "Added client".
std::optional<NodeStatus> Display::node_of(const std::string& text) const {
  const std::vector<std::string_view> all = words(text);
  for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 3); ++i) {
    std::string_view word = all[i];
    while (word.ends_with(',') || word.ends_with(':')) word.remove_suffix(1);
    if (!parse_address(word)) continue;
    for (const auto& [number, node] : nodes_)
      if (word == node.address && text.find(with_name(node)) != text.npos) return node;
    NodeStatus other;  // of which nothing was told so far
    other.address = word;
    return other;
  }
  return std::nullopt;
}

bool Display::tell_journal(const std::string& text, const std::optional<NodeStatus>& node) {
  if (!journal_) return false;
  const bool bad = text.find(" failed: ") != text.npos || text.find(" is dropped ") != text.npos;
  const char* const level = bad ? "3" : text.starts_with("! ") ? "4" : "6";  // as syslog(3) has them
  JournalFields fields = {{"MESSAGE", text}, {"PRIORITY", level}, {"SYSLOG_IDENTIFIER", "ka-server"}};
  fields.emplace_back("KA_SESSION", job_);
  std::string stage = session_.name;
  if (node) {
    fields.emplace_back("KA_NODE", node->address);
    if (!node->host_name.empty()) fields.emplace_back("KA_NODE", escape_bytes(node->host_name));
    stage = escape_bytes(node->stage);
  }
  if (!stage.empty()) fields.emplace_back("KA_STAGE", stage);
  return journal_->tell(fields);
}

void Display::line(const std::string& text) {
  const bool told = tell_journal(text, node_of(text));
  if (!told || !out_.is_journal()) line_here(text);
}

void Display::line_here(const std::string& text) {
  const std::string stamped = time_of_day() + text;
  if (terminal_) look_at_size();
  std::string out = erasure() + stamped + "\n";
  if (terminal_) {
    log_.push_back(stamped);
    if (log_.size() > log_kept) log_.pop_front();
  }
  changed_ = true;
  if (out_.idle()) out += table();
  out_.write(out);
}

void Display::close() {
  if (closed_) return;
  out_.write(erasure());
  end();
}

void Display::end() {
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
  // The events name each failure, and who came; the sessions say who they are sent to; the table has the rest.
  if (bad ? !quiet_ : quiet_ || (terminal_ && !journal_)) return;
  if (before.state == status.state && before.stage == status.stage) return;
  const bool told_otherwise = status.state == NodeStatus::State::waiting || named_.count(status.stage) > 0;
  if (!bad && status.state != NodeStatus::State::done && told_otherwise) return;
  const std::string& what = bad ? status.reason : status.stage;
  const std::string text =
      with_name(status) + ": " + state_name(status.state) + (what.empty() ? "" : ", " + escape_bytes(what));
  const bool told = tell_journal(text, status);
  if (!terminal_ && (!told || !out_.is_journal())) line_here(text);
}

void Display::session_started(const Session& session, unsigned round, unsigned members) {
  session_ = SessionView();
  session_.name = session.name;
  session_.round = round;
  session_.members = members;
  session_.expected = session.expected;
  last_progress_ = Clock::now();
  rate_.restart(last_progress_);
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
  for (const std::string& part : session_lines(session_, nodes(), wanted_, unlimited)) text += part;
  line(text);
}

void Display::session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                            const std::vector<std::string>& warnings) {
  records_.push_back({session.name, session_.round, session_.members, bytes, elapsed.count()});
  session_ = SessionView();
  event(session.name + " is through: " + totals_text(bytes, elapsed));
  for (const std::string& warning : warnings) line("! " + escape_bytes(warning));
}

void Display::session_failed(const Session&) {
  session_ = SessionView();
  changed_ = true;
}

}  // namespace ka::server
