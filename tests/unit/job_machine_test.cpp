// Rounds, sessions and releases of a clone job, told from what the nodes are sent.

#include "wire/job_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "wire/node_stream.h"

namespace ka::wire {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class JobMachineTest : public testing::Test, protected JobOutput {
 protected:
  JobMachineTest() {
    rules_.sessions = {{"getstage2", true, ""}, {"kainstall1", false, ""}};
    rules_.nodes = 2;
    rules_.data_port = 30764;
  }

  // Verbs.
  void begin() { machine_.emplace(rules_, static_cast<JobOutput&>(*this)); }

  NodeId connect(unsigned host, const std::string& mac) {
    NodeId id = ++last_;
    machine_->connected(id, {host, 1000}, now_);
    Hello hello;
    hello.clones = rules_.clone;
    hello.data_port = 30764;
    hello.ring = 64 << 20;
    hello.hardware_address = mac;
    machine_->message(id, hello, now_);
    return id;
  }

  NodeId come(unsigned host, const std::string& session = "getstage2") {
    NodeId id = connect(host, "mac" + std::to_string(host));
    machine_->message(id, Join{session}, now_);
    return id;
  }

  void say(NodeId id, const Message& message) { machine_->message(id, message, now_); }

  void wait(Time time) {
    for (Time end = now_ + time; now_ < end;) {
      now_ += 50ms;
      machine_->tick(now_);
      for (NodeId id = 1; id <= last_; ++id) {
        if (quiet_.count(id) == 0) machine_->message(id, Pong{static_cast<std::uint64_t>(now_.count())}, now_);
      }
    }
  }

  // As `ka-server send` does.
  void begin_single(Time sink_limit) {
    rules_.sessions = {{"s", false, ""}};
    rules_.clone = false;
    rules_.sink_limit = sink_limit;
    begin();
  }

  // The source gives so many bytes of the running stream; its number.
  std::uint64_t give(std::uint32_t bytes) {
    std::shared_ptr<Chunk> chunk = pool_.get();
    chunk->header = ChunkHeader();
    chunk->header.length = bytes;
    std::memset(chunk->room.get(), 'x', bytes);
    machine_->chain()->add(chunk);
    return machine_->chain()->stream();
  }

  // The running stream goes through, to all who were sent its Start.
  void stream_through() {
    ASSERT_NE(machine_->chain(), nullptr) << "no stream runs";
    give(10);
    machine_->source_ended(now_);
    const std::uint64_t stream = machine_->chain()->stream();
    const ChunkHeader end = *machine_->chain()->end_mark();
    for (NodeId id = 1; id <= last_; ++id) {
      const Start* start = last_sent<Start>(id);
      if (start && start->stream == stream) say(id, Finished{stream, end.offset, end.digest});
    }
  }

  template <typename T>
  const T* last_sent(NodeId id) {
    const T* found = nullptr;
    for (const Message& message : sent_[id]) {
      if (const T* that = std::get_if<T>(&message)) found = that;
    }
    return found;
  }

  std::string running() { return machine_->chain() ? rules_.sessions[session_].name : "none"; }

  const NodeRow& row_of(unsigned host) {
    for (const NodeRow& row : machine_->rows()) {
      if (row.at.address == host) return row;
    }
    throw std::logic_error("no such row");
  }

  JobRules rules_;
  std::optional<JobMachine> machine_;
  Time now_{1s};
  std::set<NodeId> quiet_, closed_;
  std::map<NodeId, std::vector<Message>> sent_;
  bool ended_well_ = false;

 private:
  void send(NodeId node, const Message& message) override { sent_[node].push_back(message); }
  void close(NodeId node) override { closed_.insert(node); }
  void event(const std::string&) override {}
  void changed(const NodeRow&) override {}
  std::uint64_t random() override { return ++streams_; }
  void stream_started(std::size_t session, unsigned, unsigned) override { session_ = session; }
  void stream_moved() override {}
  void stream_ended(bool whole) override { ended_well_ = whole; }

