#include "server/command/confirm.h"

#include <fcntl.h>
#include <termios.h>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

constexpr std::size_t longest_line = 256;

int open_terminal() {
  // An opening of its own: O_NONBLOCK on the shell's would be the shell's too.
  const int fd = ::open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    throw Error("--confirm", "there is no terminal to ask on: start ka-server from one, or leave --confirm out");
  return fd;
}

}  // namespace

Confirm::Confirm(asio::io_context& io) : terminal_(io, open_terminal()) {}

Awaitable<bool> Confirm::ask(std::vector<wire::WriteRequest> nodes, Print print) {
  for (const wire::WriteRequest& node : nodes) {
    print("? " + node.node + " will write to:");
    for (const wire::DiskOffer& disk : node.disks) print("?     " + wire::text_of(disk));
  }
  const std::string count = std::to_string(nodes.size()) + (nodes.size() == 1 ? " node" : " nodes");
  const std::string question = "? Overwrite the disks of " + count + "? Type yes, or no to end the job.";
  // What was typed before it was asked is no answer.
  ::tcflush(terminal_.native_handle(), TCIFLUSH);
  typed_.clear();
  for (;;) {
    print(question);
    const std::string line = co_await read_line();
    const std::string_view answer = trim(line);
    if (answer == "yes" || answer == "no") {
      print("? The operator says " + std::string(answer));
      co_return answer == "yes";
    }
  }
}

Awaitable<std::string> Confirm::read_line() {
  for (;;) {
    if (const std::size_t end = typed_.find('\n'); end != std::string::npos) {
      std::string line = typed_.substr(0, end);
      typed_.erase(0, end + 1);
      co_return line;
    }
    char room[longest_line];
    auto buffer = asio::buffer(room);
    auto [error, size] = co_await terminal_.async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (error) throw Error("read the answer from the terminal", error.message());
    typed_.append(room, size);
    if (typed_.size() > longest_line) typed_.erase(0, typed_.size() - longest_line);
  }
}

}  // namespace ka::server
