#include "server/logs/log_keeper.h"

#include <fcntl.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "net/signal.h"
#include "server/job/status_table.h"
#include "server/logs/log_file.h"
#include "server/logs/log_names.h"
#include "server/operator/log_stream.h"

namespace ka::server {

namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using boost::system::error_code;
using namespace asio::experimental::awaitable_operators;

constexpr auto connect_limit = 5s;
constexpr std::chrono::milliseconds first_pause = 500ms, longest_pause = 10s;
// After the job: a node that has said nothing for so long has said all, and so long all of them have.
constexpr auto quiet_at_the_end = 300ms;
constexpr auto longest_end = 2s;

std::string now_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

// In the heading of its log, and of what is said of it.
std::string who(const NodeStatus& node) {
  std::string text = node.address;
  for (const std::string& word : {node.host_name, node.hardware_address})
    if (!word.empty()) text += " " + escape_bytes(word);
  return text;
}

std::string end_text(const NodeStatus& node) {
  using State = NodeStatus::State;
  if (node.state == State::done) return "done";
  const bool reason = node.state == State::failed || node.state == State::put_out;
  return reason ? state_name(node.state) + std::string(": ") + escape_bytes(node.reason) : "the job ended before it";
}

}  // namespace

struct LogKeeper::State : std::enable_shared_from_this<LogKeeper::State> {
  using Clock = std::chrono::steady_clock;

  /// One machine, a row of the job's table.
  struct Follower {
    Follower(asio::io_context& io, const std::optional<wire::KeyPair>& key)
        : stream(std::in_place, io, key), moved(io) {}

    NodeStatus node;
    std::string name;  // of its file
    std::optional<LogFile> file;
    std::optional<LogStream> stream;  // a new one for each connection
    net::Signal moved;
    bool running = false;  // follow() is
    bool to_do = true;     // it is to be followed until it has ended
    bool ended = false;    // the job says that it is done, or has failed
    bool heard_of = false, connected = false;
    std::string trouble;  // why it was never heard of
    Clock::time_point last_heard{};
  };
  using Each = std::shared_ptr<Follower>;

  State(asio::io_context& io, LogKeeping keeping, std::function<void(const std::string&)> say)
      : io(io), keeping(std::move(keeping)), say(std::move(say)), moved(io) {}

  static Awaitable<void> follow(std::shared_ptr<State> self, Each node);
  Awaitable<void> wait_for_a_turn();
  Awaitable<bool> attend(Follower& node);
  Awaitable<bool> connect(Follower& node);
  Awaitable<void> read(Follower& node);
  Awaitable<void> pause(Follower& node, Clock::duration time);
  Awaitable<void> finish();
  void hear(const NodeStatus& status);
  Each follower_of(const NodeStatus& status);
  void open(Follower& node);
  void close(Follower& node);
  void remark_end(Follower& node);
  void give_up(const std::string& why);
  bool still_speaks() const;
  std::vector<std::string> all_warnings() const;

  asio::io_context& io;
  LogKeeping keeping;
  std::function<void(const std::string&)> say;
  net::Signal moved;
  UniqueFd folder;
  std::string path;  // of the folder; empty: it was not made yet
  bool given_up = false, finishing = false;
  std::string trouble;
  std::map<std::size_t, Each> nodes;           // by the number of their row; nullptr: left out
  std::map<std::string, unsigned> of_address;  // how many
  std::size_t connections = 0, running = 0, left_out = 0;
};

void LogKeeper::State::give_up(const std::string& why) {
  if (given_up) return;
  given_up = true;
  trouble = "The logs of the nodes are not kept (any more): " + why;
  say(trouble);
  for (auto& [number, node] : nodes)
    if (node) close(*node);
}

void LogKeeper::State::close(Follower& node) {
  node.stream->close();
  node.moved.notify();
}

// The first node brings the folder: a job without one leaves the logs of the one before where they are.
void LogKeeper::State::open(Follower& node) {
  if (path.empty()) {
    LogFolder opened =
        keeping.open_folder ? keeping.open_folder() : open_log_folder(keeping.folder, keeping.session, keeping.why_not);
    path = std::move(opened.path);
    folder = std::move(opened.folder);
  }
  try {
    node.file.emplace(folder.get(), node.name);
  } catch (const Error& error) {
    node.trouble = error.what();
  }
}

LogKeeper::State::Each LogKeeper::State::follower_of(const NodeStatus& status) {
  if (auto found = nodes.find(status.number); found != nodes.end()) return found->second;
  if (of_address[status.address] == most_of_address) {
    ++left_out;
    return nodes[status.number] = nullptr;
  }
  ++of_address[status.address];
  auto node = std::make_shared<Follower>(io, keeping.key);
  node->name = log_name(status);
  return nodes[status.number] = node;
}

void LogKeeper::State::remark_end(Follower& node) {
  if (node.file && !given_up) node.file->remark("=== " + end_text(node.node) + " ===");
}

void LogKeeper::State::hear(const NodeStatus& status) {
  if (given_up || finishing) return;
  const Each node = follower_of(status);
  if (!node) return;
  const bool had_ended = node->ended;
  try {
    if (had_ended && status.state != node->node.state) remark_end(*node);
  } catch (const std::exception& error) {
    return give_up(error.what());
  }
  node->ended = status.state == NodeStatus::State::done || status.state == NodeStatus::State::failed;
  node->node = status;
  if (had_ended && !node->ended) node->to_do = true;
  if (!node->running && node->to_do) {
    node->running = true;
    ++running;
    asio::co_spawn(io, follow(shared_from_this(), node), asio::detached);
  } else if (had_ended && !node->ended) {
    close(*node);  // it has started anew, and the connection to its life before only seems to be there
  } else if (node->ended && !had_ended) {
    node->moved.notify();
  }
}