  ChunkPool pool_;
  NodeId last_ = 0;
  std::uint64_t streams_ = 0;
  std::size_t session_ = 0;
};

TEST_F(JobMachineTest, AClonePassesThroughItsSessionsTogether) {
  begin();
  NodeId a = come(1);
  EXPECT_EQ(running(), "none") << "two are wanted";
  NodeId b = come(2);
  EXPECT_EQ(running(), "getstage2");
  stream_through();
  say(a, Join{"kainstall1"});
  EXPECT_EQ(running(), "none") << "b has not joined yet";
  say(b, Join{"kainstall1"});
  EXPECT_EQ(running(), "kainstall1");
  stream_through();
  EXPECT_FALSE(machine_->finished());
  say(a, Done{});
  say(b, Done{});
  EXPECT_NE(last_sent<Release>(a), nullptr);
  EXPECT_NE(last_sent<Release>(b), nullptr);
  EXPECT_EQ(machine_->done(), 2u);
  EXPECT_TRUE(machine_->finished());
}

TEST_F(JobMachineTest, TheChainFollowsRacksThenAddresses) {
  rules_.nodes = 4;
  rules_.racks = Racks::parse("b 0.0.0.4 0.0.0.1\na 52:54:00:00:00:02\n", "racks");
  begin();
  std::map<unsigned, NodeId> ids;
  for (unsigned host : {1, 2, 3, 4}) {
    ids[host] = connect(host, "52:54:00:00:00:0" + std::to_string(host));
    say(ids[host], Join{"getstage2"});
  }
  const std::map<unsigned, unsigned> order{{1, 1}, {4, 2}, {2, 3}, {3, 4}};
  for (const auto& [host, place] : order) EXPECT_EQ(machine_->chain()->order_of(ids[host]), place) << host;
}

TEST_F(JobMachineTest, ReleasesAreSpaced) {
  rules_.release_delay = 5s;
  begin();
  NodeId a = come(1), b = come(2);
  stream_through();
  say(a, Join{"kainstall1"});
  say(b, Join{"kainstall1"});
  stream_through();
  say(b, Done{});
  say(a, Done{});
  EXPECT_NE(last_sent<Release>(b), nullptr) << "first done, first released";
  EXPECT_EQ(last_sent<Release>(a), nullptr);
  wait(4s);
  EXPECT_EQ(last_sent<Release>(a), nullptr);
  EXPECT_FALSE(machine_->finished());
  wait(2s);
  EXPECT_NE(last_sent<Release>(a), nullptr);
  EXPECT_TRUE(machine_->finished());
}

TEST_F(JobMachineTest, WhoHasStage2AlreadyJoinsAtTheManifest) {
  begin();
  NodeId a = come(1), b = come(2);
  stream_through();
  say(a, Join{"kainstall1"});
  say(b, Failed{"disk too small"});
  EXPECT_NE(last_sent<Heard>(b), nullptr);
  stream_through();
  say(a, Done{});
  EXPECT_FALSE(machine_->finished()) << "one of two is missing";
  // It was rebooted by hand, and lost its connection once it had stage2.
  machine_->disconnected(b, "reset", now_);
  NodeId again = come(2, "kainstall1");
  EXPECT_EQ(running(), "kainstall1");
  stream_through();
  say(again, Done{});
  EXPECT_TRUE(machine_->finished());
  EXPECT_EQ(machine_->rows().size(), 2u) << "the same machine keeps its row";
}

TEST_F(JobMachineTest, NoSessionButAKeptOneMayBeSkipped) {
  rules_.sessions = {{"kainstall1", false, ""}, {"kainstall2", false, ""}};
  begin();
  NodeId a = come(1, "kainstall2");
  ASSERT_NE(last_sent<Refused>(a), nullptr);
  EXPECT_THAT(last_sent<Refused>(a)->reason, HasSubstr("without the ones before it"));
  NodeId b = come(2, "nonsense");
  EXPECT_THAT(last_sent<Refused>(b)->reason, HasSubstr("there is no session nonsense"));
}

TEST_F(JobMachineTest, AClonedMachineThatComesBackIsToldToBootFromItsDisk) {
  begin();
  NodeId a = come(1), b = come(2);
  stream_through();
  say(a, Join{"kainstall1"});
  say(b, Join{"kainstall1"});
  stream_through();
  say(a, Done{});
  machine_->disconnected(a, "closed", now_);
  NodeId again = connect(1, "mac1");
  ASSERT_NE(last_sent<Refused>(again), nullptr);
  EXPECT_THAT(last_sent<Refused>(again)->reason, HasSubstr("boot from its own disk"));
  EXPECT_EQ(machine_->done(), 1u);
}

TEST_F(JobMachineTest, ALatecomerGetsTheNextRoundByItself) {
  rules_.start_after = 1s;
  rules_.nodes = 2;
  begin();
  NodeId a = come(1);
  wait(2s);
  EXPECT_EQ(running(), "getstage2");
  NodeId late = come(2);
  stream_through();
  say(a, Join{"kainstall1"});
  stream_through();
  EXPECT_EQ(last_sent<Start>(late), nullptr) << "the running round is not disturbed";
  say(a, Done{});
  EXPECT_EQ(running(), "getstage2");
  ASSERT_NE(last_sent<Start>(late), nullptr);
  EXPECT_EQ(last_sent<Start>(late)->round, 2u);
}

TEST_F(JobMachineTest, ACloneWaitsForTheMissingAsLongAsItIsTold) {
  for (bool told : {false, true}) {
    rules_.linger.reset();
    if (told) rules_.linger = 60s;
    begin();
    NodeId a = come(1), b = come(2);
    say(a, Failed{"disk too small"});
    machine_->disconnected(a, "closed", now_);
    stream_through();
    say(b, Join{"kainstall1"});
    stream_through();
    say(b, Done{});
    wait(59s);
    EXPECT_FALSE(machine_->finished());
    wait(2s);
    EXPECT_EQ(machine_->finished(), told);
  }
}

TEST_F(JobMachineTest, AnotherVersionGetsAClearAnswer) {
  begin();
  machine_->connected(77, {9, 9}, now_);
  Hello hello;
  hello.version = 2;
  machine_->message(77, hello, now_);
  ASSERT_NE(last_sent<Refused>(77), nullptr);
  EXPECT_THAT(last_sent<Refused>(77)->reason, HasSubstr("version 2"));
  EXPECT_EQ(closed_.count(77), 1u);
}

TEST_F(JobMachineTest, AMuteCallerIsHungUpOn) {
  begin();
  machine_->connected(77, {9, 9}, now_);
  quiet_.insert(77);
  wait(9s);
  EXPECT_EQ(closed_.count(77), 0u);
  wait(2s);
  EXPECT_EQ(closed_.count(77), 1u);
  EXPECT_EQ(machine_->unknown(), 0u);
}

TEST_F(JobMachineTest, AFailedSourceReachesEveryMember) {
  begin();
  NodeId a = come(1), b = come(2);
  machine_->source_failed("tar ended with status 2", now_);
  for (NodeId id : {a, b}) {
    ASSERT_NE(last_sent<StreamFailed>(id), nullptr);
    EXPECT_THAT(last_sent<StreamFailed>(id)->reason, HasSubstr("tar ended with status 2"));
  }
  EXPECT_EQ(row_of(1).state, NodeRow::State::failed);
  EXPECT_EQ(machine_->chain(), nullptr);
}

TEST_F(JobMachineTest, ASinkThatTakesNothingFailsItsNodeAlone) {
  begin_single(60s);
  NodeId a = come(1, "s"), b = come(2, "s");
  const std::uint64_t stream = give(1000);
  say(a, Position{stream, 1000, 400, 0, 0, false});
  say(b, Position{stream, 1000, 1000, 0, 0, false});
  wait(59s);
  say(a, Position{stream, 1000, 600, 0, 0, false});
  say(b, Position{stream, 1000, 1000, 0, 0, false});
  wait(59s);
  EXPECT_EQ(row_of(1).state, NodeRow::State::running) << "it took some";
  say(b, Position{stream, 1000, 1000, 0, 0, false});
  wait(2s);
  ASSERT_NE(last_sent<StreamFailed>(a), nullptr);
  EXPECT_EQ(last_sent<StreamFailed>(a)->reason, "its sink took nothing for 60 s");
  EXPECT_EQ(row_of(1).state, NodeRow::State::failed);
  wait(57s);
  EXPECT_EQ(row_of(2).state, NodeRow::State::running) << "one that has nothing to take is not late";
  EXPECT_EQ(last_sent<StreamFailed>(b), nullptr);
}

TEST_F(JobMachineTest, ASinkThatDoesNotEndIsWaitedForNoLongerThanItsLimit) {
  begin_single(60s);
  NodeId a = come(1, "s"), b = come(2, "s");
  const std::uint64_t stream = give(1000);
  machine_->source_ended(now_);
  const ChunkHeader end = *machine_->chain()->end_mark();
  say(a, Position{stream, 1000, 1000, 0, 0, true});
  say(b, Finished{stream, end.offset, end.digest});
  machine_->disconnected(b, "done", now_);
  wait(59s);
  EXPECT_FALSE(machine_->finished());
  wait(2s);
  EXPECT_EQ(last_sent<StreamFailed>(a)->reason, "its sink has not ended within 60 s");
  EXPECT_TRUE(ended_well_) << "the others have it whole";
  machine_->disconnected(a, "failed", now_);
  wait(3s);
  EXPECT_TRUE(machine_->finished());
  EXPECT_EQ(machine_->done(), 1u);
}

TEST_F(JobMachineTest, WhoClaimsOtherBytesThanWereSentHasFailed) {
  begin();
  NodeId a = come(1);
  come(2);
  machine_->source_ended(now_);
  Digest wrong{};
  say(a, Finished{machine_->chain()->stream(), 0, wrong});
  EXPECT_EQ(row_of(1).state, NodeRow::State::failed);
}

TEST_F(JobMachineTest, TheOperatorsEndIsToldToAll) {
  begin();
  NodeId a = come(1), b = come(2), c = come(3);
  machine_->stop(now_);
  EXPECT_TRUE(machine_->finished());
  EXPECT_THAT(last_sent<StreamFailed>(a)->reason, HasSubstr("operator"));
  EXPECT_THAT(last_sent<StreamFailed>(b)->reason, HasSubstr("operator"));
  EXPECT_THAT(last_sent<Refused>(c)->reason, HasSubstr("operator"));
}

}  // namespace
}  // namespace ka::wire
