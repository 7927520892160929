#pragma once
/// What a keeper does for the process that has the network, written down before the two part. A request names one of
/// these, and brings no more than data.

#include <functional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "server/job/job.h"
#include "server/logs/log_folder.h"

namespace ka::server {

struct KeeperWork {
  /// What is sent, made anew with the keeper's own context.
  std::function<std::vector<Session>(asio::io_context&)> sessions;
  /// Made for the first log; it becomes the property of the network's user.
  std::function<LogFolder()> log_folder;
  /// --on-event; throws Error.
  std::function<Awaitable<void>(asio::io_context&, const std::string& name, const std::string& line)> event;
  /// --store-log: hands on the file that is open here, under this name. Returns why it could not; "": it could.
  std::function<Awaitable<std::string>(asio::io_context&, int file, const std::string& name)> store_log;
  /// dnsmasq, as it answers machines, or leaves all to their disks.
  std::function<Command(bool open)> dnsmasq;
  /// Tells a machine what to do at its next boot. Throws Error.
  std::function<void(const std::vector<std::string>& words)> boot_file;
  std::function<void()> keep_report, keep_warnings;  ///< throw Error
  /// The other process, of this number, has ended, however it did.
  std::function<void(int process)> at_end;
};

}  // namespace ka::server
