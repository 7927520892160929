// A job is followed at its control port: real sockets, and what those who ask get.

#include "server/view/follow.h"

#include <gmock/gmock.h>

#include "server/http/fetch.h"
#include "server/view/status_json.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/server/http_told.h"

namespace ka::server {
namespace {

using asio::ip::tcp;
using testing::HasSubstr;
using testing::StartsWith;

class FollowTest : public CoroutineTest {
 protected:
  FollowTest() { asio::co_spawn(io_, accept(), asio::detached); }
  ~FollowTest() override {
    acceptor_.close();
    follow_.reset();
    io_.poll();
  }

  // As the job does.
  Awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      follow_->door()(std::move(socket));
    }
  }
  std::string url(const char* path) const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
  }
  tcp::socket connect() {
    tcp::socket socket(io_);
    socket.connect(acceptor_.local_endpoint());
    return socket;
  }
  Awaitable<std::string> told(std::string request) { return told_by(connect(), std::move(request)); }
  void fails() {
    NodeStatus node;
    node.hardware_address = "52:54:00:77:00:01";
    node.state = NodeStatus::State::failed;
    node.failures = 2;
    keeper_.node(node);
  }

  StateKeeper keeper_;
  tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::unique_ptr<Follow> follow_ = std::make_unique<Follow>(io_, keeper_.state());
};

TEST_F(FollowTest, WhoAsksOnceGetsTheDocument) {
  fails();
  const JobState state = parse_status(get(fetch(io_, url(status_path))));
  EXPECT_EQ(state.id, keeper_.state().id);
  ASSERT_EQ(state.nodes.size(), 1u);
  EXPECT_EQ(state.nodes[0].failures, 2u);
}

TEST_F(FollowTest, WhoFollowsHearsWhatIsNewAndTheEnd) {
  std::vector<JobState> heard;
  bool began = false;
  auto hear = [&](const std::string& line) {
    heard.push_back(parse_status(line));
    if (!std::exchange(began, true)) fails();
    if (heard.back().nodes.empty() || !heard.back().result.empty()) return;
    Report report;
    report.wanted = 1;
    report.result.interrupted = true;
    keeper_.ended(report);
    asio::co_spawn(io_, follow_->finish(), asio::detached);
  };
  get(fetch_lines(io_, url(follow_path), std::chrono::seconds(60), hear));
  ASSERT_GE(heard.size(), 3u);
  EXPECT_TRUE(heard.front().nodes.empty());
  EXPECT_EQ(heard.back().result, "interrupted");
}

TEST_F(FollowTest, OneThatIsCutOffSeesNoEnd) {
  std::vector<JobState> heard;
  auto hear = [&](const std::string& line) {
    heard.push_back(parse_status(line));
    follow_ = std::make_unique<Follow>(io_, keeper_.state());
  };
  get(fetch_lines(io_, url(follow_path), std::chrono::seconds(60), hear));
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back().result, "");
}

TEST_F(FollowTest, WhatIsAskedWronglyIsAnswered) {
  EXPECT_THAT(get(told("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
              testing::AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("/status.json, and again and again at /follow")));
  EXPECT_THAT(get(told("POST /status.json HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(get(told("GET it please\r\n\r\n")), StartsWith("HTTP/1.1 400 "));
}

TEST_F(FollowTest, ThereIsRoomForSoManyOfAnAddress) {
  std::vector<tcp::socket> guests;
  for (int i = 0; i < 8; ++i) guests.push_back(connect());
  EXPECT_THAT(error_of(fetch(io_, url(status_path))), HasSubstr("it closed the connection without an answer"));
  guests.clear();
  io_.poll();
  EXPECT_NO_THROW(parse_status(get(fetch(io_, url(status_path)))));
}

TEST(JobPlaceTest, IsAHostWithOrWithoutAPort) {
  EXPECT_EQ(job_url("golden", status_path), "http://golden:30765/status.json");
  EXPECT_EQ(job_url("10.0.1.1:4000", follow_path), "http://10.0.1.1:4000/follow");
  for (const char* wrong : {"", ":1", "a b", "golden:", "golden:x", "golden:65536", "golden:0", "a/b", "[::1]:1"})
    EXPECT_THROW(job_url(wrong, status_path), UsageError) << wrong;
}

}  // namespace
}  // namespace ka::server
