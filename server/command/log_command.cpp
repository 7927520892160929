#include "server/command/log_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "server/command/run_task.h"
#include "server/logs/log_file.h"
#include "server/logs/log_folder.h"
#include "server/logs/log_names.h"
#include "server/operator/log_stream.h"
#include "server/operator/node_port.h"
#include "server/options/key_file.h"
#include "server/options/option_table.h"

namespace ka::server {

namespace {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;
using asio::ip::tcp;
using Write = std::function<void(std::string_view)>;

constexpr auto look_again = 200ms;
constexpr auto connect_limit = 10s;
// A node sends what it has at once.
constexpr auto quiet_time = 2s;
constexpr std::size_t longest_line = 64u << 10;

/// What was read, in whole lines, in which nothing moves a cursor.
class Lines {
 public:
  explicit Lines(const Write& write) : write_(write) {}

  void add(std::string_view bytes) {
    rest_ += bytes;
    std::string out;
    std::size_t begin = 0;
    for (std::size_t end; (end = rest_.find('\n', begin)) != rest_.npos; begin = end + 1)
      out += printable(std::string_view(rest_).substr(begin, end - begin)) + "\n";
    rest_.erase(0, begin);
    if (rest_.size() > longest_line) out += printable(std::exchange(rest_, "")) + "\n";
    if (!out.empty()) write_(out);
  }
  void end() {
    if (!rest_.empty()) add("\n");
  }

 private:
  const Write& write_;
  std::string rest_;
};

Awaitable<void> show_file(asio::io_context& io, std::string path, bool follow, const Write& write) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) throw Error::from_errno("open " + path);
  Lines lines(write);
  std::array<char, 16384> bytes;
  asio::steady_timer timer(io);
  for (bool last = !follow;;) {
    const ssize_t size = ::read(file.get(), bytes.data(), bytes.size());
    if (size < 0) throw Error::from_errno("read " + path);
    if (size > 0) {
      lines.add({bytes.data(), static_cast<std::size_t>(size)});
      continue;
    }
    if (last) break;
    last = !LogFile::more_may_come(file.get());  // what came before that is read once more
    if (last) continue;
    timer.expires_after(look_again);
    co_await timer.async_wait(asio::use_awaitable);
  }
  lines.end();
}

Awaitable<void> show_node(asio::io_context& io, tcp::endpoint there, const LogRequest& request, const Write& write) {
  const std::string what = "the log of " + there.address().to_string();
  LogStream stream(io, request.key);
  if (const std::string why = co_await stream.open(there, connect_limit); !why.empty())
    throw Error(what, "TCP port " + std::to_string(there.port()) + ": " + why);
  Lines lines(write);
  asio::steady_timer quiet(io);
  for (bool first = true;; first = false) {
    quiet.expires_at(request.follow ? std::chrono::steady_clock::time_point::max()
                                    : std::chrono::steady_clock::now() + quiet_time);
    auto read = stream.read();
    auto late = quiet.async_wait(asio::as_tuple(asio::use_awaitable));
    const auto result = co_await (std::move(read) || std::move(late));
    if (result.index() == 1) {
      if (first && !request.key) throw Error(what, "it says nothing to who does not prove a key (--key FILE)");
      break;
    }
    const LogStream::Piece& piece = std::get<0>(result);
    if (piece.end && piece.why.empty()) break;
    if (piece.end) {
      lines.end();
      throw Error(what, "broken off: " + piece.why);
    }
    lines.add(piece.bytes);
  }
  lines.end();
}

std::string session_folder(const LogRequest& request) {
  return request.session.empty() ? newest_log_folder(request.folder) : log_folder_of(request.folder, request.session);
}

int run_log(const LogRequest& request) {
  // `ka-server log NODE | head`
  std::signal(SIGPIPE, SIG_DFL);
  asio::io_context io(1);
  const Write write = [](std::string_view text) { write_all(STDOUT_FILENO, text, "standard output"); };
  const auto say = [](const std::string& text) { write_all(STDERR_FILENO, text + "\n", "standard error"); };
  run_task(io, show_log(io, request, write, say));
  return 0;
}

}  // namespace

Awaitable<void> show_log(asio::io_context& io, LogRequest request, Write write,
                         std::function<void(const std::string&)> say) {
  const std::string folder = session_folder(request);
  const std::vector<std::string> logs = logs_of(folder, request.node);
  if (logs.empty() && !request.session.empty())
    throw Error("log " + request.node, "none is kept in " + folder + " of a node with that name or address");
  if (!logs.empty()) {
    // Several machines of one name, or one with several addresses: the newest is what is followed.
    for (const std::string& path : logs) {
      if (logs.size() > 1) say("==> " + path + " <==");
      co_await show_file(io, path, request.follow && path == logs.back(), write);
    }
    co_return;
  }
  const std::optional<tcp::endpoint> there = co_await resolve_node(io, request.node, request.port);
  if (!there)
    throw Error("log " + request.node, "none is kept below " + request.folder +
                                           " of a node with that name or address, and no machine on the network is "
                                           "known by it");
  co_await show_node(io, *there, request, write);
}

void add_log_command(CLI::App& app, std::function<int()>& chosen) {
  auto request = std::make_shared<LogRequest>();
  request->folder = log_folder;
  CLI::App* log = app.add_subcommand("log", "Show the log of a node (status_node)");
  add_help_and_version(*log);
  OptionTable table(*log);
  log->add_option("NODE", request->node, "Its name, address or hardware address")->type_name("")->required();
  table.flag("-f,--follow", request->follow, "Go on until the node has ended");
  table.text("--session", request->session, "NAME", "Of this clone; without it, of the newest, else the node's own");
  auto file = std::make_shared<std::string>();
  table.text("--key", *file, "FILE",
             "The key of this site, for a node that was given it (/etc/ka/key, if it is there)");
  log->callback([request, file, &chosen] {
    chosen = [request, file] {
      request->key = site_key(*file);
      return run_log(*request);
    };
  });
}

}  // namespace ka::server
