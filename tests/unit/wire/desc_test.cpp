#include "wire/desc.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::wire {
namespace {

using Kind = Partition::Kind;

std::string error_of(std::string_view text) {
  try {
    parse_desc(text, "desc");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Desc, TheSampleOfTheKaMethod) {
  auto partitions = parse_desc("linux 3500\nextended fill\nlogical swap 500\nlogical linux fill\n", "desc");
  ASSERT_EQ(partitions.size(), 4u);
  EXPECT_EQ(partitions[0].number, 1);
  EXPECT_EQ(partitions[0].type, 0x83);
  EXPECT_EQ(partitions[0].size_mib, 3500u);
  EXPECT_EQ(partitions[1].number, 2);
  EXPECT_EQ(partitions[1].kind, Kind::extended);
  EXPECT_FALSE(partitions[1].size_mib);
  EXPECT_EQ(partitions[2].number, 5);
  EXPECT_EQ(partitions[2].kind, Kind::logical);
  EXPECT_EQ(partitions[2].type, 0x82);
  EXPECT_EQ(partitions[3].number, 6);
  EXPECT_FALSE(partitions[3].size_mib);
}

TEST(Desc, CommentsBlankLinesAndAnyBlanks) {
  auto partitions = parse_desc("# a comment\n\n  swap\t1  # behind\r\ntype7 20\ntypeFD fill", "desc");
  ASSERT_EQ(partitions.size(), 3u);
  EXPECT_EQ(partitions[1].type, 0x07);
  EXPECT_EQ(partitions[2].type, 0xfd);
  EXPECT_EQ(partitions[2].number, 3);
}

TEST(Desc, AnotherExtendedTypeIsExtendedToo) {
  auto partitions = parse_desc("type0f fill\nlogical linux fill\n", "desc");
  EXPECT_EQ(partitions[0].kind, Kind::extended);
  EXPECT_EQ(partitions[0].type, 0x0f);
}

TEST(Desc, APrimaryMayFollowTheExtendedOne) {
  auto partitions = parse_desc("extended 1000\nlinux fill\nlogical linux 500\n", "desc");
  EXPECT_EQ(partitions[1].number, 2);
  EXPECT_EQ(partitions[2].number, 5);
}

TEST(Desc, FormatIsTheInverse) {
  const std::string text =
      "linux 100\ntypeee 20\ntype0f fill\nlogical swap 500\nlogical type8e 4\nlogical linux fill\n";
  EXPECT_EQ(format_desc(parse_desc(text, "desc")), text);
}

struct Wrong {
  const char* text;
  const char* error;
};

class WrongDesc : public testing::TestWithParam<Wrong> {};

TEST_P(WrongDesc, NamesTheLineAndTheRemedy) { EXPECT_EQ(error_of(GetParam().text), GetParam().error); }

INSTANTIATE_TEST_SUITE_P(
    Desc, WrongDesc,
    testing::Values(
        Wrong{"", "desc: no partition in it; a line reads \"linux 3500\" or \"linux fill\""},
        Wrong{"# nothing\n", "desc: no partition in it; a line reads \"linux 3500\" or \"linux fill\""},
        Wrong{"linux 10\nlinux\n", "desc:2: expected \"[logical] TYPE SIZE\", got 1 words: linux"},
        Wrong{"linux 10 MB\n", "desc:1: expected \"[logical] TYPE SIZE\", got 3 words: linux 10 MB"},
        Wrong{"\n\nlinus 10\n",
              "desc:3: no partition type \"linus\"; known are linux, swap, extended and typeXX (hexadecimal)"},
        Wrong{"type 10\n", "desc:1: \"type\" is not typeXX with XX from 1 to ff, such as type83 for linux"},
        Wrong{"type0 10\n", "desc:1: \"type0\" is not typeXX with XX from 1 to ff, such as type83 for linux"},
        Wrong{"type083 10\n", "desc:1: \"type083\" is not typeXX with XX from 1 to ff, such as type83 for linux"},
        Wrong{"linux 0\n", "desc:1: \"0\" is not a size: a number of MiB without a unit, or fill"},
        Wrong{"linux -5\n", "desc:1: \"-5\" is not a size: a number of MiB without a unit, or fill"},
        Wrong{"linux 3G\n", "desc:1: \"3G\" is not a size: a number of MiB without a unit, or fill"},
        Wrong{"linux 99999999999999999999\n",
              "desc:1: \"99999999999999999999\" is not a size: a number of MiB without a unit, or fill"},
        Wrong{"linux 4000000\n", "desc:1: 4000000 MiB is more than a DOS partition table can say (2097151 MiB)"},
        Wrong{"logical linux 5\n",
              "desc:1: a logical partition before any extended one; put \"extended fill\" above it"},
        Wrong{"extended fill\nlogical extended 5\n", "desc:2: an extended partition cannot be logical"},
        Wrong{"extended 5\nextended fill\n", "desc:2: a second extended partition; the first is on line 1"},
        Wrong{"linux fill\nlinux 5\n",
              "desc:2: the partition on line 1 fills the disk; give that one a size, or put it last (logical ones may "
              "follow an extended one)"},
        Wrong{"extended fill\nlogical linux fill\nlogical swap 5\n",
              "desc:3: the logical partition on line 2 fills the extended one; give that one a size, or put it last"},
        Wrong{"extended 100\nlogical linux 60\nlogical swap 40\n",
              "desc:3: the logical partitions up to here need 102 MiB (1 MiB each for the table in front of it), the "
              "extended one has 100"},
        Wrong{"linux 1\nlinux 1\nlinux 1\nlinux 1\nlinux 1\n",
              "desc:5: a fifth primary partition; a DOS partition table has four, the extended one among them. Make it "
              "logical, inside an extended one"},
        Wrong{"linux\xff 10\n",
              "desc:1: no partition type \"linux\\xff\"; known are linux, swap, extended and typeXX (hexadecimal)"}));

TEST(Desc, AtMost59LogicalPartitions) {
  std::string text = "extended fill\n";
  for (int i = 0; i < 59; ++i) text += "logical linux 1\n";
  EXPECT_EQ(parse_desc(text, "desc").back().number, 63);
  EXPECT_EQ(error_of(text + "logical linux 1\n"), "desc:61: more than 59 logical partitions");
}

}  // namespace
}  // namespace ka::wire
