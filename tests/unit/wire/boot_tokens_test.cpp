#include "wire/boot_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ka::wire {
namespace {

using testing::HasSubstr;

constexpr const char *one = "52:54:00:77:00:01", *other = "52:54:00:77:00:02";

class BootTokensTest : public testing::Test {
 protected:
  std::string why_not(const std::string& card, const std::string& token, const std::string& own = "own") {
    return tokens_.judge(card, shown_token(token, own)).why_not;
  }

  unsigned made_ = 0;
  BootTokens tokens_{[this] { return "token" + std::to_string(++made_); }};
};

TEST_F(BootTokensTest, AMachineShowsWhatItWasGivenAndMayComeAgain) {
  const std::string token = tokens_.next(one);
  EXPECT_EQ(tokens_.next(one), token) << "it may boot twice before it is heard of";
  EXPECT_TRUE(tokens_.judge(one, shown_token(token, "own")).used);
  const BootTokens::Answer again = tokens_.judge(one, shown_token(token, "own"));
  EXPECT_EQ(again.why_not, "") << "its line was cut";
  EXPECT_FALSE(again.used);
}

TEST_F(BootTokensTest, WhatIsShownOnceIsOfNoUseToAnotherMachine) {
  const std::string token = tokens_.next(one);
  EXPECT_EQ(why_not(one, token, "a"), "");
  EXPECT_THAT(why_not(one, token, "b"), HasSubstr("ANOTHER MACHINE HAS SHOWN ITS TOKEN"));
  EXPECT_EQ(why_not(one, token, "a"), "") << "nor does that put out who was first";
}

TEST_F(BootTokensTest, EachBootHasAnother) {
  const std::string first = tokens_.next(one);
  EXPECT_EQ(why_not(one, first, "a"), "");
  const std::string second = tokens_.next(one);
  EXPECT_NE(second, first);
  EXPECT_EQ(why_not(one, second, "b"), "");
  EXPECT_THAT(why_not(one, first, "a"), HasSubstr("of an earlier start"));
}

TEST_F(BootTokensTest, NothingElseIsAToken) {
  EXPECT_THAT(why_not(one, "token1"), HasSubstr("no token of this job")) << "none was made";
  const std::string token = tokens_.next(one), others = tokens_.next(other);
  EXPECT_THAT(tokens_.judge(one, "").why_not, HasSubstr("shows no token"));
  for (const std::string& wrong : {token, token + ":", std::string(":"), std::string(":own")})
    EXPECT_NE(tokens_.judge(one, wrong).why_not, "") << wrong;
  for (const std::string& wrong : {others, token + "x", token.substr(1), std::string("x")})
    EXPECT_THAT(why_not(one, wrong), HasSubstr("of an earlier start")) << wrong;
  EXPECT_EQ(why_not(one, token), "") << "none of them used it up";
}

TEST_F(BootTokensTest, WithdrawnItIsOfNoUseToWhoHasNotComeYet) {
  const std::string first = tokens_.next(one);
  EXPECT_EQ(why_not(one, first), "");
  const std::string second = tokens_.next(one);
  tokens_.withdraw(one);
  EXPECT_NE(why_not(one, second, "b"), "");
  EXPECT_EQ(why_not(one, first), "") << "who has come already may come again";
  EXPECT_NE(tokens_.next(one), second);
}

}  // namespace
}  // namespace ka::wire
