#pragma once
/// Where ka-client puts a stream, over all rounds that it takes.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/machine/sink.h"
#include "base/asio.h"
#include "base/unique_fd.h"

namespace ka::agent {

/// A command, a file or device, or standard output. A command is started anew for each round, and a file or block
/// device written from its beginning; what went to a pipe, a terminal or standard output cannot be taken back.
class ClientTarget {
 public:
  using OnLine = std::function<void(std::string_view)>;

  /// Opens what can be opened now, and changes nothing of it: a block device for this process alone. `command` and
  /// `file` empty: standard output. Throws Error naming the file.
  ClientTarget(asio::io_context& io, std::string command, std::string file, OnLine on_line);

  /// For one round. Must not outlive this.
  std::unique_ptr<Sink> sink();
  /// Bytes of this round so far.
  std::uint64_t taken() const { return taken_; }
  /// Bytes went where they cannot be taken back from: another round would be written behind them.
  bool spent() const { return spent_; }

 private:
  class Counting;

  void open_file();
  std::unique_ptr<Sink> bare_sink();

  asio::io_context& io_;
  std::string command_, path_;
  OnLine on_line_;
  UniqueFd file_;            ///< what was there at the start, but for a FIFO
  bool can_go_back_ = true;  ///< to the beginning of the stream
  std::uint64_t taken_ = 0;
  bool spent_ = false;
};

}  // namespace ka::agent
