// What a server and its nodes prove to each other, as the options say.

#include "server/options/level.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "server/options/key_file.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LevelTest : public testing::Test {
 protected:
  std::string refusal() {
    try {
      choose_level(options_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  Scratch files_;
  JobOptions options_;
};

TEST_F(LevelTest, TheKeyOfAFileIsWhatNodesMustKnow) {
  options_.key = files_.at("/key");
  const wire::KeyPair made = make_key_file(options_.key);
  const Level level = choose_level(options_);
  ASSERT_TRUE(level.key);
  EXPECT_EQ(level.key->public_key(), made.public_key());
  EXPECT_THAT(level_text(level), AllOf(HasSubstr("Level pinned"), HasSubstr(wire::fingerprint(made.public_key())),
                                       HasSubstr(wire::to_text(made.public_key()))));
  Report report;
  note_level(level, report);
  EXPECT_THAT(report_json(report), AllOf(HasSubstr("\"level\": \"pinned\""), HasSubstr("\"key\": \"" + report.key)));
}

TEST_F(LevelTest, OpenIsSaidPlainly) {
  options_.open = true;
  const Level level = choose_level(options_);
  EXPECT_FALSE(level.key);
  EXPECT_THAT(level_text(level), AllOf(HasSubstr("Level open"), HasSubstr("anybody")));
  Report report;
  note_level(level, report);
  EXPECT_THAT(report_json(report), AllOf(HasSubstr("\"level\": \"open\""), HasSubstr("\"key\": \"\"")));
}

TEST_F(LevelTest, BothAreAContradiction) {
  options_.key = files_.at("/key");
  options_.open = true;
  EXPECT_THROW(choose_level(options_), UsageError);
}

// Only the default one is made by itself: another name may be a slip.
TEST_F(LevelTest, AKeyThatIsNotThereIsNamedWithWhatHelps) {
  options_.key = files_.at("/none");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("/none"), HasSubstr("ka-server key"), HasSubstr("--open")));
  files_.file("/wrong", "no key");
  options_.key = files_.at("/wrong");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("/wrong"), HasSubstr("--open")));
}

}  // namespace
}  // namespace ka::server
