// Boot files by HTTP, as curl and firmware ask for them, and what strangers send.

#include "server/http/http_server.h"

#include <gmock/gmock.h>

#include "tests/unit/run_coroutine.h"
#include "tests/unit/server/http_told.h"

namespace ka::server {
namespace {

using asio::ip::tcp;
using testing::HasSubstr;
using testing::StartsWith;

class HttpServerTest : public CoroutineTest {
 protected:
  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), server_.port()));
    return socket;
  }

  // All that the server says until it closes the connection.
  Awaitable<std::string> told(std::string request) { return told_by(connect(), std::move(request)); }

  void SetUp() override { server_.begin(); }

  const std::string image_ = std::string(3 << 20, 'i');
  HttpServer server_{io_, "serve boot files",   asio::ip::address_v4::loopback(),
                     0,   HttpServer::Limits(), answer_files({{"/all.rdz", image_}, {"/empty", ""}})};
};

TEST_F(HttpServerTest, GivesAFileWhole) {
  const std::string answer = get(told("GET /all.rdz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer.substr(0, 500), HasSubstr("Content-Length: 3145728\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n" + image_));
}

TEST_F(HttpServerTest, TellsTheSizeAlone) {
  const std::string answer = get(told("HEAD /all.rdz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 3145728\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, AnswersSeveralQuestionsOfOneConnectionInTheirOrder) {
  const std::string answer =
      get(told("HEAD /all.rdz HTTP/1.1\r\nHost: x\r\n\r\nGET /empty HTTP/1.1\r\nHost: x\r\n\r\n"
               "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::size_t first = answer.find("Content-Length: 3145728"), second = answer.find("Content-Length: 0");
  ASSERT_NE(second, std::string::npos);
  EXPECT_LT(first, second);
  EXPECT_LT(second, answer.find("HTTP/1.1 404 Not Found"));
}

TEST_F(HttpServerTest, AnOldClientIsAnsweredAndLeft) {
  EXPECT_TRUE(get(told("GET /all.rdz HTTP/1.0\r\n\r\n")).ends_with("\r\n\r\n" + image_));
}

TEST_F(HttpServerTest, HasNothingButItsFiles) {
  for (const char* path : {"/", "/../etc/passwd", "/all.rdz/", "/ALL.RDZ", "//all.rdz", "*", "/all.rdz%00"}) {
    const std::string question = "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    EXPECT_THAT(get(told(question)), StartsWith("HTTP/1.1 404 Not Found\r\n")) << path;
  }
  EXPECT_THAT(get(told("DELETE /all.rdz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
              StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
}

TEST_F(HttpServerTest, NonsenseEndsTheConnectionAndNoOther) {
  const std::string nonsense[] = {std::string("\0\1\2\3\r\n\r\n", 8), "GET\r\n\r\n",
                                  "GET / HTTP/1.1\r\n" + std::string(20'000, 'x'),
                                  "GET / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n",
                                  "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n"};
  for (const std::string& text : nonsense) {
    EXPECT_EQ(get(told(text)).find("200 OK"), std::string::npos);
    EXPECT_THAT(get(told("HEAD /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
                StartsWith("HTTP/1.1 200 OK"));
  }
}

// The rest of what one address may have at once is turned away; another address is served.
TEST_F(HttpServerTest, OneAddressCannotTakeAllPlaces) {
  auto many = [this]() -> Awaitable<std::string> {
    std::vector<tcp::socket> idle;
    for (int i = 0; i < 24; ++i) {
      idle.push_back(connect());
      asio::steady_timer soon(io_, std::chrono::milliseconds(1));
      co_await soon.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    tcp::socket other(io_);
    other.open(tcp::v4());
    other.bind(tcp::endpoint(asio::ip::make_address_v4("127.0.0.9"), 0));
    other.connect(tcp::endpoint(asio::ip::address_v4::loopback(), server_.port()));
    const std::string question = "HEAD /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    auto bytes = asio::buffer(question);
    co_await asio::async_write(other, bytes, asio::as_tuple(asio::use_awaitable));
    std::string answer;
    auto room = asio::dynamic_buffer(answer);
    co_await asio::async_read(other, room, asio::as_tuple(asio::use_awaitable));
    // The first ones are still heard, the last ones are not.
    char byte = 0;
    auto place = asio::buffer(&byte, 1);
    auto [error, size] = co_await idle.back().async_read_some(place, asio::as_tuple(asio::use_awaitable));
    (void)size;
    EXPECT_TRUE(error);
    co_return answer;
  };
  EXPECT_THAT(get(many()), StartsWith("HTTP/1.1 200 OK"));
}

// Has always more to say, a MiB each time.
class Endless final : public HttpStream {
 public:
  explicit Endless(std::size_t& asked) : asked_(asked) {}
  Awaitable<std::shared_ptr<const std::string>> next() override {
    ++asked_;
    co_return piece_;
  }

 private:
  std::size_t& asked_;
  std::shared_ptr<const std::string> piece_ = std::make_shared<const std::string>(1 << 20, 's');
};

class SlowReaderTest : public CoroutineTest {
 protected:
  void serve(std::chrono::milliseconds patience) {
    HttpServer::Limits limits;
    limits.patience = patience;
    auto answer = [this](const HttpRequest& request) {
      HttpAnswer given;
      given.status = 200;
      if (request.target == "/stream") given.stream = std::make_shared<Endless>(asked_);
      if (request.target == "/file") given.content = std::make_shared<const std::string>(64 << 20, 'f');
      return given;
    };
    server_.emplace(io_, "test", asio::ip::address_v4::loopback(), 0, limits, answer);
    server_->begin();
  }
  tcp::socket ask(const std::string& target) {
    tcp::socket socket(io_, tcp::v4());
    // What the kernel keeps for it is little.
    socket.set_option(asio::socket_base::receive_buffer_size(16 << 10));
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), server_->port()));
    asio::write(socket, asio::buffer("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    return socket;
  }
  /// Runs until `done`; the limit is only for a test that fails.
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!done() && std::chrono::steady_clock::now() < end) io_.run_one_for(std::chrono::milliseconds(100));
    ASSERT_TRUE(done());
  }

  std::size_t asked_ = 0;
  std::optional<HttpServer> server_;
};

TEST_F(SlowReaderTest, WhoTakesNothingIsCutOffAndNothingPilesUpForHim) {
  serve(std::chrono::milliseconds(50));
  for (const std::string target : {"/stream", "/file"}) {
    tcp::socket socket = ask(target);
    run_until([this] { return server_->busy(); });
    run_until([this] { return !server_->busy(); });
    // He is told so: after what was on its way comes the end.
    std::string rest;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(rest), end);
    EXPECT_TRUE(end);
    EXPECT_LT(rest.size(), 16u << 20) << target;
  }
  EXPECT_LE(asked_, 16u);
}

// However long the whole takes: each time that he takes something he has the patience again.
TEST_F(SlowReaderTest, WhoTakesLittleAtATimeIsServed) {
  constexpr auto patience = std::chrono::seconds(2);
  serve(patience);
  tcp::socket socket = ask("/stream");
  auto take = [this, &socket, patience]() -> Awaitable<std::size_t> {
    std::size_t taken = 0;
    std::vector<char> room(1 << 20);
    asio::steady_timer timer(io_);
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < 2 * patience) {
      timer.expires_after(patience / 20);
      co_await timer.async_wait(asio::use_awaitable);
      auto place = asio::buffer(room.data(), 24 << 10);
      taken += co_await socket.async_read_some(place, asio::use_awaitable);
    }
    co_return taken;
  };
  EXPECT_GT(get(take()), 40u << 10);
  EXPECT_TRUE(server_->busy());
}

TEST_F(SlowReaderTest, WhoAsksForNothingIsCutOff) {
  serve(std::chrono::milliseconds(50));
  tcp::socket socket(io_);
  socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), server_->port()));
  asio::write(socket, asio::buffer(std::string("GET / HT")));
  bool ended = false;
  char byte = 0;
  socket.async_read_some(asio::buffer(&byte, 1),
                         [&](boost::system::error_code error, std::size_t) { ended = !!error; });
  run_until([&] { return ended; });
}

}  // namespace
}  // namespace ka::server
