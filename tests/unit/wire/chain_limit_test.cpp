// What holds a stream up, told from the positions of its members.

#include "wire/chain.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ka::wire {
namespace {

using namespace std::chrono_literals;

class ChainLimit : public testing::Test, protected ChainOutput {
 protected:
  static constexpr std::uint32_t size = 100;
  static constexpr std::uint64_t window = 32 * size;

  ChainLimit() : chain_(1, window, size, 1, members(), {}, static_cast<ChainOutput&>(*this), Time{0}) {}

  static std::vector<ChainMember> members() { return {{1, {1, 1}}, {2, {2, 1}}, {3, {3, 1}}}; }

  void read(unsigned chunks) {
    for (unsigned i = 0; i < chunks && chain_.may_read(); ++i) {
      auto chunk = pool_.get();
      chunk->header = ChunkHeader();
      chunk->header.length = size;
      std::memset(chunk->room.get(), 0, size);
      chain_.add(chunk);
    }
  }

  // In chunks.
  void at(NodeId node, std::uint64_t received, std::uint64_t sunk) {
    Position position;
    position.stream = 1;
    position.received = received * size;
    position.sunk = sunk * size;
    position.whole = chain_.end_mark() && position.received == chain_.end_mark()->offset;
    chain_.position(node, position, now_);
  }

  void wait(Time time) {
    for (Time end = now_ + time; now_ < end; now_ += 50ms) chain_.tick(now_);
  }

  Limit limit() const { return chain_.limit(); }

  Chain chain_;
  Time now_{0};

 private:
  void link(NodeId, const Link&) override {}
  void put_out(NodeId, const std::string&) override {}

  ChunkPool pool_;
};

TEST_F(ChainLimit, ItIsTheSourceThatGivesNothing) {
  read(10);
  wait(2s);
  EXPECT_EQ(limit().kind, Limit::Kind::source);
}

TEST_F(ChainLimit, ItIsTheLineInFrontOfWhichBytesPileUp) {
  read(32);
  at(1, 30, 29);
  at(2, 3, 3);
  at(3, 2, 2);
  read(32);
  wait(2s);
  EXPECT_EQ(limit().kind, Limit::Kind::line);
  EXPECT_EQ(limit().node, 2u);
}

TEST_F(ChainLimit, ItIsTheFirstLineWhenAllAreAlike) {
  read(32);
  at(1, 3, 3);
  at(2, 2, 2);
  at(3, 1, 1);
  read(32);
  wait(900ms);  // later it is tried whether another one fares better in the first one's place
  EXPECT_EQ(limit().kind, Limit::Kind::line);
  EXPECT_EQ(limit().node, 1u);
}

TEST_F(ChainLimit, ItIsTheSinkThatHasTakenLeast) {
  read(32);
  at(1, 32, 1);
  at(2, 32, 31);
  at(3, 32, 31);
  read(2);
  at(1, 32, 1);
  wait(100ms);
  for (NodeId node : {2, 3}) at(node, 32, 32);
  read(32);
  wait(2s);
  EXPECT_EQ(limit().kind, Limit::Kind::sink);
  EXPECT_EQ(limit().node, 1u);
}

TEST_F(ChainLimit, AtTheEndItIsTheSinkThatIsFurthestBehind) {
  read(20);
  chain_.end();
  at(1, 20, 20);
  at(2, 20, 4);
  at(3, 20, 12);
  EXPECT_EQ(limit().kind, Limit::Kind::sink);
  EXPECT_EQ(limit().node, 2u);
}

TEST_F(ChainLimit, ASourceThatGoesOnIsTheLimitAgain) {
  read(32);
  wait(2s);
  EXPECT_EQ(limit().kind, Limit::Kind::line);
  for (NodeId node : {1, 2, 3}) at(node, 32, 32);
  wait(2s);
  EXPECT_EQ(limit().kind, Limit::Kind::source);
}

}  // namespace
}  // namespace ka::wire
