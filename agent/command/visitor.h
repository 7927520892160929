#pragma once
/// Who has come to the log port of a node that knows keys (docs/protocol.md, "Operators"). Until he has proved one he
/// is told nothing, and is a stranger whom others may push out; then he reads the log, or has one program run.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/command/program.h"
#include "base/asio.h"
#include "base/unique_fd.h"
#include "net/signal.h"
#include "wire/command/channel.h"

namespace ka::agent {

/// What a visitor is let into.
struct House {
  struct Place {
    std::string root;     ///< where commands run; empty: here
    std::string why_not;  ///< none can be run; empty: they can
  };

  std::vector<wire::PublicKey> keys;
  std::string log;  ///< the file's path
  std::function<Place()> place = [] { return Place{"", "this program runs no commands"}; };
  /// A line for the log: what was run, and by which key.
  std::function<void(const std::string&)> note = [](const std::string&) {};
};

class Visitor : public std::enable_shared_from_this<Visitor> {
 public:
  /// `house` must outlive it.
  Visitor(asio::io_context& io, asio::ip::tcp::socket socket, std::uint32_t address, const House& house);

  void start();
  /// Closes the connection, and kills what he runs.
  void stop();
  void log_grew() { log_grew_.notify(); }

  std::uint32_t address() const { return address_; }
  bool stopped() const { return !socket_.is_open(); }
  bool proven() const { return visit_.proven().has_value(); }

 private:
  using Self = std::shared_ptr<Visitor>;

  static Awaitable<void> receive(Self self);
  static Awaitable<void> write_all(Self self);
  static Awaitable<void> show_log(Self self);
  static Awaitable<void> attend(Self self);
  static Awaitable<void> feed(Self self);
  static Awaitable<void> carry(Self self, asio::posix::stream_descriptor& pipe, bool errors);

  void handle(const wire::command::Message& message);
  template <typename What>
  void run(const What& what, const std::string& words);
  void take(const wire::command::Input& input);
  void send(const wire::command::Message& message);
  void push(std::string bytes);
  Awaitable<void> room();
  void send_last(const wire::command::Message& message);
  void hang_up();
  void wait_for_so_long(std::chrono::seconds time);
  std::string who() const;

  asio::io_context& io_;
  asio::ip::tcp::socket socket_;
  std::uint32_t address_;
  const House& house_;
  wire::command::Visit visit_;
  asio::steady_timer patience_, settled_;
  net::Signal moved_, log_grew_, input_came_;
  std::string outgoing_;
  bool writing_ = false, last_ = false, busy_ = false;
  UniqueFd log_;
  std::shared_ptr<Program> program_;
  std::string input_;
  bool input_ended_ = false;
  unsigned carrying_ = 0;      // pipes of the program that are read
  std::uint64_t carried_ = 0;  // bytes out of them
};

}  // namespace ka::agent
