#include "wire/racks.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::wire {
namespace {

constexpr std::uint32_t net = 10u << 24 | 1u << 8;  // 10.0.1.0

std::string error_of(const std::string& text) {
  try {
    Racks::parse(text, "racks");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Racks, StandInTheOrderOfTheFile) {
  const Racks racks = Racks::parse(
      "# the cellar first\n"
      "cellar 10.0.1.128/25  52:54:00:AA:bb:01\n"
      "\n"
      "attic\t10.0.1.10-10.0.1.20 10.0.1.25  # and one more\n"
      "cellar 10.0.1.5\n",
      "racks");
  EXPECT_EQ(racks.of(net + 200, ""), 0u);
  EXPECT_EQ(racks.of(net + 5, ""), 0u);
  EXPECT_EQ(racks.of(net + 10, ""), 1u);
  EXPECT_EQ(racks.of(net + 20, ""), 1u);
  EXPECT_EQ(racks.of(net + 25, ""), 1u);
  EXPECT_EQ(racks.of(net + 21, ""), 2u) << "in none: behind them all";
  EXPECT_EQ(racks.of(net + 15, "52:54:00:aa:bb:01"), 0u) << "the card tells more than the address";
  EXPECT_EQ(Racks().of(net, "52:54:00:aa:bb:01"), 0u);
}

TEST(Racks, AListOfMachinesNeedsNoNames) {
  const Racks only = Racks::parse("52:54:00:aa:bb:01\n10.0.1.7 10.0.1.9\ncellar 10.0.1.128/25\n", "only");
  EXPECT_TRUE(only.holds(net + 3, "52:54:00:aa:bb:01"));
  EXPECT_TRUE(only.holds(net + 9, ""));
  EXPECT_TRUE(only.holds(net + 200, "52:54:00:aa:bb:02"));
  EXPECT_FALSE(only.holds(net + 8, "52:54:00:aa:bb:02"));
  EXPECT_FALSE(Racks().holds(net + 7, ""));
}

TEST(Racks, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_EQ(error_of("a 10.0.1.1\nb\n"), "racks:2: nothing is in rack b; a line reads \"RACK ADDRESS…\"");
  EXPECT_EQ(error_of("a 10.0.1"), "racks:1: \"10.0.1\" is no address, network, range or hardware address");
  EXPECT_EQ(error_of("a 10.0.1.256"), "racks:1: \"10.0.1.256\" is no address, network, range or hardware address");
  EXPECT_EQ(error_of("a 10.0.1.0/33"), "racks:1: \"10.0.1.0/33\" has no prefix length from 0 to 32");
  EXPECT_EQ(error_of("a 10.0.1.1/24"), "racks:1: \"10.0.1.1/24\" is no network: it has bits behind its prefix");
  EXPECT_EQ(error_of("a 10.0.1.9-10.0.1.1"),
            "racks:1: \"10.0.1.9-10.0.1.1\" is no range from a lower to a higher address");
  EXPECT_EQ(error_of("a 10.0.1.0/24\nb 10.0.1.9"), "racks:2: 10.0.1.9 is in rack a already");
  EXPECT_EQ(error_of("a 52:54:00:aa:bb:01\nb 52:54:00:AA:BB:01"), "racks:2: 52:54:00:AA:BB:01 is in rack a already");
  EXPECT_EQ(error_of("a 0.0.0.0/0 10.0.1.1"), "no error") << "twice in the same rack is once";
}

}  // namespace
}  // namespace ka::wire
