#include "wire/desc.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::wire {
namespace {

using storage::Label;
using storage::Role;

constexpr std::uint64_t mib = 1 << 20;

std::vector<storage::Partition> dos(std::string_view text) {
  return partitions_of(parse_desc(text, "desc"), Label::dos);
}
std::vector<storage::Partition> gpt(std::string_view text) {
  return partitions_of(parse_desc(text, "desc"), Label::gpt);
}

std::string error_of(std::string_view text, Label golden = Label::dos) {
  try {
    partitions_of(parse_desc(text, "desc"), golden);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Desc, TheSampleOfTheKaMethod) {
  auto partitions = dos("linux 3500\nextended fill\nlogical swap 500\nlogical linux fill\n");
  ASSERT_EQ(partitions.size(), 4u);
  EXPECT_EQ(partitions[0].number, 1);
  EXPECT_EQ(partitions[0].type, "83");
  EXPECT_EQ(partitions[0].size.bytes, 3500 * mib);
  EXPECT_EQ(partitions[1].number, 2);
  EXPECT_EQ(partitions[1].role, Role::extended);
  EXPECT_TRUE(partitions[1].size.fill);
  EXPECT_EQ(partitions[2].number, 5);
  EXPECT_EQ(partitions[2].role, Role::logical);
  EXPECT_EQ(partitions[2].type, "82");
  EXPECT_EQ(partitions[3].number, 6);
  EXPECT_TRUE(partitions[3].size.fill);
}

TEST(Desc, CommentsBlankLinesAndAnyBlanks) {
  auto partitions = dos("# a comment\n\n  swap\t1  # behind\r\ntype7 20\ntypeFD fill");
  ASSERT_EQ(partitions.size(), 3u);
  EXPECT_EQ(partitions[1].type, "7");
  EXPECT_EQ(partitions[2].type, "fd");
  EXPECT_EQ(partitions[2].number, 3);
}

TEST(Desc, AnotherExtendedTypeIsExtendedToo) {
  auto partitions = dos("type0f fill\nlogical linux fill\n");
  EXPECT_EQ(partitions[0].role, Role::extended);
  EXPECT_EQ(partitions[0].type, "f");
}

TEST(Desc, APrimaryMayFollowTheExtendedOne) {
  auto partitions = dos("extended 1000\nlinux fill\nlogical linux 500\n");
  EXPECT_EQ(partitions[1].number, 2);
  EXPECT_EQ(partitions[2].number, 5);
}

TEST(Desc, FormatIsTheInverse) {
  const std::string text =
      "linux 100\ntypeee 20\ntype0f fill\nlogical swap 500\nlogical type8e 4\nlogical linux fill\n";
  EXPECT_EQ(format_desc(Label::dos, dos(text)), text);
}

TEST(Desc, AGptHasWordsOfItsOwnAndAsManyPartitionsAsItLikes) {
  auto partitions = gpt("bios 1\nefi 512\nxbootldr 500 name \"boot # 2\"\nlinux 20000 shrink\nS 100\n9: home fill\n");
  ASSERT_EQ(partitions.size(), 6u);
  EXPECT_EQ(partitions[0].type, "21686148-6449-6E6F-744E-656564454649");
  EXPECT_EQ(partitions[1].type, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
  EXPECT_EQ(partitions[2].name, "boot # 2");
  EXPECT_TRUE(partitions[3].size.shrinks);
  EXPECT_EQ(partitions[4].type, "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F");
  EXPECT_EQ(partitions[5].number, 9);
  EXPECT_TRUE(partitions[5].size.fill);
  EXPECT_EQ(partitions[5].role, Role::plain);
}

TEST(Desc, MbrTypesOfAGptAreThoseThatItHas) {
  auto partitions =
      gpt("type83 1\ntype82 1\ntype8e 1\ntypefd 1\ntypeef 1\ntype0fc63daf-8483-4772-8e79-3d69d8477de4 1\n");
  EXPECT_EQ(partitions[0].type, "0FC63DAF-8483-4772-8E79-3D69D8477DE4");
  EXPECT_EQ(partitions[4].type, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
  EXPECT_EQ(partitions[5].type, partitions[0].type);
  EXPECT_EQ(error_of("type07 5\n", Label::gpt), "desc:1: a GPT has no type for type07; typeGUID says any");
  EXPECT_EQ(error_of("extended fill\n", Label::gpt), "desc:1: a GPT has no extended partition");
  EXPECT_EQ(error_of("logical linux 5\n", Label::gpt), "desc:1: a GPT has no logical partitions; take the word away");
}

TEST(Desc, TheFirstLineSaysWhichTable) {
  const Desc desc = parse_desc("# clones get one\ngpt\nbios 1\nlinux fill\n", "desc");
  EXPECT_EQ(desc.label, Label::gpt);
  EXPECT_EQ(partitions_of(desc, Label::dos)[1].type, "0FC63DAF-8483-4772-8E79-3D69D8477DE4");
  EXPECT_EQ(error_of("linux 5\ngpt\n"), "desc:2: gpt belongs on the first line");
  EXPECT_EQ(error_of("dos\nbios 1\n", Label::gpt),
            "desc:2: a DOS partition table has no type for bios; linux will do, or begin the desc with gpt");
}

TEST(Desc, AGptIsWrittenAsItIsRead) {
  const std::string text = "gpt\nbios 1\nlinux 20000 shrink name \"root\"\n7: home fill\n";
  EXPECT_EQ(format_desc(Label::gpt, gpt(text)), text);
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
        Wrong{"linux 10\nlinux\n",
              "desc:2: expected \"[N:] [logical] TYPE SIZE [shrink] [name \"…\"]\", got 1 words: linux"},
        Wrong{"linux 10 MB\n",
              "desc:1: expected \"[N:] [logical] TYPE SIZE [shrink] [name \"…\"]\", got 3 words: linux 10 MB"},
        Wrong{"\n\nlinus 10\n",
              "desc:3: no partition type \"linus\"; known are linux, swap, extended, efi, bios, xbootldr, home, raid, "
              "lvm, "
              "typeXX (hexadecimal) and typeGUID"},
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
              "desc:1: no partition type \"linux\\xff\"; known are linux, swap, extended, efi, bios, xbootldr, home, "
              "raid, lvm, "
              "typeXX (hexadecimal) and typeGUID"}));

TEST(Desc, AtMost59LogicalPartitions) {
  std::string text = "extended fill\n";
  for (int i = 0; i < 59; ++i) text += "logical linux 1\n";
  EXPECT_EQ(dos(text).back().number, 63);
  EXPECT_EQ(error_of(text + "logical linux 1\n"), "desc:61: more than 59 logical partitions");
}

}  // namespace
}  // namespace ka::wire
