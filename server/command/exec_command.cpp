#include "server/command/exec_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "net/signal.h"
#include "server/command/called_node.h"
#include "server/command/run_task.h"
#include "server/operator/fold.h"
#include "server/operator/remote_command.h"
#include "server/options/option_table.h"

namespace ka::server {

namespace {

// Connections at a time; each is a descriptor.
constexpr std::size_t most_at_once = 500;
// What is kept of a node's output until all have ended.
constexpr std::size_t most_output = 4u << 20;
constexpr std::size_t most_input = 64u << 20;

struct ExecRequest {
  std::vector<std::string> nodes;
  std::string key_file, input_file;
  unsigned timeout = 0;
};

/// All of them, and what they said.
class Everywhere {
 public:
  Everywhere(asio::io_context& io, const ExecRequest& request, const std::vector<std::string>& words)
      : io_(io),
        request_(request),
        key_(key_for_commands(request.key_file)),
        exec_(wire::command::exec_of(words, !request.input_file.empty())),
        moved_(io) {
    if (exec_.input) input_ = read_file(request.input_file == "-" ? "/dev/stdin" : request.input_file, most_input);
    for (const std::string& node : request.nodes) said_.push_back({node, ""});
    ends_.resize(said_.size());
  }

  Awaitable<void> run() {
    for (std::size_t i = 0; i < said_.size(); ++i) {
      while (running_ == most_at_once) co_await moved_.wait();
      ++running_;
      asio::co_spawn(io_, one(i), asio::detached);
    }
    while (running_ > 0) co_await moved_.wait();
  }

  /// The largest status, after what they said.
  int tell() const {
    if (said_.size() > 1) write_all(STDOUT_FILENO, folded(said_), "standard output");
    int status = 0;
    for (std::size_t i = 0; i < ends_.size(); ++i) {
      status = std::max(status, ends_[i].status);
      if (!ends_[i].trouble.empty()) say_trouble(said_[i].node, ends_[i].trouble);
    }
    return status;
  }

 private:
  Awaitable<void> one(std::size_t number) {
    try {
      RemoteCommand command;
      command.there = co_await find_called_node(io_, said_[number].node);
      command.exec = exec_;
      command.input = input_;
      command.limit = std::chrono::seconds(request_.timeout);
      command.hear = [this, number](std::string_view bytes, bool errors) { hear(number, bytes, errors); };
      ends_[number] = co_await run_remote(io_, command, key_);
    } catch (const std::exception& error) {
      ends_[number].trouble = words_of(error);
    }
    --running_;
    moved_.notify();
  }

  void hear(std::size_t number, std::string_view bytes, bool errors) {
    // Of one node it is shown as it comes, each stream as what it is.
    if (said_.size() == 1)
      return write_all(errors ? STDERR_FILENO : STDOUT_FILENO, bytes, errors ? "standard error" : "standard output");
    std::string& output = said_[number].output;
    if (output.size() >= most_output) return;
    output += bytes;
    if (output.size() >= most_output) output += "\n[what it said more is left out]\n";
  }

  asio::io_context& io_;
  const ExecRequest& request_;
  wire::KeyPair key_;
  wire::command::Exec exec_;
  std::string input_;
  net::Signal moved_;
  std::vector<NodeOutput> said_;
  std::vector<RemoteEnd> ends_;
  std::size_t running_ = 0;
};

int run_exec(const ExecRequest& request, const std::vector<std::string>& words) {
  if (words.empty()) throw UsageError("exec", "the command stands behind --: ka-server exec NODE… -- COMMAND");
  asio::io_context io(1);
  Everywhere everywhere(io, request, words);
  run_task(io, everywhere.run());
  return everywhere.tell();
}

}  // namespace

void add_exec_command(CLI::App& app, const std::vector<std::string>& words, std::function<int()>& chosen) {
  auto request = std::make_shared<ExecRequest>();
  CLI::App* exec = app.add_subcommand("exec", "Run a command on nodes: NODE... -- COMMAND [ARG...]");
  add_help_and_version(*exec);
  OptionTable table(*exec);
  exec->add_option("NODE", request->nodes, "Names, addresses or hardware addresses, and behind -- the command")
      ->type_name("")
      ->required();
  table.text("--input", request->input_file, "FILE", "What each gets to read; -: standard input");
  table.text("--key", request->key_file, "FILE", "The key that nodes were given (/etc/ka/key)");
  table.number("--timeout", request->timeout, 0, 1'000'000, "Seconds, after which a command is killed; 0: none");
  exec->callback([request, &words, &chosen] { chosen = [request, &words] { return run_exec(*request, words); }; });
}

}  // namespace ka::server
