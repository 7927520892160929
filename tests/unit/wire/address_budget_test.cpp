// Whoever floods a port gets a fixed share, and one line says how much it was.

#include "wire/address_budget.h"

#include <gtest/gtest.h>

#include <vector>

namespace ka::wire {
namespace {

using namespace std::chrono_literals;

TEST(AddressBudget, EachAddressHasItsOwn) {
  AddressBudget budget(2, 3);
  Time now = 1s;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(1, now));
  EXPECT_FALSE(budget.take(1, now));
  EXPECT_TRUE(budget.take(2, now));
  now += 500ms;
  EXPECT_TRUE(budget.take(1, now));
  EXPECT_FALSE(budget.take(1, now));
  now += 1h;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(1, now)) << "never more than it holds";
  EXPECT_FALSE(budget.take(1, now));
}

TEST(AddressBudget, WhoWaitsGetsItsShareWhileOthersFlood) {
  AddressBudget budget(16, 64);
  Time now = 1s;
  unsigned taken = 0;
  for (int i = 0; i < 27'000; ++i) {
    now += 444us;
    taken += budget.take(9, now);
    if (i % 1000 == 0) {
      EXPECT_TRUE(budget.take(10, now)) << i;
    }
  }
  EXPECT_LT(taken, 64u + 16 * 13);
}

class BoundedLogTest : public testing::Test {
 protected:
  std::vector<std::string> lines_;
  BoundedLog log_{[this](const std::string& line) { lines_.push_back(line); }};
};

TEST_F(BoundedLogTest, AFloodIsAFewLinesAndANumber) {
  Time now = 100s;
  const std::uint32_t address = 0x0a000009;
  for (int i = 0; i < 1500; ++i) log_.line(address, "10.0.0.9 is refused", now);
  for (int i = 0; i < 1203; ++i) log_.refused(address);
  log_.tick(now);
  ASSERT_EQ(lines_.size(), 64u + 2);
  EXPECT_EQ(lines_[64], "and 1,203 more connections from 10.0.0.9 were refused");
  EXPECT_EQ(lines_[65], "and 1,436 more lines about 10.0.0.9");
  log_.refused(address);
  log_.tick(now += 9s);
  EXPECT_EQ(lines_.size(), 66u);
  log_.tick(now += 1s);
  ASSERT_EQ(lines_.size(), 67u);
  EXPECT_EQ(lines_[66], "and 1 more connection from 10.0.0.9 was refused");
  log_.tick(now += 100s);
  EXPECT_EQ(lines_.size(), 67u);
}

TEST_F(BoundedLogTest, ManyAddressesAreNotManyLines) {
  Time now = 100s;
  for (int second = 0; second < 60; ++second, now += 1s) {
    for (std::uint32_t address = 1; address < 2000; ++address) log_.line(address, "refused", now);
    log_.tick(now);
  }
  EXPECT_LT(lines_.size(), 2000u + 60 * 20 + 7 * 17);
}

}  // namespace
}  // namespace ka::wire
