// Nobody who only connects keeps out others.

#include "wire/visitors.h"

#include <gtest/gtest.h>

namespace ka::wire {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t stranger = 9, other = 10;

TEST(Visitors, TheOldestOfAnAddressMakesRoom) {
  Visitors visitors;
  NodeId id = 0;
  for (std::size_t i = 0; i < Visitors::most_guests_of_address; ++i) {
    auto answer = visitors.come(++id, stranger, 1s);
    EXPECT_TRUE(answer.welcome && !answer.instead);
  }
  EXPECT_FALSE(visitors.come(++id, other, 1s).instead) << "of another address";
  EXPECT_EQ(visitors.come(++id, stranger, 1s).instead, NodeId{1});
  EXPECT_EQ(visitors.come(++id, stranger, 1s).instead, NodeId{2});
  visitors.gone(3);
  EXPECT_FALSE(visitors.come(++id, stranger, 1s).instead);
}

TEST(Visitors, ManyAddressesTogetherMakeRoomToo) {
  Visitors visitors;
  NodeId id = 0;
  for (std::size_t i = 0; i < Visitors::most_guests; ++i) {
    ++id;
    EXPECT_FALSE(visitors.come(id, 100 + id, 1s).instead);
  }
  auto answer = visitors.come(++id, other, 1s);
  EXPECT_TRUE(answer.welcome);
  EXPECT_EQ(answer.instead, NodeId{1});
}

TEST(Visitors, WhoHasJoinedMakesRoomForNobody) {
  Visitors visitors;
  NodeId id = 0;
  for (std::size_t i = 0; i < Visitors::most_of_address; ++i) {
    auto answer = visitors.come(++id, stranger, 1s);
    EXPECT_TRUE(answer.welcome && !answer.instead) << i;
    visitors.joined(id);
  }
  auto answer = visitors.come(++id, stranger, 1s);
  EXPECT_FALSE(answer.welcome || answer.instead) << "one address has enough";
  EXPECT_TRUE(visitors.come(++id, other, 1s).welcome);
  visitors.gone(1);
  EXPECT_TRUE(visitors.come(++id, stranger, 1s).welcome);
}

TEST(Visitors, GuestsDoNotStayForEver) {
  Visitors visitors;
  visitors.come(1, stranger, 1s);
  visitors.come(2, stranger, 1s);
  visitors.joined(2);
  EXPECT_TRUE(visitors.overdue(1s + Visitors::patience).empty());
  EXPECT_EQ(visitors.overdue(2s + Visitors::patience), std::vector<NodeId>{1});
}

}  // namespace
}  // namespace ka::wire
