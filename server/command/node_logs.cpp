#include "server/command/node_logs.h"

#include <sys/stat.h>

#include <filesystem>

#include "server/logs/log_folder.h"

namespace ka::server {

std::string why_it_would_be_cloned(const std::string& folder, const std::string& tree,
                                   const std::vector<wire::Mount>& mounts) {
  std::error_code error;
  if (std::filesystem::canonical(folder, error) != folder || error)
    return folder + " is behind a link, and what is in it would be cloned by another name";
  struct stat here {
  }, there{};
  if (::stat(folder.c_str(), &here) != 0) return folder + " cannot be looked at";
  const bool seen = ::stat((tree + folder).c_str(), &there) == 0;
  if (seen && here.st_dev == there.st_dev && here.st_ino == there.st_ino) return "";  // what is left out
  for (const wire::Mount& mount : mounts)
    if (::stat((tree + mount.point).c_str(), &there) == 0 && here.st_dev == there.st_dev)
      return folder + " is on a file system that is cloned, by another name (a bind mount)";
  return "";  // in RAM, or on what is not cloned
}

std::string why_logs_would_be_cloned(const std::string& tree, const std::vector<wire::Mount>& mounts) {
  return why_it_would_be_cloned(log_folder, tree, mounts);
}

namespace {

LogKeeping keeping_of(const LogChoice& choice, std::optional<LogStore>& store) {
  LogKeeping keeping;
  keeping.folder = log_folder;
  keeping.session = choice.session;
  keeping.key = choice.key;
  keeping.open_folder = choice.open_folder;
  if (store) keeping.ended = [&store](const std::string& path) { store->store(path); };
  return keeping;
}

}  // namespace

NodeLogs::NodeLogs(asio::io_context& io, const LogChoice& choice, const Say& say)
    : store_(choice.store_log.empty() ? std::nullopt
                                      : std::optional<LogStore>(std::in_place, io, choice.store_log, say)),
      keeper_(io, keeping_of(choice, store_), say) {
  if (store_) store_->transfer_by(choice.transfer);
}

Awaitable<void> NodeLogs::finish(Report& report) {
  co_await keeper_.finish();
  if (store_) co_await store_->finish();
  std::vector<std::string>& warnings = report.result.warnings;
  const std::vector<std::string> not_kept = keeper_.warnings();
  warnings.insert(warnings.end(), not_kept.begin(), not_kept.end());
  if (store_) warnings.insert(warnings.end(), store_->warnings().begin(), store_->warnings().end());
}

}  // namespace ka::server
