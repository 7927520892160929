// Rounds, sessions and releases of a clone job, told from what the nodes are sent.

#include "wire/job_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "wire/node_stream.h"

namespace ka::wire {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class JobMachineTest : public testing::Test, protected JobOutput {
 protected:
  JobMachineTest() {
    rules_.sessions = {{"getstage2", true, "", false}, {"kainstall1", false, "", false}};
    rules_.nodes = 2;
    rules_.data_port = 30764;
  }

  // Verbs.
  void begin() { machine_.emplace(rules_, static_cast<JobOutput&>(*this)); }

  NodeId connect(unsigned host, const std::string& mac) {
    NodeId id = ++last_;
    machine_->connected(id, {host, 1000}, now_);
    Introduction who;
    who.clones = rules_.clone;
    who.data_port = 30764;
    who.ring = ring_;
    who.hardware_address = mac;
    machine_->message(id, who, now_);
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
    rules_.sessions = {{"s", false, "", false}};
    rules_.clone = false;
    rules_.sink_limit = sink_limit;
    begin();
  }

  // A clone whose second session goes to disks; two nodes have the first, which tells them what is to come.
  std::pair<NodeId, NodeId> two_before_the_first_write() {
    rules_.sessions = {{"kainstall1", false, "", false}, {"kainstall2", false, "", true}};
    begin();
    const NodeId a = come(1, "kainstall1"), b = come(2, "kainstall1");
    stream_through();
    return {a, b};
  }

  void ask(NodeId id, std::uint64_t question) {
    say(id, Ready{question, {{"sda", "vda", "QEMU", "S1", 5, "nothing"}}});
  }

