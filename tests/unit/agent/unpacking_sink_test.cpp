// Plain and packed bytes in turns become one stream again.

#include "agent/link/unpacking_sink.h"

#include "tests/unit/run_coroutine.h"

namespace ka::agent {
namespace {

class UnpackingSinkTest : public CoroutineTest {
 protected:
  void SetUp() override {
    if (!can_unpack("")) GTEST_SKIP() << "zstd is not installed";
  }

  static std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

  std::string packed(const std::string& text) {
    Command command({"sh", "-c", "printf %s \"$1\" | zstd -q -c", "sh", text});
    return get(output_of(io_, command));
  }

  BufferSink inner_{1 << 20};
};

TEST_F(UnpackingSinkTest, TurnsBetweenPlainAndPackedDoNotShow) {
  UnpackingSink sink(io_, inner_, "");
  const std::string one = packed("one "), three = packed("three "), plain = "two ";
  get(sink.write_packed(bytes(one.substr(0, 5))));
  get(sink.write_packed(bytes(one.substr(5))));
  get(sink.write(bytes(plain)));
  EXPECT_EQ(inner_.content(), "one two ") << "what was packed is through before what follows it";
  get(sink.write_packed(bytes(three)));
  get(sink.close());
  EXPECT_EQ(inner_.content(), "one two three ");
  EXPECT_EQ(sink.passed_on(), inner_.content().size());
}

TEST_F(UnpackingSinkTest, WhatZstdDoesNotUnderstandIsItsError) {
  UnpackingSink sink(io_, inner_, "");
  const std::string nonsense = "this is no zstd stream";
  std::string error = error_of(sink.write_packed(bytes(nonsense)));
  if (error.empty()) error = error_of(sink.close());
  EXPECT_NE(error.find("zstd -q -d -c ended with status 1"), std::string::npos) << error;
}

TEST_F(UnpackingSinkTest, ACutStreamIsNotClosedWell) {
  UnpackingSink sink(io_, inner_, "");
  const std::string cut = packed("some text that is cut").substr(0, 10);
  get(sink.write_packed(bytes(cut)));
  EXPECT_NE(error_of(sink.close()), "");
}

TEST_F(UnpackingSinkTest, TheInnerSinksFailureIsTheReason) {
  BufferSink small(3);
  UnpackingSink sink(io_, small, "");
  const std::string one = packed("one two three");
  std::string error = error_of(sink.write_packed(bytes(one)));
  if (error.empty()) error = error_of(sink.close());
  EXPECT_NE(error.find("more than the 3 B that are allowed"), std::string::npos) << error;
}

}  // namespace
}  // namespace ka::agent
