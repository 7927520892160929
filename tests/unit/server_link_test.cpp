// A node's connection to a server, the real ones of both, over loopback: what a node does when the server says no, dies
// or falls silent between its first word and its first write.

#include "agent/link/server_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>

#include "base/random.h"
#include "server/job/job.h"

namespace ka {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using testing::HasSubstr;

const asio::ip::address_v4 loopback = asio::ip::address_v4::loopback();

Awaitable<void> pause(asio::io_context& io, std::chrono::milliseconds time) {
  asio::steady_timer timer(io, time);
  co_await timer.async_wait(asio::use_awaitable);
}

// Servers side by side, and those of other processes that run this: each has a port of its own, below those that the
// kernel picks for whoever asks for any.
std::uint16_t own_port() {
  static unsigned number = 0;
  return static_cast<std::uint16_t>(10'000 + static_cast<unsigned>(::getpid()) % 500 * 32 + number++ % 32);
}

// The cable of a node's control connection; a node that tries again gets another one through it.
class Cable {
 public:
  Cable(asio::io_context& io, std::uint16_t to)
      : io_(io), to_(loopback, to), acceptor_(io, tcp::endpoint(loopback, 0)) {
    asio::co_spawn(io, carry(), asio::detached);
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  /// From now on nothing passes, and nobody is told.
  void pull() { pulled_ = true; }
  /// As when a kernel closes the connections of a program that was killed.
  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    if (line_) line_->close();
  }

 private:
  struct Line {
    explicit Line(asio::io_context& io) : node(io), server(io) {}
    void close() {
      boost::system::error_code ignored;
      node.close(ignored);
      server.close(ignored);
    }
    tcp::socket node, server;
  };

  Awaitable<void> carry() {
    for (;;) {
      auto line = std::make_shared<Line>(io_);
      auto [error] = co_await acceptor_.async_accept(line->node, asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      auto [refused] = co_await line->server.async_connect(to_, asio::as_tuple(asio::use_awaitable));
      if (refused) continue;
      line_ = line;
      asio::co_spawn(io_, copy(line, line->node, line->server), asio::detached);
      asio::co_spawn(io_, copy(line, line->server, line->node), asio::detached);
    }
  }

  Awaitable<void> copy(std::shared_ptr<Line> line, tcp::socket& from, tcp::socket& to) {
    char room[4096];
    for (;;) {
      auto buffer = asio::buffer(room);
      auto [error, size] = co_await from.async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
      if (pulled_ && !error) continue;
      if (error) break;
      auto bytes = asio::buffer(room, size);
      auto [lost, written] = co_await asio::async_write(to, bytes, asio::as_tuple(asio::use_awaitable));
      (void)written;
      if (lost) break;
    }
    if (!pulled_) line->close();
  }

  asio::io_context& io_;
  tcp::endpoint to_;
  tcp::acceptor acceptor_;
  std::shared_ptr<Line> line_;
  bool pulled_ = false;
};

enum class Trouble { none, operator_stops, server_dies, cable_is_pulled };

// One server and one node of a clone whose disk is a flag.
class Case final : public server::JobObserver {
 public:
  Case(asio::io_context& io, std::uint64_t seed, Trouble trouble)
      : io_(io), random_(seed), trouble_(trouble), checks_for_(pick(400)), strikes_after_(pick(900)) {
    server::JobPlan plan;
    for (const char* name : {"kainstall1", "kainstall2"}) {
      server::Session session;
      session.name = name;
      session.open = [] { return server::buffer_source("what it is"); };
      session.writes = plan.sessions.size() == 1;
      plan.sessions.push_back(std::move(session));
    }
    plan.key = key_;
    plan.listen = loopback;
    plan.control_port = own_port();
    plan.data_port = 0;
    // The operator's yes comes after the trouble, or too late for the no.
    plan.confirm = [this](std::vector<wire::WriteRequest>) { return say_yes_late(); };
    cable_ = std::make_unique<Cable>(io, plan.control_port);
    job_ = server::make_job(io, std::move(plan), *this);
    asio::co_spawn(io, serve(), asio::detached);
    asio::co_spawn(io, be_a_node(), asio::detached);
    asio::co_spawn(io, strike(), asio::detached);
  }

  bool ended() const { return ended_; }

  bool written = false;
  std::string reason;  // why the node ended

  void event(const std::string&) override {}
  void node(const server::NodeStatus&) override {}
  void session_started(const server::Session&, unsigned, unsigned) override {}
  void session_progress(const server::Session&, const server::Progress&) override {}
  void session_ended(const server::Session&, std::uint64_t, std::chrono::duration<double>,
                     const std::vector<std::string>&) override {}
  void session_failed(const server::Session&) override {}

 private:
  std::chrono::milliseconds pick(unsigned most) { return std::chrono::milliseconds(random_() % most); }

  Awaitable<void> serve() { co_await job_->run(); }

  Awaitable<bool> say_yes_late() {
    while (!struck_) co_await pause(io_, 10ms);
    co_await pause(io_, 50ms);
    co_return true;
  }

  Awaitable<void> strike() {
    while (!connected_) co_await pause(io_, 1ms);
    co_await pause(io_, strikes_after_);
    if (trouble_ == Trouble::operator_stops) job_->stop();
    if (trouble_ == Trouble::server_dies) cable_->close();
    if (trouble_ == Trouble::cable_is_pulled) cable_->pull();
    struck_ = true;
  }

  Awaitable<void> be_a_node() {
    std::unique_ptr<agent::ServerLink> link;
    try {
      agent::NodeIdentity identity;
      identity.hardware_address = "52:54:00:00:00:01";
      identity.server_keys = {key_.public_key()};
      agent::ServerAddress server{loopback, cable_->port()};
      while (!link) {
        try {
          link = co_await agent::connect(io_, server, identity);
        } catch (const agent::ServerLost&) {
          // It looks for others of its kind first.
        }
      }
      connected_ = true;
      agent::BufferSink manifest(100);
      std::string session = "kainstall1";
      co_await link->receive(session, manifest);
      co_await pause(io_, checks_for_);
      wire::DiskOffer disk{"sda", "vda", "", "", 1, ""};
      std::vector<wire::DiskOffer> disks{disk};
      co_await link->ask_to_write(disks);
      written = true;
      reason = "none";
    } catch (const std::exception& error) {
      reason = error.what();
    }
    if (!written) stop_server();
    ended_ = true;
  }

  void stop_server() { job_->stop(); }

  asio::io_context& io_;
  const wire::KeyPair key_{random_secret()};
  std::mt19937_64 random_;
  Trouble trouble_;
  std::chrono::milliseconds checks_for_, strikes_after_;
  std::unique_ptr<Cable> cable_;
  std::unique_ptr<server::Job> job_;
  bool connected_ = false, struck_ = false, ended_ = false;
};

// All cases side by side: a node that hears nothing waits ten seconds.
std::vector<std::unique_ptr<Case>> run_all(asio::io_context& io, std::uint64_t seed,
                                           const std::vector<Trouble>& troubles) {
  std::vector<std::unique_ptr<Case>> cases;
  for (Trouble trouble : troubles) cases.push_back(std::make_unique<Case>(io, seed++, trouble));
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  auto all_ended = [&] {
    return std::all_of(cases.begin(), cases.end(), [](const auto& one) { return one->ended(); });
  };
  while (!all_ended() && std::chrono::steady_clock::now() < deadline) io.run_one_for(1s);
  return cases;
}

TEST(BeforeTheFirstWrite, NothingIsWrittenWhateverHappensToTheServer) {
  asio::io_context io(1);
  const std::uint64_t seed = std::random_device()();
  std::vector<Trouble> troubles;
  for (int i = 0; i < 7; ++i) {
    for (Trouble trouble : {Trouble::operator_stops, Trouble::server_dies, Trouble::cable_is_pulled})
      troubles.push_back(trouble);
  }
  const auto cases = run_all(io, seed, troubles);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed + i) + ", trouble " + std::to_string(static_cast<int>(troubles[i])));
    EXPECT_TRUE(cases[i]->ended()) << "the node waits for ever";
    EXPECT_FALSE(cases[i]->written) << cases[i]->reason;
    if (troubles[i] == Trouble::operator_stops) {
      EXPECT_THAT(cases[i]->reason, HasSubstr("the operator ended the job"));
    } else if (troubles[i] == Trouble::cable_is_pulled) {
      EXPECT_THAT(cases[i]->reason, HasSubstr("said nothing for 10 s"));
    }
  }
}

TEST(BeforeTheFirstWrite, TheYesLetsItWrite) {
  asio::io_context io(1);
  const auto cases = run_all(io, 1, {Trouble::none});
  EXPECT_TRUE(cases[0]->written) << cases[0]->reason;
}

}  // namespace
}  // namespace ka
