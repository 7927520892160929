// -z auto, told from a source, a packer and a line of given speeds.

#include "wire/packing_choice.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ka::wire {
namespace {

using namespace std::chrono_literals;

constexpr double mb = 1e6;

// What the machines can do, in bytes a second of the source. The chain takes what was read at its own rate.
struct Speeds {
  double source = 0;  // gives
  double packed = 0;  // gives, when a packer has to share its processor
  double line = 0;    // takes
  double ratio = 2;   // of packing
};

class Packing : public testing::Test {
 protected:
  void run(Time time, const Speeds& speeds) {
    constexpr Time step = 10ms;
    const double seconds = std::chrono::duration<double>(step).count();
    for (Time end = now_ + time; now_ < end; now_ += step) {
      const double ahead = static_cast<double>(choice_.read_ahead(window_));
      const double could = seconds * (choice_.packs() ? speeds.packed : speeds.source);
      const double takes = seconds * speeds.line * (choice_.packs() ? speeds.ratio : 1);
      const double room = std::max(0.0, ahead - (read_ - through_) + takes);
      const double got = std::min(could, room);
      waited_ += std::chrono::duration_cast<Time>(step * (1 - got / could));
      read_ += got;
      through_ = std::min(read_, through_ + takes);
      choice_.look(now_, static_cast<std::uint64_t>(read_), static_cast<std::uint64_t>(through_), waited_);
      packed_for_ += choice_.packs() ? step : 0us;
    }
  }

  PackingChoice choice_{Time{0}};
  std::uint64_t window_ = 32u << 20;
  Time now_{0}, waited_{0}, packed_for_{0};
  double read_ = 0, through_ = 0;
};

TEST_F(Packing, ALineThatIsTheLimitIsPackedForFromTheFirstSecond) {
  run(510ms, {300 * mb, 200 * mb, 12 * mb, 2.5});
  EXPECT_TRUE(choice_.packs());
  EXPECT_LT(read_, 20 * mb) << "little went plain before that";
  run(60s, {300 * mb, 200 * mb, 12 * mb, 2.5});
  EXPECT_GT(packed_for_, 60s) << "and it stays so";
}

TEST_F(Packing, ASourceSlowerThanItsLineIsLeftAlone) {
  run(60s, {30 * mb, 10 * mb, 100 * mb});
  EXPECT_EQ(packed_for_, 0s);
}

TEST_F(Packing, ASlowProcessorDoesNotPackForLong) {
  // The line is the limit, but packing would be an even lower one.
  run(60s, {40 * mb, 10 * mb, 18 * mb});
  EXPECT_FALSE(choice_.packs());
  EXPECT_LT(packed_for_, 9s) << "tried now and then, ever more rarely";
  EXPECT_GT(read_, 0.9 * 60 * 18 * mb);
}

TEST_F(Packing, BytesThatDoNotPackAreLeftAlone) {
  run(60s, {300 * mb, 200 * mb, 12 * mb, 1.0});
  EXPECT_FALSE(choice_.packs());
}

TEST_F(Packing, ASourceThatPausesIsNoReasonToStop) {
  const Speeds speeds{300 * mb, 200 * mb, 12 * mb, 2.5};
  run(10s, speeds);
  run(2s, {0.001 * mb, 0.001 * mb, 12 * mb, 2.5});
  run(10s, speeds);
  EXPECT_GT(packed_for_, 21s);
}

TEST_F(Packing, ALineThatBecomesTheLimitLaterIsPackedForThen) {
  run(20s, {30 * mb, 25 * mb, 100 * mb});
  EXPECT_FALSE(choice_.packs());
  run(10s, {300 * mb, 200 * mb, 12 * mb, 2.5});
  EXPECT_TRUE(choice_.packs());
}

TEST_F(Packing, LittleIsReadAheadUntilTheLineIsKnown) {
  EXPECT_EQ(choice_.read_ahead(window_), window_ / 4);
  run(1s, {30 * mb, 25 * mb, 100 * mb});
  EXPECT_EQ(choice_.read_ahead(window_), window_);
}

}  // namespace
}  // namespace ka::wire
