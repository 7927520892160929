#include "agent/command/visitor.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "net/control_connection.h"

namespace ka::agent {

namespace {

using namespace std::chrono_literals;
namespace command = wire::command;
using boost::system::error_code;

// Time to prove a key, as a server has for a hello.
constexpr auto longest_opening = 10s;
// What a program that has ended left running may hold its output open for so long.
constexpr auto grace = 2s;
// What is not sent yet, before more is read of the log or of a program.
constexpr std::size_t most_outgoing = 32 * 1024;
constexpr std::size_t longest_note = 1000;

wire::PublicKey nobody() { return wire::KeyPair(random_secret()).public_key(); }

std::string text_of(const std::vector<std::string>& words) {
  const std::string text = joined(words, " ");
  return text.size() <= longest_note ? text : text.substr(0, longest_note) + "…";
}

command::Ended ended(ExitStatus status) {
  const bool exited = (status.wait_status & 0x7f) == 0;
  return {!exited, static_cast<std::uint8_t>(exited ? status.code() : status.code() - 128)};
}

}  // namespace

Visitor::Visitor(asio::io_context& io, asio::ip::tcp::socket socket, std::uint32_t address, const House& house)
    : io_(io),
      socket_(std::move(socket)),
      address_(address),
      house_(house),
      visit_(house.keys, nobody(), wire::KeyPair(random_secret())),
      patience_(io),
      settled_(io),
      moved_(io),
      log_grew_(io),
      input_came_(io) {
  net::set_common_options(socket_);
}

void Visitor::start() {
  wait_for_so_long(longest_opening);
  asio::co_spawn(io_, receive(shared_from_this()), asio::detached);
}

void Visitor::stop() {
  error_code ignored;
  socket_.close(ignored);
  patience_.cancel();
  settled_.cancel();
  if (program_) program_->end();
  for (net::Signal* signal : {&moved_, &log_grew_, &input_came_}) signal->notify();
}

std::string Visitor::who() const {
  return wire::fingerprint(*visit_.proven()) + " (" + asio::ip::address_v4(address_).to_string() + ")";
}

// Whatever is wrong ends it without a word: who has no key learns nothing, and who has one sees the connection end.
Awaitable<void> Visitor::receive(Self self) {
  std::array<char, 4096> bytes;
  try {
    for (;;) {
      const auto room = asio::buffer(bytes);
      const std::size_t size = co_await self->socket_.async_read_some(room, asio::use_awaitable);
      self->visit_.feed({bytes.data(), size});
      self->push(self->visit_.answer());
      while (const std::optional<command::Message> message = self->visit_.next()) {
        if (!self->proven()) throw Error("nobody has the key that this was sealed with");
        if (!self->last_) self->patience_.cancel();
        self->handle(*message);
      }
    }
  } catch (const std::exception&) {
    self->stop();
  }
}

void Visitor::handle(const command::Message& message) {
  if (last_) return;
  if (const auto* input = std::get_if<command::Input>(&message)) return take(*input);
  if (const auto* window = std::get_if<command::Window>(&message)) {
    if (program_) program_->resize(window->columns, window->rows);
    return;
  }
  if (std::exchange(busy_, true)) throw wire::ProtocolError("one connection is for one thing");
  if (std::holds_alternative<command::Log>(message)) {
    log_.reset(::open(house_.log.c_str(), O_RDONLY | O_CLOEXEC));
    if (!log_.valid()) return send_last(command::Refused{"its log is not there"});
    return asio::co_spawn(io_, show_log(shared_from_this()), asio::detached);
  }
  if (const auto* exec = std::get_if<command::Exec>(&message)) return run(*exec, text_of(command::words_of(*exec)));
  if (const auto* shell = std::get_if<command::Shell>(&message)) return run(*shell, "a shell");
  throw wire::ProtocolError("this is said by nodes");
}

template <typename What>
void Visitor::run(const What& what, const std::string& words) {
  const House::Place place = house_.place();
  house_.note("Operator " + who() + " runs: " + words + (place.why_not.empty() ? "" : " (refused)"));
  if (!place.why_not.empty()) return send_last(command::Refused{place.why_not});
  try {
    program_ = std::make_shared<Program>(io_, place.root, what);
  } catch (const Error& error) {
    return send_last(command::Refused{error.what()});
  }
  asio::co_spawn(io_, attend(shared_from_this()), asio::detached);
}

void Visitor::take(const command::Input& input) {
  if (input.bytes.empty()) input_ended_ = true;
  input_ += input.bytes;
  if (input_.size() > command::input_window) throw wire::ProtocolError("more input than was asked for");
  input_came_.notify();
}

void Visitor::send(const command::Message& message) {
  if (!stopped() && !last_) push(visit_.encode(message));
}

void Visitor::push(std::string bytes) {
  outgoing_ += bytes;
  if (writing_ || outgoing_.empty()) return;
  writing_ = true;
  asio::co_spawn(io_, write_all(shared_from_this()), asio::detached);
}

Awaitable<void> Visitor::write_all(Self self) {
  while (!self->outgoing_.empty() && !self->stopped()) {
    const std::string now = std::exchange(self->outgoing_, "");
    const auto bytes = asio::buffer(now);
    const auto [error, size] = co_await asio::async_write(self->socket_, bytes, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (error) self->stop();
    self->moved_.notify();
  }
  self->writing_ = false;
  if (self->last_) self->hang_up();
}

// What he still says is read, and dropped: to close with something unread would take back what he has not got yet.
void Visitor::hang_up() {
  error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  wait_for_so_long(longest_opening);
}

// Until he is gone, or has proved a key.
void Visitor::wait_for_so_long(std::chrono::seconds time) {
  patience_.expires_after(time);
  patience_.async_wait([self = shared_from_this()](error_code stopped) {
    if (!stopped) self->stop();
  });
}

// Until more may be sent. Throws when nobody is there any more.
Awaitable<void> Visitor::room() {
  while (outgoing_.size() > most_outgoing && !stopped()) co_await moved_.wait();
  if (stopped()) throw Error("he is gone");
}

void Visitor::send_last(const command::Message& message) {
  if (stopped()) return;
  send(message);
  last_ = true;  // before what sends it looks
}

Awaitable<void> Visitor::show_log(Self self) {
  std::array<char, command::longest_piece> bytes;
  for (off_t at = 0; !self->stopped();) {
    const ssize_t size = ::pread(self->log_.get(), bytes.data(), bytes.size(), at);
    if (size <= 0) {
      co_await self->log_grew_.wait();
      continue;
    }
    at += size;
    self->send(command::Output{std::string(bytes.data(), static_cast<std::size_t>(size))});
    co_await self->room();
  }
}

Awaitable<void> Visitor::carry(Self self, asio::posix::stream_descriptor& pipe, bool errors) {
  try {
    std::array<char, command::longest_piece> bytes;
    for (;;) {
      co_await self->room();
      const auto place = asio::buffer(bytes);
      const std::size_t size = co_await pipe.async_read_some(place, asio::use_awaitable);
      self->carried_ += size;
      std::string piece(bytes.data(), size);
      if (errors)
        self->send(command::ErrorOutput{std::move(piece)});
      else
        self->send(command::Output{std::move(piece)});
    }
  } catch (const std::exception&) {
    // Its end, or that of the connection: attend() looks which.
  }
  --self->carrying_;
  self->settled_.cancel();
}

Awaitable<void> Visitor::feed(Self self) {
  const std::shared_ptr<Program> program = self->program_;
  while (!self->stopped()) {
    if (self->input_.empty() && self->input_ended_) break;
    if (self->input_.empty()) {
      co_await self->input_came_.wait();
      continue;
    }
    const std::string piece = self->input_.substr(0, command::longest_piece);
    const auto bytes = asio::buffer(piece);
    // A program that wants no more may go on all the same; what comes is dropped, so that its sender goes on too.
    co_await asio::async_write(program->in(), bytes, asio::as_tuple(asio::use_awaitable));
    self->input_.erase(0, piece.size());
    self->send(command::Taken{static_cast<std::uint32_t>(piece.size())});
  }
  error_code ignored;
  if (!program->on_terminal()) program->in().close(ignored);
}

Awaitable<void> Visitor::attend(Self self) {
  const std::shared_ptr<Program> program = self->program_;
  self->carrying_ = program->on_terminal() ? 1 : 2;
  asio::co_spawn(self->io_, carry(self, program->out(), false), asio::detached);
  if (!program->on_terminal()) asio::co_spawn(self->io_, carry(self, program->err(), true), asio::detached);
  if (program->in().is_open()) asio::co_spawn(self->io_, feed(self), asio::detached);
  ExitStatus status;
  try {
    status = co_await program->wait();
  } catch (const std::exception&) {
    co_return;  // the loop ends
  }
  // What is in the pipes still. What it left running may hold them open for ever, without a word.
  while (self->carrying_ > 0 && !self->stopped()) {
    const std::uint64_t before = self->carried_;
    self->settled_.expires_after(grace);
    const auto [woken] = co_await self->settled_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!woken && self->carried_ == before && self->outgoing_.empty()) break;
  }
  program->end();
  self->program_ = nullptr;
  self->house_.note("The command of " + self->who() + " ended with " + status.text());
  self->send_last(ended(status));
  self->input_ended_ = true;
  self->input_came_.notify();
}

}  // namespace ka::agent
