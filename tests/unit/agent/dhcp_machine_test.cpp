#include "agent/network/dhcp_machine.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dhcp_fixture.h"

namespace ka::agent {
namespace {

using namespace std::chrono_literals;
using asio::ip::make_address_v4;
using dhcp::test::client_mac;
using dhcp::test::option_of;
using dhcp::test::ServerMessage;
using dhcp::test::xid_of;
using Way = DhcpSend::Way;

/// A client under a virtual clock. What it does since the last look is in actions().
class DhcpMachineTest : public testing::Test {
 protected:
  void begin() { keep(machine_.begin(now_)); }
  void hear(const ServerMessage& message) { keep(machine_.received(now_, message.bytes())); }
  void hear_from(const char* sender, const ServerMessage& message) {
    keep(machine_.received(now_, message.bytes(), make_address_v4(sender)));
  }
  void step() {
    ASSERT_NE(machine_.deadline(), DhcpMachine::Time::max());
    now_ = std::max(now_, machine_.deadline());
    keep(machine_.due(now_));
  }
  void run_until(DhcpMachine::Time end) {
    while (machine_.deadline() <= end) step();
    now_ = end;
  }
  void keep(DhcpActions actions) {
    for (DhcpSend& send : actions.send) {
      sent_at_.push_back(now_);
      sent_.push_back(std::move(send));
    }
    if (actions.bound) bound_ = actions.bound;
    lost_ = lost_ || actions.lost;
    notes_.insert(notes_.end(), actions.notes.begin(), actions.notes.end());
  }

  const DhcpSend& last() const { return sent_.back(); }
  std::uint32_t xid() const { return xid_of(last().message); }
  dhcp::Type last_type() const { return static_cast<dhcp::Type>(option_of(last().message, 53).at(0)); }

  ServerMessage answer(dhcp::Type type, const char* address, const char* server) const {
    ServerMessage message(xid());
    message.your_address(address).type(type).address(54, server);
    if (type != dhcp::Type::nak) message.seconds(51, 1000).address(1, "255.255.255.0");
    return message;
  }
  void bind() {
    begin();
    hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
    hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1"));
    ASSERT_TRUE(bound_);
  }
  bool noted(const std::string& part) const {
    for (const std::string& note : notes_) {
      if (note.find(part) != std::string::npos) return true;
    }
    return false;
  }