Awaitable<void> LogKeeper::State::wait_for_a_turn() {
  while (connections >= most_connections && !given_up && !finishing) co_await moved.wait();
}

Awaitable<void> LogKeeper::State::follow(std::shared_ptr<State> self, Each node) {
  try {
    self->open(*node);
    for (Clock::duration wait = first_pause; node->file && !self->given_up;
         wait = std::min<Clock::duration>(2 * wait, longest_pause)) {
      co_await self->wait_for_a_turn();
      if (co_await self->attend(*node)) wait = first_pause;
      if (node->ended || self->given_up || self->finishing || node->file->full()) break;
      co_await self->pause(*node, wait);
    }
    self->remark_end(*node);
  } catch (const std::exception& error) {
    self->give_up(error.what());
  }
  const bool kept = node->file.has_value();
  node->file.reset();
  // One that sends without end is not asked again.
  node->to_do = false;
  node->running = false;
  --self->running;
  self->moved.notify();
  if (kept && !self->given_up) self->keeping.ended(self->path + "/" + node->name);
}

// Whether it was heard.
Awaitable<bool> LogKeeper::State::attend(Follower& node) {
  ++connections;
  node.connected = co_await connect(node);
  const bool heard = node.connected;
  if (heard) {
    node.heard_of = true;
    node.last_heard = Clock::now();
    node.file->begin(now_text() + ": " + who(node.node));
    co_await read(node);
  }
  node.connected = false;
  --connections;
  moved.notify();
  co_return heard;
}

Awaitable<bool> LogKeeper::State::connect(Follower& node) {
  error_code strange;
  const tcp::endpoint there(asio::ip::make_address_v4(node.node.address, strange), keeping.port);
  node.stream.emplace(io, keeping.key);
  node.trouble = co_await node.stream->open(there, connect_limit);
  co_return node.trouble.empty();
}

Awaitable<void> LogKeeper::State::read(Follower& node) {
  while (!node.file->full()) {
    const LogStream::Piece piece = co_await node.stream->read();
    if (piece.end) break;
    node.last_heard = Clock::now();
    node.file->take(piece.bytes);
  }
  node.stream->close();
}

Awaitable<void> LogKeeper::State::pause(Follower& node, Clock::duration time) {
  asio::steady_timer timer(io, time);
  auto over = timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_await (std::move(over) || node.moved.wait());
}

bool LogKeeper::State::still_speaks() const {
  return std::any_of(nodes.begin(), nodes.end(), [](const auto& each) {
    const Each& node = each.second;
    return node && node->running && (!node->connected || Clock::now() - node->last_heard < quiet_at_the_end);
  });
}

Awaitable<void> LogKeeper::State::finish() {
  finishing = true;
  const auto end = Clock::now() + longest_end;
  for (auto& [number, node] : nodes) {
    if (!node) continue;
    node->last_heard = Clock::now();
    node->moved.notify();
  }
  asio::steady_timer timer(io);
  while (still_speaks() && Clock::now() < end) {
    timer.expires_after(50ms);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  for (auto& [number, node] : nodes)
    if (node) close(*node);
  while (running > 0) co_await moved.wait();
}

std::vector<std::string> LogKeeper::State::all_warnings() const {
  std::vector<std::string> warnings;
  if (!trouble.empty()) warnings.push_back(trouble);
  constexpr std::size_t most_named = 8;
  std::vector<std::string> unread;
  for (const auto& [number, node] : nodes)
    if (node && !node->heard_of && !node->trouble.empty()) unread.push_back(who(node->node) + ": " + node->trouble);
  const std::size_t more = unread.size() > most_named ? unread.size() - most_named : 0;
  unread.resize(unread.size() - more);
  if (more > 0) unread.push_back("and " + std::to_string(more) + " more");
  if (!unread.empty())
    warnings.push_back("Logs that were not kept (TCP port " + std::to_string(keeping.port) +
                       " of the nodes gives them): " + joined(unread, "; "));
  if (left_out > 0)
    warnings.push_back("Logs that were not kept: those of " + std::to_string(left_out) +
                       " machines, whose addresses say to be more than " + std::to_string(most_of_address) + " each");
  return warnings;
}

LogKeeper::LogKeeper(asio::io_context& io, LogKeeping keeping, std::function<void(const std::string&)> say)
    : state_(std::make_shared<State>(io, std::move(keeping), std::move(say))) {}

LogKeeper::~LogKeeper() = default;

void LogKeeper::node(const NodeStatus& status) { state_->hear(status); }

Awaitable<void> LogKeeper::finish() {
  const std::shared_ptr<State> state = state_;
  co_await state->finish();
}

std::function<UniqueFd(std::size_t)> LogKeeper::files() const {
  return [kept = std::weak_ptr<State>(state_)](std::size_t number) {
    const std::shared_ptr<State> state = kept.lock();
    if (!state || !state->folder.valid()) return UniqueFd();
    const auto found = state->nodes.find(number);
    if (found == state->nodes.end() || !found->second) return UniqueFd();
    return open_log(state->folder.get(), found->second->name);
  };
}

std::vector<std::string> LogKeeper::warnings() const { return state_->all_warnings(); }

}  // namespace ka::server
