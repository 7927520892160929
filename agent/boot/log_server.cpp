#include "agent/boot/log_server.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/unique_fd.h"
#include "net/control_connection.h"

namespace ka::agent {

using asio::ip::tcp;
using boost::system::error_code;

namespace {

// What readers send is taken at this pace and dropped: nobody can keep this machine busy with it.
constexpr auto read_every = std::chrono::milliseconds(50);
std::array<char, 64 * 1024> thrown_away;

// Each new reader gets the whole log.
constexpr double connections_per_second = 4, connections_at_once = 64;
constexpr auto pause_when_full = std::chrono::milliseconds(100);

// Those who are there, without those who have proved a key; they make room for one more.
template <typename Who>
void make_room(std::list<std::shared_ptr<Who>>& all, std::uint32_t from) {
  all.remove_if([](const auto& one) { return one->stopped(); });
  const auto stranger = [](const auto& one) { return !one->proven(); };
  const auto same = [from](const auto& one) { return !one->proven() && one->address() == from; };
  const auto drop = [&all](auto one) {
    (*one)->stop();
    all.erase(one);
  };
  constexpr auto most = static_cast<std::ptrdiff_t>(LogServer::most_readers);
  if (std::count_if(all.begin(), all.end(), same) >= most / 2) drop(std::find_if(all.begin(), all.end(), same));
  if (std::count_if(all.begin(), all.end(), stranger) >= most) drop(std::find_if(all.begin(), all.end(), stranger));
}

}  // namespace

/// One connection. It reads the file at its own pace, so a slow or mute one costs a descriptor and a buffer, and
/// nobody waits for it.
class LogServer::Reader : public std::enable_shared_from_this<Reader> {
 public:
  Reader(tcp::socket socket, std::uint32_t address, UniqueFd file)
      : socket_(std::move(socket)), address_(address), file_(std::move(file)), pause_(socket_.get_executor()) {}

  void start() {
    throw_input_away();
    write_more();
  }
  void stop() {
    error_code ignored;
    socket_.close(ignored);
    pause_.cancel();
  }
  std::uint32_t address() const { return address_; }
  bool stopped() const { return !socket_.is_open(); }
  bool proven() const { return false; }

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
    socket_.async_read_some(asio::buffer(thrown_away), [self = shared_from_this()](error_code error, std::size_t) {
      // Its end of input is not its end: `nc NODE 12345 < /dev/null` wants to read.
      if (error == asio::error::eof) return;
      if (error) return self->stop();
      self->pause_.expires_after(read_every);
      self->pause_.async_wait([self](error_code stopped) {
        if (!stopped) self->throw_input_away();
      });
    });
  }

  tcp::socket socket_;
  std::uint32_t address_;
  UniqueFd file_;
  asio::steady_timer pause_;
  off_t at_ = 0;
  bool writing_ = false;
  std::array<char, 8192> outgoing_;
};

LogServer::LogServer(asio::io_context& io, std::string path, std::uint16_t port, House house)
    : io_(io),
      acceptor_(io),
      pause_(io),
      house_(std::move(house)),
      door_(io, connections_per_second, connections_at_once) {
  house_.log = std::move(path);
  try {
    const tcp::endpoint here(tcp::v4(), port);
    acceptor_.open(here.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(here);
    acceptor_.listen();
    door_.guards(acceptor_.native_handle());
  } catch (const boost::system::system_error& error) {
    throw in_context("serve the log on TCP port " + std::to_string(port), error);
  }
  accept();
}

LogServer::~LogServer() {
  for (auto& reader : readers_) reader->stop();
  for (auto& visitor : visitors_) visitor->stop();
}

std::uint16_t LogServer::port() const { return acceptor_.local_endpoint().port(); }

void LogServer::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      welcome(std::move(socket));
      return accept();
    }
    // Out of file descriptors: let others close some.
    pause_.expires_after(pause_when_full);
    pause_.async_wait([this](error_code stopped) {
      if (!stopped) accept();
    });
  });
}

void LogServer::welcome(tcp::socket socket) {
  error_code gone;
  const std::uint32_t from = net::to_wire(socket.remote_endpoint(gone)).address;
  if (gone || !door_.admits(from)) return;  // the socket closes
  net::Door::unfilter(socket.native_handle());
  if (!house_.keys.empty()) {
    make_room(visitors_, from);
    const auto proven = [](const auto& visitor) { return visitor->proven(); };
    if (std::count_if(visitors_.begin(), visitors_.end(), proven) >= static_cast<std::ptrdiff_t>(most_proven)) return;
    visitors_.push_back(std::make_shared<Visitor>(io_, std::move(socket), from, house_));
    return visitors_.back()->start();
  }
  make_room(readers_, from);
  UniqueFd file(::open(house_.log.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return;
  readers_.push_back(std::make_shared<Reader>(std::move(socket), from, std::move(file)));
  readers_.back()->start();
}

void LogServer::notify() {
  for (auto& reader : readers_) reader->write_more();
  for (auto& visitor : visitors_) visitor->log_grew();
}

}  // namespace ka::agent
