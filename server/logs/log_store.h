#pragma once
/// --store-log URL: hands the log of each node, when that has ended, to curl(1), which puts it below the URL by FTP,
/// SFTP or HTTP PUT. Bounded in number and in time; the job never waits for it. What the URL has of user and password
/// reaches curl by its standard input, and no message.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/asio.h"

namespace ka::server {

/// Throws UsageError, without the URL in it, if this is none that logs can be stored at.
void check_store_url(const std::string& url);

/// The same, with "***" for the user and the password in it.
std::string without_credentials(const std::string& url);
/// Hides them in the words of a command line, where every process of this machine can read them.
void hide_store_url(int argc, char** argv);

/// Hands on what `file` is, a path, under this name. Returns why it could not, without what is secret in the URL; "":
/// it could.
Awaitable<std::string> transfer_log(asio::io_context& io, std::string url, std::string file, std::string name);

class LogStore {
 public:
  static constexpr unsigned most_at_once = 4;

  /// `say` hears of each log that could not be stored.
  LogStore(asio::io_context& io, std::string url, std::function<void(const std::string&)> say);
  ~LogStore();

  /// Instead of transfer_log(), by the path of a log.
  void transfer_by(std::function<Awaitable<std::string>(const std::string& path)> other);
  /// Stores the file as it is when its turn comes, under its own name.
  void store(const std::string& path);
  /// Until all are stored, for `limit` at most.
  Awaitable<void> finish(std::chrono::seconds limit = std::chrono::seconds(30));
  /// What was not stored, and why.
  const std::vector<std::string>& warnings() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