  DhcpMachine machine_{client_mac, 42};
  DhcpMachine::Time now_{100s};
  std::vector<DhcpSend> sent_;
  std::vector<DhcpMachine::Time> sent_at_;
  std::optional<Lease> bound_;
  bool lost_ = false;
  std::vector<std::string> notes_;
};

TEST_F(DhcpMachineTest, DiscoverOfferRequestAck) {
  begin();
  ASSERT_EQ(sent_.size(), 1u);
  EXPECT_EQ(last_type(), dhcp::Type::discover);
  const std::uint32_t first_xid = xid();
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_EQ(last_type(), dhcp::Type::request);
  EXPECT_EQ(xid(), first_xid);
  EXPECT_EQ(last().way, Way::raw_broadcast);
  EXPECT_EQ(option_of(last().message, 50), (dhcp::Bytes{10, 0, 1, 35}));
  EXPECT_EQ(option_of(last().message, 54), (dhcp::Bytes{10, 0, 1, 1}));
  EXPECT_FALSE(bound_);
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1"));
  ASSERT_TRUE(bound_);
  EXPECT_EQ(bound_->address, make_address_v4("10.0.1.35"));
  EXPECT_EQ(bound_->prefix, 24u);
  EXPECT_EQ(bound_->renewal, 500s);
  EXPECT_EQ(bound_->rebinding, 875s);
}

// The port of a switch that runs spanning tree passes nothing for up to 50 s.
TEST_F(DhcpMachineTest, KeepsAskingForMinutesWithPausesThatGrowAndNeverExceedTenSeconds) {
  begin();
  run_until(100s + 5min);
  ASSERT_GT(sent_.size(), 30u);
  EXPECT_LE(sent_at_[1] - sent_at_[0], 1300ms);
  EXPECT_GE(sent_at_[1] - sent_at_[0], 700ms);
  for (std::size_t i = 1; i < sent_at_.size(); ++i) EXPECT_LE(sent_at_[i] - sent_at_[i - 1], 10s);
  for (std::size_t i = 5; i < sent_at_.size(); ++i) EXPECT_GE(sent_at_[i] - sent_at_[i - 1], 6s);
  for (const DhcpSend& send : sent_) EXPECT_EQ(xid_of(send.message), xid_of(sent_[0].message));
  EXPECT_EQ(sent_.back().message[8] << 8 | sent_.back().message[9], (sent_at_.back() - 100s) / 1s);
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1"));
  EXPECT_TRUE(bound_);
}

TEST_F(DhcpMachineTest, TwoMachinesDoNotAskInStep) {
  DhcpMachine other(client_mac, 43);
  other.begin(now_);
  begin();
  EXPECT_NE(machine_.deadline(), other.deadline());
}

TEST_F(DhcpMachineTest, ALostRequestIsSentAgain) {
  begin();
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  step();
  EXPECT_EQ(last_type(), dhcp::Type::request);
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1"));
  EXPECT_TRUE(bound_);
}

TEST_F(DhcpMachineTest, AServerThatOffersAndThenIsSilentIsGivenUp) {
  begin();
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  const std::uint32_t first_xid = xid();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(last_type(), dhcp::Type::discover);
  EXPECT_NE(xid(), first_xid);
  EXPECT_TRUE(noted("10.0.1.1"));
}

TEST_F(DhcpMachineTest, TheSecondOfferIsUsedWhenTheFirstServerTakesItsOwnBack) {
  begin();
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  hear(answer(dhcp::Type::offer, "10.0.1.99", "10.0.1.2"));
  EXPECT_EQ(option_of(last().message, 54), (dhcp::Bytes{10, 0, 1, 1}));
  hear(answer(dhcp::Type::nak, "0.0.0.0", "10.0.1.1"));
  EXPECT_EQ(last_type(), dhcp::Type::request);
  EXPECT_EQ(option_of(last().message, 54), (dhcp::Bytes{10, 0, 1, 2}));
  hear(answer(dhcp::Type::ack, "10.0.1.99", "10.0.1.2"));
  ASSERT_TRUE(bound_);
  EXPECT_EQ(bound_->address, make_address_v4("10.0.1.99"));
}

TEST_F(DhcpMachineTest, AnAckOrNakOfAnotherServerIsNotOurs) {
  begin();
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.2"));
  EXPECT_FALSE(bound_);
  hear(answer(dhcp::Type::nak, "0.0.0.0", "10.0.1.2"));
  EXPECT_EQ(sent_.size(), 2u);
  hear(ServerMessage(xid()).type(dhcp::Type::nak));  // of nobody
  EXPECT_EQ(sent_.size(), 2u);
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1"));
  EXPECT_TRUE(bound_);
}

TEST_F(DhcpMachineTest, AnswersToOthersArePassedOver) {
  begin();
  ServerMessage wrong_xid(xid() + 1);
  hear(wrong_xid.your_address("10.0.1.35").type(dhcp::Type::offer).address(54, "10.0.1.1"));
  ServerMessage wrong_mac(xid(), HardwareAddress{{2, 0, 0, 0, 0, 1}});
  hear(wrong_mac.your_address("10.0.1.35").type(dhcp::Type::offer).address(54, "10.0.1.1"));
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(DhcpMachineTest, OffersThatCannotBeUsedArePassedOver) {
  begin();
  for (const char* address : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"}) {
    hear(answer(dhcp::Type::offer, address, "10.0.1.1"));
    EXPECT_EQ(sent_.size(), 1u) << address;
  }
  hear(ServerMessage(xid()).your_address("10.0.1.35").type(dhcp::Type::offer));  // no server identifier
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(DhcpMachineTest, AServerThatDoesNotNameItselfIsTheSecondChoice) {
  begin();
  hear_from("10.0.1.9", ServerMessage(xid()).your_address("10.0.1.35").type(dhcp::Type::offer));
  const auto first_heard = now_;
  EXPECT_EQ(last_type(), dhcp::Type::discover);
  while (last_type() == dhcp::Type::discover) step();
  EXPECT_GE(now_ - first_heard, 2s);
  EXPECT_LE(now_ - first_heard, 5s);
  EXPECT_EQ(option_of(last().message, 50), (dhcp::Bytes{10, 0, 1, 35}));
  EXPECT_EQ(option_of(last().message, 54), (dhcp::Bytes{10, 0, 1, 9}));
  hear_from("10.0.1.9", ServerMessage(xid()).your_address("10.0.1.35").type(dhcp::Type::ack).seconds(51, 1000));
  ASSERT_TRUE(bound_);
  EXPECT_EQ(bound_->server, make_address_v4("10.0.1.9"));
  step();
  EXPECT_EQ(last().way, Way::unicast);
  EXPECT_EQ(last().server, make_address_v4("10.0.1.9"));
  hear_from("10.0.1.9", ServerMessage(xid()).your_address("10.0.1.35").type(dhcp::Type::ack).seconds(51, 1000));
  EXPECT_EQ(machine_.deadline(), now_ + 500s);
}

TEST_F(DhcpMachineTest, BehindARelayTheBootServerIsThoughtToBeTheServer) {
  begin();
  ServerMessage offer(xid());
  offer.your_address("10.0.1.35").type(dhcp::Type::offer).set(20, {10, 9, 9, 9}).set(24, {10, 0, 1, 254});
  hear_from("10.0.1.254", offer);
  while (last_type() == dhcp::Type::discover) step();
  EXPECT_EQ(option_of(last().message, 54), (dhcp::Bytes{10, 9, 9, 9}));
}

TEST_F(DhcpMachineTest, WithoutAnyHintOfTheServerRenewalsGoToAll) {
  begin();
  hear(ServerMessage(xid()).your_address("10.0.1.35").type(dhcp::Type::offer));
  while (last_type() == dhcp::Type::discover) step();
  EXPECT_TRUE(option_of(last().message, 54).empty());
  hear(ServerMessage(xid()).your_address("10.0.1.35").type(dhcp::Type::ack).seconds(51, 1000));
  ASSERT_TRUE(bound_);
  step();
  EXPECT_EQ(last().way, Way::broadcast);
}

TEST_F(DhcpMachineTest, AServerWithANameGoesFirstAlsoWhenItComesLater) {
  begin();
  hear_from("10.0.1.9", ServerMessage(xid()).your_address("10.0.1.99").type(dhcp::Type::offer));
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  EXPECT_EQ(last_type(), dhcp::Type::request);
  EXPECT_EQ(option_of(last().message, 54), (dhcp::Bytes{10, 0, 1, 1}));
  hear_from("10.0.1.9", ServerMessage(xid()).your_address("10.0.1.99").type(dhcp::Type::ack));
  EXPECT_FALSE(bound_);
  hear(answer(dhcp::Type::nak, "0.0.0.0", "10.0.1.1"));
  EXPECT_EQ(option_of(last().message, 50), (dhcp::Bytes{10, 0, 1, 99}));
  hear_from("10.0.1.9", ServerMessage(xid()).your_address("10.0.1.99").type(dhcp::Type::ack));
  EXPECT_TRUE(bound_);
}

TEST_F(DhcpMachineTest, AHostNameThatIsRefusedIsNotedOnce) {
  begin();
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1").text(12, "lab pc"));
  EXPECT_TRUE(noted("\"lab pc\" is not taken"));
  notes_.clear();
  step();
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1").text(12, "lab pc"));
  EXPECT_FALSE(noted("lab pc"));
}

TEST_F(DhcpMachineTest, ANakInTurnsIsAnsweredEverMoreSlowly) {
  begin();
  DhcpMachine::Time previous{};
  for (int round = 0; round < 4; ++round) {
    hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
    hear(answer(dhcp::Type::nak, "0.0.0.0", "10.0.1.1"));
    const auto pause = machine_.deadline() - now_;
    EXPECT_GT(pause, previous);
    previous = pause;
    step();
    EXPECT_EQ(last_type(), dhcp::Type::discover);
  }
}

TEST_F(DhcpMachineTest, MissingLeaseTimeAndNetmask) {
  begin();
  hear(answer(dhcp::Type::offer, "172.16.5.4", "172.16.0.1"));
  hear(ServerMessage(xid()).your_address("172.16.5.4").type(dhcp::Type::ack).address(54, "172.16.0.1"));
  ASSERT_TRUE(bound_);
  EXPECT_EQ(bound_->prefix, 16u);
  EXPECT_FALSE(bound_->gateway);
  ASSERT_TRUE(bound_->duration);
  EXPECT_TRUE(noted("netmask"));
}

TEST_F(DhcpMachineTest, ALeaseForEverIsNeverRenewed) {
  begin();
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  ServerMessage ack(xid());
  hear(ack.your_address("10.0.1.35").type(dhcp::Type::ack).address(54, "10.0.1.1").seconds(51, 0xffffffff));
  ASSERT_TRUE(bound_);
  EXPECT_FALSE(bound_->duration);
  EXPECT_EQ(machine_.deadline(), DhcpMachine::Time::max());
}

TEST_F(DhcpMachineTest, SenselessTimesOfTheServerAreReplaced) {
  for (auto [t1, t2] : {std::pair{0u, 500u}, {600u, 500u}, {500u, 1000u}, {2000u, 3000u}}) {
    machine_ = DhcpMachine(client_mac, t1 + t2);
    begin();
    hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
    hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1").seconds(58, t1).seconds(59, t2));
    EXPECT_EQ(bound_->renewal, 500s);
    EXPECT_EQ(bound_->rebinding, 875s);
  }
}

TEST_F(DhcpMachineTest, ALeaseOfNoTimeDoesNotMakeTheClientAskWithoutPause) {
  begin();
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  ServerMessage ack(xid());
  hear(ack.your_address("10.0.1.35").type(dhcp::Type::ack).address(54, "10.0.1.1").seconds(51, 0));
  ASSERT_TRUE(bound_);
  EXPECT_GE(machine_.deadline() - now_, 10s);
}

TEST_F(DhcpMachineTest, RenewsAtHalfTimeWithTheServerThatGaveTheLease) {
  bind();
  const std::size_t before = sent_.size();
  const auto leased = now_;
  step();
  EXPECT_EQ(now_, leased + 500s);
  ASSERT_EQ(sent_.size(), before + 1);
  EXPECT_EQ(last().way, Way::unicast);
  EXPECT_EQ(last().server, make_address_v4("10.0.1.1"));
  EXPECT_EQ(last_type(), dhcp::Type::request);
  EXPECT_TRUE(option_of(last().message, 50).empty());  // RFC 2131 table 5
  EXPECT_TRUE(option_of(last().message, 54).empty());
  EXPECT_EQ(last().message[12], 10);  // ciaddr
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1"));
  EXPECT_EQ(machine_.deadline(), now_ + 500s);
}

TEST_F(DhcpMachineTest, RebindsWithAnyServerWhenItsOwnIsSilent) {
  bind();
  const auto leased = now_;
  run_until(leased + 875s);
  EXPECT_EQ(last().way, Way::broadcast);
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.2"));
  EXPECT_EQ(bound_->server, make_address_v4("10.0.1.2"));
  EXPECT_EQ(machine_.deadline(), now_ + 500s);
}

TEST_F(DhcpMachineTest, ARenewalIsAskedForSeveralTimesAndNotTooOften) {
  bind();
  const auto leased = now_;
  const std::size_t before = sent_.size();
  run_until(leased + 999s);
  EXPECT_GE(sent_.size() - before, 6u);
  for (std::size_t i = before + 1; i < sent_at_.size(); ++i) {
    EXPECT_TRUE(sent_at_[i] - sent_at_[i - 1] >= 5s || sent_at_[i] == leased + 875s);
  }
}

// Ending a clone because a DHCP server died would be worse than using an address that nobody claims.
TEST_F(DhcpMachineTest, AnExpiredLeaseIsKeptAndAskedForUntilAServerAnswers) {
  bind();
  const auto leased = now_;
  run_until(leased + 1500s);
  EXPECT_FALSE(lost_);
  EXPECT_TRUE(noted("ran out"));
  EXPECT_EQ(last().way, Way::broadcast);
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1"));
  EXPECT_EQ(machine_.deadline(), now_ + 500s);
}

TEST_F(DhcpMachineTest, ANakToARenewalGivesTheAddressUpAndBeginsAnew) {
  bind();
  step();
  hear(answer(dhcp::Type::nak, "0.0.0.0", "10.0.1.1").text(56, "moved"));
  EXPECT_TRUE(lost_);
  EXPECT_TRUE(noted("moved"));
  EXPECT_EQ(last_type(), dhcp::Type::discover);
  hear(answer(dhcp::Type::offer, "10.0.2.35", "10.0.1.1"));
  hear(answer(dhcp::Type::ack, "10.0.2.35", "10.0.1.1"));
  EXPECT_EQ(bound_->address, make_address_v4("10.0.2.35"));
}

TEST_F(DhcpMachineTest, ACarrierThatComesBackBeginsAnewUnlessThereIsALease) {
  begin();
  run_until(now_ + 20s);
  const auto again = sent_.size();
  begin();
  EXPECT_EQ(sent_.size(), again + 1);
  EXPECT_LE(machine_.deadline() - now_, 1300ms);
  hear(answer(dhcp::Type::offer, "10.0.1.35", "10.0.1.1"));
  hear(answer(dhcp::Type::ack, "10.0.1.35", "10.0.1.1"));
  const auto bound = sent_.size();
  begin();
  EXPECT_EQ(sent_.size(), bound);
}

// A network that loses, repeats and reorders: whatever comes, the client ends up with a lease of a server that gave it.
TEST_F(DhcpMachineTest, GetsALeaseThroughABadNetwork) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    machine_ = DhcpMachine(client_mac, random());
    bound_.reset();
    begin();
    std::vector<ServerMessage> flying;
    const auto limit = now_ + 24h;
    while (!bound_ && now_ < limit) {
      if (random() % 3 != 0) {
        const char* server = random() % 2 == 0 ? "10.0.1.1" : "10.0.1.2";
        const bool discover = last_type() == dhcp::Type::discover;
        const dhcp::Type type = discover ? dhcp::Type::offer : random() % 4 == 0 ? dhcp::Type::nak : dhcp::Type::ack;
        flying.push_back(answer(type, type == dhcp::Type::nak ? "0.0.0.0" : "10.0.1.35", server));
      }
      if (flying.size() > 6) flying.erase(flying.begin());
      if (!flying.empty() && random() % 2 == 0) hear(flying[random() % flying.size()]);
      if (!bound_ && random() % 2 == 0) step();
    }
    ASSERT_TRUE(bound_) << "round " << round;
    EXPECT_EQ(bound_->address, make_address_v4("10.0.1.35"));
  }
}

}  // namespace
}  // namespace ka::agent
