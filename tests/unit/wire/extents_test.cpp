#include "wire/extents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/codec.h"

namespace ka::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// What of a stream is whose, in pieces of `step` bytes; and its error.
struct Taken {
  Taken(const std::string& stream, std::uint64_t size, std::size_t step) {
    ExtentReader reader(size);
    auto found = [this](std::uint64_t offset, std::span<const std::byte> bytes) {
      const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (!extents.empty() && extents.back().first + extents.back().second.size() == offset)
        extents.back().second += text;
      else
        extents.emplace_back(offset, text);
    };
    try {
      for (std::size_t at = 0; at < stream.size(); at += step)
        reader.take(std::as_bytes(std::span(stream)).subspan(at, std::min(step, stream.size() - at)), found);
      reader.finish();
    } catch (const ProtocolError& failure) {
      error = failure.what();
    }
  }
  std::vector<std::pair<std::uint64_t, std::string>> extents;
  std::string error;
};

TEST(ExtentReaderTest, HoweverItIsCutTheBytesComeWithTheirPlaces) {
  const std::string stream =
      extent_header({4096, 5}) + "first" + extent_header({1ull << 40, 3}) + "far" + extents_end(2ull << 40);
  for (std::size_t step : {1u, 3u, 16u, 17u, 1000u}) {
    Taken taken(stream, 2ull << 40, step);
    EXPECT_EQ(taken.error, "");
    EXPECT_THAT(taken.extents, ElementsAre(Pair(4096, "first"), Pair(1ull << 40, "far")));
  }
}

TEST(ExtentReaderTest, ADeviceWithoutAnyIsOne) { EXPECT_EQ(Taken(extents_end(7), 7, 16).error, ""); }

TEST(ExtentReaderTest, WhatLiesOverAnotherOneOrBeyondTheEndIsNoStream) {
  const std::string first = extent_header({100, 5}) + "first";
  for (const Extent& next : {Extent{104, 1}, Extent{0, 1}, Extent{1000, 1}, Extent{999, 2}, Extent{~0ull, ~0ull}})
    EXPECT_THAT(Taken(first + extent_header(next) + "xx", 1000, 1000).error,
                HasSubstr("do not lie between 105 and 1000"))
        << next.offset;
}

TEST(ExtentReaderTest, AStreamThatIsCutOffOrOfAnotherDeviceIsAnError) {
  const std::string whole = extent_header({0, 4}) + "data" + extents_end(4);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_THAT(Taken(whole.substr(0, size), 4, 1000).error, HasSubstr("the end is missing")) << size;
  EXPECT_THAT(Taken(whole, 5, 1000).error, HasSubstr("the golden device has 4 bytes and not 5"));
  EXPECT_THAT(Taken(whole + "x", 4, 1000).error, HasSubstr("more behind the end"));
}

}  // namespace
}  // namespace ka::wire
