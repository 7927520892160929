#pragma once
/// The Log of ka-init: every line goes to all consoles and to a file, from which those who connect to the log port
/// (agent/boot/log_server.h) read it.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/machine/log.h"
#include "base/asio.h"
#include "base/unique_fd.h"

namespace ka::agent {

/// The consoles of this machine ("ttyS0", "tty0"): those that the kernel was told of (/sys/class/tty/console/active),
/// and the screen also when only a serial console was named.
std::vector<std::string> console_names();

class ConsoleLog final : public Log {
 public:
  explicit ConsoleLog(asio::io_context& io);
  ~ConsoleLog() override;

  /// From now on also to this console ("/dev/ttyS0"). One that cannot be opened is left out; false then.
  bool add_console(const std::string& path);
  /// From now on also to this file; the lines before go there too. A failure is a line on the consoles.
  void open_file(const std::string& path);
  /// Gives the file its last name, once the address is known.
  void rename_file(const std::string& path);
  const std::string& file() const { return path_; }

  void line(std::string_view text) override;

  /// A line that is drawn over the one before by the next call, on consoles only: a count-down.
  void redraw(std::string_view text);

  /// A line on consoles only, and in no file: what only who stands here may know.
  void show(std::string_view text);

  /// What only screens show (the Linux console, no serial line), in the place of all that was there: made of its
  /// columns and rows.
  void fill_screens(const std::function<std::string(unsigned columns, unsigned rows)>& content);

  /// Called after each line; whoever follows the file reads on.
  void on_line(std::function<void()> listener) { listener_ = std::move(listener); }

  /// Waits, at most this long, until the consoles have taken everything. For the moment before a reboot: blocks.
  void drain(int milliseconds);

  /// For a handler of fatal signals, which can use nothing but write(2).
  std::vector<int> descriptors() const;

 private:
  class Console;

  void to_consoles(std::string_view bytes);
  void to_file(std::string_view bytes);

  asio::io_context& io_;
  std::vector<std::unique_ptr<Console>> consoles_;
  std::string early_;  // what came before open_file
  std::string path_;
  UniqueFd file_;
  std::size_t file_size_ = 0;
  bool redrawing_ = false;
  std::function<void()> listener_;
};

}  // namespace ka::agent
