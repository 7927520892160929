#pragma once
/// The logs of a clone's nodes: kept here (server/logs/log_keeper.h) and, with --store-log, handed on.

#include <functional>
#include <optional>
#include <string>

#include "server/job/report.h"
#include "server/logs/log_keeper.h"
#include "server/logs/log_store.h"
#include "wire/manifest.h"

namespace ka::server {

/// Why what is written to `folder` would be cloned, although it is left out of what tar reads by this name; empty: it
/// would not. `tree` is where tar reads, `mounts` are what it sees there.
std::string why_it_would_be_cloned(const std::string& folder, const std::string& tree,
                                   const std::vector<wire::Mount>& mounts);
/// The same of the folder that logs are kept in.
std::string why_logs_would_be_cloned(const std::string& tree, const std::vector<wire::Mount>& mounts);

struct LogChoice {
  std::string session;                              ///< what their folder is called
  std::string store_log;                            ///< --store-log; empty: they are not handed on
  std::optional<wire::KeyPair> key = std::nullopt;  ///< of this site; none: nodes show their logs to everybody
  /// Makes their folder and opens it, when the first one is to be kept. Throws Error: none may be.
  std::function<LogFolder()> open_folder;
  /// Hands on the log at that path; returns why it could not.
  std::function<Awaitable<std::string>(const std::string& path)> transfer;
};

class NodeLogs {
 public:
  using Say = std::function<void(const std::string&)>;

  NodeLogs(asio::io_context& io, const LogChoice& choice, const Say& say);

  JobObserver& observer() { return keeper_; }
  std::function<UniqueFd(std::size_t)> files() const { return keeper_.files(); }
  /// The job is over. Waits for what is still under way, within bounds; what was not kept or not stored is a warning.
  Awaitable<void> finish(Report& report);

 private:
  std::optional<LogStore> store_;
  LogKeeper keeper_;
};

}  // namespace ka::server
