#pragma once
/// Keeps the log of every node of a job: connects to its log port (TCP 12345) when it joins, and writes what comes to
/// FOLDER/SESSION as it grows (server/logs/log_names.h). So the log of a node outlives it, whatever becomes of it.
///
/// A node is a stranger: what it says is bounded in size, by whom it says to be in number, and a log that cannot be
/// read or written never holds up the job. What is not kept is told once, and in warnings().

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "server/job/job.h"
#include "server/logs/log_folder.h"
#include "wire/ports.h"
#include "wire/trust/key.h"

namespace ka::server {

struct LogKeeping {
  std::string folder, session;
  /// Why logs must not be kept in `folder`, which is there; empty: they may.
  std::function<std::string()> why_not = [] { return std::string(); };
  /// Makes the folder of this session and opens it, instead of open_log_folder(). Throws Error.
  std::function<LogFolder()> open_folder;
  std::uint16_t port = wire::log_port;  ///< of the nodes
  std::optional<wire::KeyPair> key;     ///< of this site, which the nodes were given; none: they show logs to everybody
  /// A node has ended, and this is the path of its log. May be called again, when it has come again and ended.
  std::function<void(const std::string& path)> ended = [](const std::string&) {};
};

class LogKeeper final : public JobObserver {
 public:
  static constexpr std::size_t most_connections = 1000;  ///< at a time; others wait for their turn
  static constexpr unsigned most_of_address = 8;         ///< machines that one address may say to be

  /// `say` hears what an operator should know. Never throws: without a folder nothing is kept, and that is said.
  LogKeeper(asio::io_context& io, LogKeeping keeping, std::function<void(const std::string&)> say);
  ~LogKeeper() override;

  /// The job is over: keeps what nodes have still to say, for two seconds at most.
  Awaitable<void> finish();
  /// What was not kept, and why.
  std::vector<std::string> warnings() const;
  /// Opens the log of the node with that number; invalid: there is none. May outlive this.
  std::function<UniqueFd(std::size_t)> files() const;

  void node(const NodeStatus& status) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
