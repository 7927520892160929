#include "agent/boot/failure_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "../scratch.h"
#include "base/text.h"

namespace ka::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const FailedMachine machine = {"node35", "52:54:00:12:34:56", "CZC1234X7Y",
                               "The disks of this machine are too small: they need 52 MiB, there are 31"};

// What a person sees: the blocks as #, no control sequences.
std::vector<std::string> seen(const FailedMachine& of, unsigned columns, unsigned rows) {
  std::string text = failure_screen(of, columns, rows);
  EXPECT_TRUE(text.starts_with("\x1b[0m\x1b[2J\x1b[H"));
  text.erase(0, text.find("\x1b[H") + 3);
  for (std::smatch block; std::regex_search(text, block, std::regex("\x1b\\[7m( +)\x1b\\[27m"));)
    text = block.prefix().str() + std::string(static_cast<std::size_t>(block.length(1)), '#') + block.suffix().str();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  std::vector<std::string> lines;
  for (std::string_view line : split(text, '\n')) lines.emplace_back(trim(line.substr(0, line.find('\r'))));
  lines.pop_back();
  return lines;
}

bool has(const std::vector<std::string>& lines, const std::string& text) {
  std::string all;
  for (const std::string& line : lines) all += line + " ";
  return all.find(text) != std::string::npos;
}

TEST(LargeLetters, AreFiveLines) {
  EXPECT_THAT(large_letters("K-1", 1),
              ElementsAre("# #      #  ", "# #     ##  ", "##  ###  #  ", "# #      #  ", "# #     ### "));
  EXPECT_THAT(large_letters(":", 2)[1], "  ##    ");
  EXPECT_EQ(large_letters("a", 1), large_letters("A", 1));
  EXPECT_EQ(large_letters("\xc3", 1), large_letters(" ", 1));
}

TEST(LargeLetters, NoTwoAreAlike) {
  std::vector<std::vector<std::string>> drawn;
  for (const char c : std::string("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.: "))
    drawn.push_back(large_letters({&c, 1}, 1));
  std::sort(drawn.begin(), drawn.end());
  EXPECT_EQ(std::adjacent_find(drawn.begin(), drawn.end()), drawn.end());
}

TEST(FailureScreen, HasNameAddressSerialNumberAndReasonOnEightyByTwentyFive) {
  const auto lines = seen(machine, 80, 25);
  EXPECT_LE(lines.size(), 22u);
  for (const std::string& line : lines) EXPECT_LT(line.size(), 80u);
  EXPECT_EQ(lines[0], "KA: THIS MACHINE WAS NOT CLONED");
  for (const auto& [text, wide] :
       {std::pair("node35", 3u), std::pair("52:54:00:12:34:56", 1u), std::pair("CZC1234X7Y", 2u)})
    EXPECT_TRUE(has(lines, std::string(trim(large_letters(text, wide)[0])))) << text;
  EXPECT_TRUE(has(lines, machine.reason));
}

TEST(FailureScreen, ALongReasonTakesTheRoomOfLargeLettersButNotOfTheName) {
  FailedMachine wordy = machine;
  for (int i = 0; i < 8; ++i) wordy.reason += "\nline " + std::to_string(i);
  auto lines = seen(wordy, 80, 25);
  EXPECT_LE(lines.size(), 22u);
  EXPECT_TRUE(has(lines, std::string(trim(large_letters("node35", 3)[0]))));
  EXPECT_TRUE(has(lines, "Serial number CZC1234X7Y"));
  EXPECT_TRUE(has(lines, "line 7"));
  for (int i = 0; i < 100; ++i) wordy.reason += " and more";
  lines = seen(wordy, 80, 25);
  EXPECT_EQ(lines.size(), 22u);
  EXPECT_THAT(lines.back(), HasSubstr("ka-server log"));
  EXPECT_TRUE(has(lines, "MAC 52:54:00:12:34:56"));
}

TEST(FailureScreen, OneThatKnowsNothingOfItselfShowsTheReasonAndNothingOfItMovesTheCursor) {
  const auto lines = seen({"", "", "", "no answer \x1b[2J to DHCP"}, 80, 25);
  EXPECT_THAT(lines, ElementsAre("KA: THIS MACHINE WAS NOT CLONED", "", "no answer \\x1b[2J to DHCP"));
}

TEST(FailureScreen, FitsWhateverSizeAConsoleHas) {
  for (unsigned columns : {0u, 1u, 20u, 40u, 132u, 240u})
    for (unsigned rows : {0u, 1u, 4u, 10u, 67u}) {
      const auto lines = seen(machine, columns, rows);
      EXPECT_LE(lines.size(), std::max(1u, rows < 4 ? 1 : rows - 3)) << columns << "x" << rows;
      for (const std::string& line : lines) EXPECT_LE(line.size(), std::max(20u, columns));
    }
}

TEST(SerialNumber, IsOneThatMeansSomething) {
  Scratch dmi;
  EXPECT_EQ(serial_number(dmi.root()), "");
  dmi.file("/product_serial", "To Be Filled By O.E.M.\n");
  dmi.file("/chassis_serial", "0000000\n");
  EXPECT_EQ(serial_number(dmi.root()), "");
  dmi.file("/board_serial", " PF3XYZ12 \n");
  EXPECT_EQ(serial_number(dmi.root()), "PF3XYZ12");
  dmi.file("/product_serial", "CZC1234X7Y\n");
  EXPECT_EQ(serial_number(dmi.root()), "CZC1234X7Y");
}

}  // namespace
}  // namespace ka::agent
