#include "agent/log_server.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/error.h"
#include "base/unique_fd.h"

namespace ka::agent {

using asio::ip::tcp;
using boost::system::error_code;

/// One connection. It reads the file at its own pace, so a slow or mute one costs a descriptor and a buffer, and
/// nobody waits for it.
class LogServer::Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(tcp::socket socket, UniqueFd file) : socket_(std::move(socket)), file_(std::move(file)) {}

  void start() {
    throw_input_away();
    write_more();
  }
  void stop() {
    error_code ignored;
    socket_.close(ignored);
  }
  bool stopped() const { return !socket_.is_open(); }

  void write_more() {
    if (writing_ || stopped()) return;
    const ssize_t size = ::pread(file_.get(), outgoing_.data(), outgoing_.size(), at_);
    if (size <= 0) return;  // all of it is out; notify() comes back
    at_ += size;
    writing_ = true;
    auto bytes = asio::buffer(outgoing_.data(), static_cast<std::size_t>(size));
    asio::async_write(socket_, bytes, [self = shared_from_this()](error_code error, std::size_t) {
      self->writing_ = false;
      if (error) return self->stop();
      self->write_more();
    });
  }

 private:
  void throw_input_away() {
    socket_.async_read_some(asio::buffer(incoming_), [self = shared_from_this()](error_code error, std::size_t) {
      // Its end of input is not its end: `nc NODE 12345 < /dev/null` wants to read.
      if (error == asio::error::eof) return;
      if (error) return self->stop();
      self->throw_input_away();
    });
  }

  tcp::socket socket_;
  UniqueFd file_;
  off_t at_ = 0;
  bool writing_ = false;
  std::array<char, 8192> outgoing_;
  std::array<char, 256> incoming_;
};

LogServer::LogServer(asio::io_context& io, std::string path, std::uint16_t port)
    : acceptor_(io), path_(std::move(path)) {
  try {
    const tcp::endpoint here(tcp::v4(), port);
    acceptor_.open(here.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(here);
    acceptor_.listen();
  } catch (const boost::system::system_error& error) {
    throw in_context("serve the log on TCP port " + std::to_string(port), error);
  }
  accept();
}

LogServer::~LogServer() {
  for (auto& reader : readers_) reader->stop();
}

std::uint16_t LogServer::port() const { return acceptor_.local_endpoint().port(); }

void LogServer::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) welcome(std::move(socket));
    accept();
  });
}

void LogServer::welcome(tcp::socket socket) {
  readers_.remove_if([](const auto& reader) { return reader->stopped(); });
  if (readers_.size() == most_readers) {
    readers_.front()->stop();
    readers_.pop_front();
  }
  UniqueFd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return;
  readers_.push_back(std::make_shared<Reader>(std::move(socket), std::move(file)));
  readers_.back()->start();
}

void LogServer::notify() {
  for (auto& reader : readers_) reader->write_more();
}

}  // namespace ka::agent
