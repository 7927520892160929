// One stream as the server sees it: what may be read of the source, and who is moved for being slow.

#include "wire/chain.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace ka::wire {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t window = 4 << 20;
constexpr std::uint64_t a_second = 8 << 20;  // what the line carries

class ChainTest : public testing::Test, protected ChainOutput {
 protected:
  // Verbs.
  void fill() {
    while (chain_.may_read()) {
      std::shared_ptr<Chunk> chunk = pool_.get();
      chunk->header.length = longest_chunk;
      std::memset(chunk->room.get(), 'x', longest_chunk);
      chain_.add(std::move(chunk));
    }
  }

  // Both get what the line to the first one carries; the second hop is at work for that share of the time.
  void run(Time time, double share) {
    constexpr Time step = 100ms;
    for (Time end = now_ + time; now_ < end;) {
      now_ += step;
      fill();
      received_ += a_second / 10;
      busy_ += share * static_cast<double>(step.count());
      chain_.position(1, {stream, received_, received_, 0, static_cast<std::uint64_t>(busy_), false}, now_);
      chain_.position(2, {stream, received_, received_, 0, 0, false}, now_);
      chain_.tick(now_);
    }
  }

  static constexpr std::uint64_t stream = 5;
  Time now_{1s};
  ChunkPool pool_;
  std::uint64_t received_ = 0;
  double busy_ = 0;
  Chain chain_{stream, window, longest_chunk, 1, {{1, {1, 1}}, {2, {2, 1}}}, {}, *this, now_};

 private:
  void link(NodeId, const Link&) override {}
  void put_out(NodeId node, const std::string& reason) override { ADD_FAILURE() << node << " is put out: " << reason; }
};

TEST_F(ChainTest, TheSourceIsReadAWindowAhead) {
  fill();
  EXPECT_EQ(chain_.ring().end(), window);
}

TEST_F(ChainTest, APackedSourceIsHeldToTheLinesPace) {
  chain_.limit_ahead(window / 2);
  fill();
  EXPECT_EQ(chain_.ring().end(), window / 2);
  chain_.position(1, {stream, longest_chunk, 0, 0, 0, false}, now_);
  fill();
  EXPECT_EQ(chain_.ring().end(), window / 2 + longest_chunk);
}

TEST_F(ChainTest, AFirstMemberWithALineLikeTheOthersStays) {
  run(5s, 0.95);
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{1, 2}));
}

TEST_F(ChainTest, AFirstMemberWhoseSuccessorsLineIsOftenIdleMakesWayOnce) {
  run(1s, 0.3);
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{1, 2}));
  run(5s, 0.3);
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{2, 1}));
}

// Four members, of whom some get nothing usable from those in front of them.
class BadSenders : public testing::Test, protected ChainOutput {
 protected:
  // It loses its upstream as often as it takes until it is given another one or is out.
  void loses(NodeId node) {
    const std::vector<NodeId> before = chain_.order();
    for (int i = 0; i < 10 && chain_.order() == before; ++i) {
      chain_.upstream_lost(node, {stream, epochs_[node], 0, false, "damaged"}, now_);
      now_ += 300ms;
      chain_.tick(now_);
    }
  }

  static constexpr std::uint64_t stream = 5;
  Time now_{1s};
  std::map<NodeId, std::uint32_t> epochs_;
  std::vector<NodeId> out_;
  Chain chain_{stream, window, longest_chunk, 1, {{1, {1, 1}}, {2, {2, 1}}, {3, {3, 1}}, {4, {4, 1}}}, {}, *this, now_};

 private:
  void link(NodeId node, const Link& link) override { epochs_[node] = link.epoch; }
  void put_out(NodeId node, const std::string&) override {
    out_.push_back(node);
    chain_.remove(node, now_);
  }
};

TEST_F(BadSenders, GoToTheEndWhereNobodyNeedsThem) {
  loses(3);
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{1, 3, 4, 2}));
  EXPECT_TRUE(out_.empty());
}

TEST_F(BadSenders, TwoInARowPutOutNobodyButThemselves) {
  loses(3);
  loses(3);
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{3, 1, 4, 2})) << "it tries the server itself before it is blamed";
  EXPECT_TRUE(out_.empty());
  loses(4);
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{3, 4, 2, 1}));
  loses(1);
  EXPECT_EQ(out_, (std::vector<NodeId>{2})) << "a second one has said so of it";
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{3, 4, 1}));
}

TEST_F(BadSenders, OneThatGetsNothingFromTheServerEitherIsOut) {
  loses(3);
  loses(3);
  loses(3);
  EXPECT_EQ(out_, (std::vector<NodeId>{3}));
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{1, 4, 2}));
}

TEST_F(BadSenders, OneThatCannotBeServedAndServesNobodyIsOutAlone) {
  loses(3);
  loses(2);
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{1, 3, 2, 4}));
  loses(2);
  EXPECT_EQ(out_, (std::vector<NodeId>{2}));
}

TEST_F(BadSenders, ALiarAloneBringsNobodyDown) {
  for (int i = 0; i < 20 && out_.empty(); ++i) loses(4);
  EXPECT_EQ(out_, (std::vector<NodeId>{4}));
}

TEST_F(ChainTest, ATimeInWhichTheServerDidNotRunMakesNobodySlow) {
  run(5s, 0.95);
  for (int pause = 0; pause < 5; ++pause) {
    now_ += 60s;
    chain_.forgive(60s - 50ms);
    chain_.tick(now_);
    run(1s, 0.95);
  }
  EXPECT_EQ(chain_.order(), (std::vector<NodeId>{1, 2}));
}

}  // namespace
}  // namespace ka::wire