  bool was_given_the_yes(NodeId id, std::uint64_t question) {
    const MayWrite* yes = last_sent<MayWrite>(id);
    return yes && yes->question == question;
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

  std::uint64_t ring_ = 64 << 20;
  JobRules rules_;
  std::optional<JobMachine> machine_;
  Time now_{1s};
  std::set<NodeId> quiet_, closed_;
  std::map<NodeId, std::vector<Message>> sent_;
  bool ended_well_ = false;
  std::vector<std::string> events_;
  std::vector<std::vector<WriteRequest>> asked_;
  std::vector<std::pair<unsigned, unsigned>> heals_;  // whose upstream is whose now; 0: the server's
  std::vector<std::string> offers_;

 private:
  void send(NodeId node, const Message& message) override { sent_[node].push_back(message); }
  void close(NodeId node) override { closed_.insert(node); }
  void event(const std::string& text) override { events_.push_back(text); }
  void changed(const NodeRow&) override {}
  void healed(const NodeRow& row, const NodeRow* upstream) override {
    heals_.emplace_back(row.at.address, upstream ? upstream->at.address : 0);
  }
  void offered(const NodeRow& row) override { offers_.push_back(row.disks.at(0).name); }
  std::uint64_t random() override { return ++streams_; }
  void stream_started(std::size_t session, unsigned, unsigned) override { session_ = session; }
  void stream_moved() override {}
  void stream_ended(bool whole) override { ended_well_ = whole; }
  void ask_operator(const std::vector<WriteRequest>& nodes) override { asked_.push_back(nodes); }

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

TEST_F(JobMachineTest, AHealIsANewUpstreamAndNotTheFirstOne) {
  rules_.nodes = 3;
  begin();
  const NodeId a = come(1), b = come(2);
  come(3);
  EXPECT_TRUE(heals_.empty());
  machine_->disconnected(b, "reset", now_);
  machine_->disconnected(a, "reset", now_);
  EXPECT_THAT(heals_, testing::ElementsAre(std::pair(3u, 1u), std::pair(3u, 0u)));
}

TEST_F(JobMachineTest, TheDisksOfANodeAreToldWhenItOffersThem) {
  const NodeId a = two_before_the_first_write().first;
  EXPECT_TRUE(offers_.empty());
  ask(a, 7);
  EXPECT_THAT(offers_, testing::ElementsAre("vda"));
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
  rules_.sessions = {{"kainstall1", false, "", false}, {"kainstall2", false, "", false}};
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

TEST_F(JobMachineTest, WhoIsTurnedAwayHearsWhy) {
  begin();
  machine_->connected(77, {9, 9}, now_);
  machine_->turn_away(77, "it knows another key", now_);
  ASSERT_NE(last_sent<Refused>(77), nullptr);
  EXPECT_EQ(last_sent<Refused>(77)->reason, "it knows another key");
  EXPECT_EQ(closed_.count(77), 1u);
  EXPECT_TRUE(machine_->rows().empty());
}

TEST_F(JobMachineTest, NobodyTakesPartWithoutAnIntroduction) {
  begin();
  machine_->connected(77, {9, 9}, now_);
  machine_->message(77, Join{"getstage2"}, now_);
  ASSERT_NE(last_sent<Refused>(77), nullptr);
  EXPECT_THAT(last_sent<Refused>(77)->reason, HasSubstr("did not say who it is"));
}

TEST_F(JobMachineTest, AMuteCallerIsHungUpOn) {
  begin();
  machine_->connected(77, {9, 9}, now_);
  quiet_.insert(77);
  wait(9s);
  EXPECT_EQ(closed_.count(77), 0u);
  wait(2s);
  EXPECT_EQ(closed_.count(77), 1u);
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
  ASSERT_NE(last_sent<StreamFailed>(a), nullptr) << "it must not take what it has for the session";
  EXPECT_THAT(last_sent<StreamFailed>(a)->reason, HasSubstr("other bytes"));
  EXPECT_EQ(last_sent<Over>(a), nullptr);
}

TEST_F(JobMachineTest, ASessionIsConfirmedOnceItsDigestIsRightAndNobodyNeedsTheCopy) {
  begin_single(0s);
  NodeId a = come(1, "s"), b = come(2, "s");
  const std::uint64_t stream = give(1000);
  machine_->source_ended(now_);
  const ChunkHeader end = *machine_->chain()->end_mark();
  say(a, Position{stream, 1000, 1000, 0, 0, true});
  say(b, Position{stream, 1000, 1000, 0, 0, true});
  EXPECT_EQ(last_sent<Over>(a), nullptr) << "all have received it, but a has not said with which digest";
  say(a, Finished{stream, end.offset, end.digest});
  EXPECT_NE(last_sent<Over>(a), nullptr);
  EXPECT_EQ(last_sent<Over>(b), nullptr);
  say(b, Finished{stream, end.offset, end.digest});
  EXPECT_NE(last_sent<Over>(b), nullptr);
  EXPECT_EQ(machine_->done(), 2u);
}

TEST_F(JobMachineTest, WhoHasFinishedStaysDoneWhenItIsTooSilentToPassItOn) {
  begin_single(0s);
  NodeId a = come(1, "s"), b = come(2, "s");
  const std::uint64_t stream = give(1000);
  machine_->source_ended(now_);
  const ChunkHeader end = *machine_->chain()->end_mark();
  say(a, Finished{stream, end.offset, end.digest});
  EXPECT_EQ(last_sent<Over>(a), nullptr) << "b still needs its copy";
  quiet_.insert(a);
  wait(3s);
  EXPECT_EQ(machine_->chain()->order_of(a), 0u);
  EXPECT_EQ(last_sent<PutOut>(a), nullptr);
  EXPECT_NE(last_sent<Over>(a), nullptr) << "nobody needs it any more";
  EXPECT_EQ(row_of(1).state, NodeRow::State::done);
  EXPECT_EQ(row_of(1).order, 0u);
  say(b, Finished{stream, end.offset, end.digest});
  wait(3s);
  EXPECT_TRUE(machine_->finished());
  EXPECT_TRUE(ended_well_);
  EXPECT_EQ(machine_->done(), 2u);
}

TEST_F(JobMachineTest, ADoneOfANodeThatIsOutIsAnswered) {
  begin();
  NodeId a = come(1);
  come(2);
  say(a, Failed{"its disk is full"});
  say(a, Done{});
  ASSERT_NE(last_sent<Refused>(a), nullptr) << "it would wait for its release for ever";
  EXPECT_THAT(last_sent<Refused>(a)->reason, HasSubstr("its disk is full"));
  EXPECT_EQ(row_of(1).state, NodeRow::State::failed);
  EXPECT_EQ(row_of(1).reason, "its disk is full");
}

TEST_F(JobMachineTest, ADoneBeforeTheLastSessionIsRefused) {
  begin();
  NodeId a = come(1);
  come(2);
  say(a, Done{});
  ASSERT_NE(last_sent<Refused>(a), nullptr);
  EXPECT_THAT(last_sent<Refused>(a)->reason, HasSubstr("before it received everything"));
  EXPECT_EQ(machine_->done(), 0u);
}

TEST_F(JobMachineTest, WhoAsksToWriteIsGivenTheYesForItsQuestion) {
  auto [a, b] = two_before_the_first_write();
  ask(a, 77);
  EXPECT_TRUE(was_given_the_yes(a, 77));
  EXPECT_EQ(last_sent<MayWrite>(b), nullptr);
  EXPECT_THAT(events_,
              testing::Contains("0.0.0.1 writes to vda (QEMU, serial S1, 5 B) in the place of sda; on it: nothing"));
  EXPECT_THAT(events_, testing::Contains("1 node of this round may write to their disks now"));
  say(a, Join{"kainstall2"});
  say(b, Join{"kainstall2"});
  EXPECT_EQ(last_sent<Refused>(a), nullptr);
  ASSERT_NE(last_sent<Refused>(b), nullptr) << "it never asked";
  EXPECT_THAT(last_sent<Refused>(b)->reason, HasSubstr("without having asked"));
}

TEST_F(JobMachineTest, WhatAMemberSaysOfItsCloneIsKeptAndTheLastWordCounts) {
  auto [a, b] = two_before_the_first_write();
  for (NodeId id : {a, b}) {
    ask(id, id);
    say(id, Join{"kainstall2"});
  }
  say(b, Identity{{{IdentityClass::renewed, "machine-id", ""}}});
  ASSERT_NE(last_sent<Refused>(b), nullptr) << "it has nothing to tell of yet";
  EXPECT_THAT(last_sent<Refused>(b)->reason, HasSubstr("before it received everything"));
  stream_through();
  say(a, Identity{{{IdentityClass::renewed, "host-name", ""}, {IdentityClass::renewed, "machine-id", ""}}});
  say(a, Identity{{{IdentityClass::reported, "rhsm", "/etc/pki/consumer/cert.pem"}}});
  say(a, Done{});
  EXPECT_EQ(machine_->done(), 1u);
  ASSERT_EQ(row_of(1).identity.size(), 1u);
  EXPECT_EQ(row_of(1).identity[0].item, "rhsm");
  EXPECT_TRUE(row_of(2).identity.empty());
}

TEST_F(JobMachineTest, NoYesWithoutARoundOrOutOfTurn) {
  rules_.sessions = {{"kainstall1", false, "", false}, {"kainstall2", false, "", true}};
  begin();
  NodeId a = come(1, "kainstall1");
  ask(a, 1);
  EXPECT_EQ(last_sent<MayWrite>(a), nullptr);
  EXPECT_NE(last_sent<Refused>(a), nullptr);
}

TEST_F(JobMachineTest, TheYesOfOneRoundIsNotThatOfTheNext) {
  auto [a, b] = two_before_the_first_write();
  ask(a, 1);
  ask(b, 2);
  say(a, Join{"kainstall2"});
  say(b, Failed{"no disk"});
  machine_->source_failed("tar: killed", now_);
  say(a, Join{"kainstall1"});
  wait(3s);
  stream_through();
  say(a, Join{"kainstall2"});
  ASSERT_NE(last_sent<Refused>(a), nullptr);
  EXPECT_THAT(last_sent<Refused>(a)->reason, HasSubstr("without having asked"));
}

TEST_F(JobMachineTest, TheOperatorIsAskedOnceForAllAndThenForWhoComesLater) {
  rules_.confirm = true;
  auto [a, b] = two_before_the_first_write();
  ask(a, 1);
  EXPECT_TRUE(asked_.empty()) << "b is on its way to the question";
  wait(11s);
  ASSERT_EQ(asked_.size(), 1u) << "but not for ever";
  EXPECT_EQ(asked_[0].size(), 1u);
  EXPECT_EQ(asked_[0][0].disks[0].serial, "S1");
  ask(b, 2);
  wait(11s);
  EXPECT_EQ(asked_.size(), 1u) << "one question at a time";
  EXPECT_EQ(last_sent<MayWrite>(a), nullptr);
  machine_->confirmed(true, now_);
  EXPECT_TRUE(was_given_the_yes(a, 1));
  EXPECT_EQ(last_sent<MayWrite>(b), nullptr) << "the operator has not seen its disks";
  ASSERT_EQ(asked_.size(), 2u);
  EXPECT_EQ(asked_[1][0].node, "0.0.0.2");
  machine_->confirmed(true, now_);
  EXPECT_TRUE(was_given_the_yes(b, 2));
}

TEST_F(JobMachineTest, ANewQuestionIsNotAnsweredByTheYesForTheOldOne) {
  rules_.confirm = true;
  auto [a, b] = two_before_the_first_write();
  ask(a, 1);
  ask(b, 2);
  ASSERT_EQ(asked_.size(), 1u);
  ask(a, 3);
  machine_->confirmed(true, now_);
  EXPECT_EQ(last_sent<MayWrite>(a), nullptr);
  EXPECT_TRUE(was_given_the_yes(b, 2));
}

TEST_F(JobMachineTest, TheOperatorsNoEndsTheJobWithNothingWritten) {
  rules_.confirm = true;
  auto [a, b] = two_before_the_first_write();
  ask(a, 1);
  ask(b, 2);
  machine_->confirmed(false, now_);
  EXPECT_TRUE(machine_->finished());
  for (NodeId id : {a, b}) {
    EXPECT_EQ(last_sent<MayWrite>(id), nullptr);
    EXPECT_NE(last_sent<Refused>(id), nullptr);
  }
  EXPECT_EQ(row_of(1).reason, "the operator ended the job; nothing was written to its disks");
}

TEST_F(JobMachineTest, OnlyDisksThatWereNotTouchedAreSaidToBe) {
  auto [a, b] = two_before_the_first_write();
  ask(a, 1);
  machine_->stop(now_);
  EXPECT_THAT(row_of(1).reason, Not(HasSubstr("nothing was written")));
  EXPECT_THAT(row_of(2).reason, HasSubstr("nothing was written"));
  EXPECT_NE(last_sent<Refused>(b), nullptr);
}

TEST_F(JobMachineTest, TimeInWhichTheServerDidNotRunIsNobodysSilence) {
  begin_single(60s);
  NodeId a = come(1, "s"), b = come(2, "s");
  const std::uint64_t stream = give(1000);
  say(a, Position{stream, 1000, 400, 0, 0, false});
  say(b, Position{stream, 1000, 1000, 0, 0, false});
  wait(1s);
  for (int pause = 0; pause < 10; ++pause) {
    now_ += 9s;  // stopped, nobody's word was read; all of it at once then, the clock first
    machine_->tick(now_);
    wait(1s);
  }
  EXPECT_EQ(last_sent<PutOut>(a), nullptr);
  EXPECT_EQ(last_sent<PutOut>(b), nullptr);
  EXPECT_EQ(last_sent<StreamFailed>(a), nullptr) << "its sink had 11 s of 60";
  quiet_.insert(a);
  wait(3s);
  EXPECT_NE(last_sent<PutOut>(a), nullptr) << "and an answer that was read late made nobody patient";
}

TEST_F(JobMachineTest, OnlyWhoIsNamedMayCome) {
  rules_.only = Racks::parse("lab 10.0.0.7\n52:54:00:00:00:01\n", "lab.txt");
  begin();
  NodeId card = connect(99, "52:54:00:00:00:01"), address = connect(10u << 24 | 7, "");
  NodeId other = connect(98, "52:54:00:00:00:02");
  EXPECT_NE(last_sent<Admitted>(card), nullptr);
  EXPECT_NE(last_sent<Admitted>(address), nullptr);
  ASSERT_NE(last_sent<Refused>(other), nullptr);
  EXPECT_THAT(last_sent<Refused>(other)->reason, AllOf(HasSubstr("52:54:00:00:00:02"), HasSubstr("--only")));
  EXPECT_EQ(last_sent<Admitted>(other), nullptr);
}

TEST_F(JobMachineTest, ANodeWithTooLittleMemoryIsRefusedAndSlowsNobodyDown) {
  ring_ = (8u << 20) - 1;
  begin();
  NodeId poor = connect(1, "mac1");
  ASSERT_NE(last_sent<Refused>(poor), nullptr);
  EXPECT_THAT(last_sent<Refused>(poor)->reason, HasSubstr("--window"));
  rules_.window = 4u << 20;
  begin();
  EXPECT_NE(last_sent<Admitted>(connect(1, "mac1")), nullptr) << "the operator chose a small window for all";
}

TEST_F(JobMachineTest, WhatANodeMustHoldGrowsWithTheChain) {
  rules_.nodes = 10;
  EXPECT_EQ(least_ring(rules_), 8u << 20);
  rules_.nodes = 1000;
  EXPECT_EQ(least_ring(rules_), 1000u * longest_chunk) << "each member holds the chunk that it passes on";
  rules_.memory = 16u << 20;
  EXPECT_EQ(least_ring(rules_), 16u << 20) << "the server cannot hold more itself";
}

TEST_F(JobMachineTest, NumbersOfStrangersOverflowNothing) {
  begin();
  NodeId a = come(1);
  come(2);
  const std::uint64_t huge = ~std::uint64_t{0}, stream = machine_->chain()->stream();
  for (std::uint64_t token : {huge, huge / 2, huge / 2 + 1, std::uint64_t{0}}) say(a, Pong{token});
  say(a, UpstreamLost{stream, ~0u, 0, false, "a lie"});
  say(a, Position{stream, huge, huge, huge, huge, true});
  EXPECT_THAT(last_sent<PutOut>(a)->reason, HasSubstr("cannot be"));
  say(a, Finished{stream, huge, Digest{}});
  machine_->tick(now_ += 50ms);
}

TEST_F(JobMachineTest, AnIntroductionAloneMakesNoRow) {
  begin();
  for (unsigned host = 1; host <= 100; ++host) connect(host, "mac" + std::to_string(host));
  EXPECT_TRUE(machine_->rows().empty());
}

TEST_F(JobMachineTest, WhoStartsARoundMustWaitForOne) {
  begin();
  NodeId a = come(1);
  say(a, Go{});
  EXPECT_EQ(running(), "none") << "when a clone begins is the operator's word";
  rules_.nodes = 3;
  begin_single(0s);
  NodeId stranger = connect(5, "");
  say(stranger, Go{});
  NodeId b = come(2, "s");
  EXPECT_EQ(running(), "none");
  say(b, Go{});
  EXPECT_EQ(running(), "s");
}

TEST_F(JobMachineTest, TheOrderInTheTableIsThatOfTheChain) {
  rules_.nodes = 3;
  begin_single(0s);
  NodeId a = come(1, "s"), b = come(2, "s");
  come(3, "s");
  EXPECT_EQ(row_of(3).order, 3u);
  const std::uint64_t stream = give(1000);
  for (int loss = 0; loss < 4; ++loss) {
    say(b, UpstreamLost{stream, last_sent<Link>(b)->epoch, 0, false, "damaged"});
    wait(1s);
  }
  EXPECT_EQ(row_of(2).order, 1u);
  EXPECT_EQ(row_of(3).order, 2u);
  EXPECT_EQ(row_of(1).order, 3u) << "it is said to send what is of no use";
  machine_->disconnected(b, "closed", now_);
  EXPECT_EQ(row_of(3).order, 1u);
  EXPECT_EQ(row_of(1).order, 2u);
  (void)a;
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
