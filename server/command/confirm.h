#pragma once
/// --confirm: the operator's yes before nodes write to their disks, asked on the terminal that ka-server was started
/// from.

#include <functional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "wire/job_machine.h"

namespace ka::server {

class Confirm {
 public:
  using Print = std::function<void(const std::string& line)>;

  /// Opens the controlling terminal; standard output may go elsewhere. Throws Error if there is none, with the remedy.
  explicit Confirm(asio::io_context& io);

  /// Prints these nodes with their disks, asks, and waits for an answer without holding up the loop. `print` writes a
  /// line of the log; it escapes what nodes told. Throws Error when the terminal is gone.
  Awaitable<bool> ask(std::vector<wire::WriteRequest> nodes, Print print);

 private:
  Awaitable<std::string> read_line();

  asio::posix::stream_descriptor terminal_;
  std::string typed_;
};

}  // namespace ka::server
