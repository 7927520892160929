#include "base/text.h"

#include <gtest/gtest.h>

namespace ka {
namespace {

TEST(TextTest, EscapedBytesComeBackAsTheyWere) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  all += "\\x41\\\\";
  EXPECT_EQ(unescape_bytes(escape_bytes(all)), all);
}

TEST(TextTest, BrokenEscapesAreRefused) {
  for (const char* text : {"\\", "\\x", "\\x4", "\\xg0", "\\n"}) EXPECT_EQ(unescape_bytes(text), std::nullopt) << text;
}

TEST(TextTest, AnAddressIsFourNumbersOrNothing) {
  EXPECT_EQ(parse_address("10.1.2.255"), 0x0a0102ffu);
  EXPECT_EQ(parse_address("0.0.0.0"), 0u);
  for (const char* text : {"", "10.1", "10.1.2", "10.1.2.3.4", "10.1.2.256", "10.1.2.", "10.1.2.0003", "0xa.1.2.3",
                           " 10.1.2.3", "10.1.2.-3", "10.1.2.3 "}) {
    EXPECT_EQ(parse_address(text), std::nullopt) << text;
  }
}

TEST(TextTest, NumbersAreTheWholeTextOrNothing) {
  EXPECT_EQ(parse_unsigned("3500"), 3500u);
  EXPECT_EQ(parse_unsigned("82", 16), 0x82u);
  for (const char* text : {"", " 1", "1 ", "-1", "+1", "1x", "18446744073709551616"})
    EXPECT_EQ(parse_unsigned(text), std::nullopt) << text;
}

TEST(TextTest, ASeparatorStandsBetweenEachTwo) {
  const std::vector<std::string> words = {"sda", "", "sdb"};
  EXPECT_EQ(joined(words, ", "), "sda, , sdb");
  EXPECT_EQ(joined(std::span(words).first(1), ", "), "sda");
  EXPECT_EQ(joined({}, ", "), "");
}

TEST(TextTest, WordsOfStrangersDriveNoTerminal) {
  EXPECT_EQ(printable("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7"), "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7");
  EXPECT_EQ(printable("\x1b[2J\r\n\x7f"), "\\x1b[2J\\x0d\\x0a\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J")
      << "CSI as one character";
  EXPECT_EQ(printable("\x9b"
                      "2J"),
            "\\x9b2J")
      << "CSI as one byte";
  EXPECT_EQ(printable("\xc0\x9b\xe2\x82"), "\\xc0\\x9b\\xe2\\x82");
  EXPECT_EQ(printable("\xed\xa0\x80\xf4\x90\x80\x80\xff"), "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80\\xff");
}

TEST(TextTest, SizesAreReadable) {
  EXPECT_EQ(format_size(0), "0 B");
  EXPECT_EQ(format_size(1023), "1023 B");
  EXPECT_EQ(format_size(1536), "1.5 KiB");
  EXPECT_EQ(format_size(627u << 20), "627.0 MiB");
}

}  // namespace
}  // namespace ka
