#include "agent/clone/content_digest.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace ka::agent {
namespace {

// In pieces that end where the seed says.
ContentDigest::Value digest(const std::string& content, unsigned seed) {
  std::mt19937 random(seed);
  ContentDigest digest;
  for (std::size_t at = 0; at < content.size();) {
    const std::size_t some = std::min<std::size_t>(content.size() - at, 1 + random() % 100'000);
    digest.add(at, std::as_bytes(std::span(content).subspan(at, some)));
    at += some;
  }
  return digest.value(content.size());
}

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

TEST(ContentDigestTest, HowTheBytesComeDoesNotMatter) {
  const std::string content = random_text(300'000, 1);
  for (unsigned seed = 0; seed < 20; ++seed) EXPECT_EQ(digest(content, seed), digest(content, 99)) << "seed " << seed;
}

TEST(ContentDigestTest, EveryByteMatters) {
  const std::string content = random_text(200'000, 2);
  for (std::size_t at : {0u, 1u, 65'535u, 65'536u, 131'071u, 199'999u}) {
    std::string other = content;
    other[at] = static_cast<char>(other[at] + 1);
    EXPECT_NE(digest(other, 3), digest(content, 3)) << at;
  }
  EXPECT_NE(digest(content.substr(0, 199'999), 3), digest(content, 3));
}

TEST(ContentDigestTest, BlocksThatChangePlacesMatter) {
  const std::string one = random_text(65'536, 3), other = random_text(65'536, 4);
  EXPECT_NE(digest(one + other, 1), digest(other + one, 1));
}

TEST(ContentDigestTest, AHoleIsZerosAndZerosAreAHole) {
  const std::string data = random_text(1000, 5);
  for (std::size_t begin : {0u, 4096u, 70'000u, 200'000u}) {
    std::string written(300'000, '\0');
    written.replace(begin, data.size(), data);
    written.replace(250'000, data.size(), data);
    ContentDigest sparse;
    sparse.add(begin, std::as_bytes(std::span(data)));
    sparse.add(250'000, std::as_bytes(std::span(data)));
    EXPECT_EQ(sparse.value(written.size()), digest(written, 6)) << begin;
  }
  EXPECT_EQ(ContentDigest().value(100), digest(std::string(100, '\0'), 7));
  EXPECT_NE(ContentDigest().value(100), ContentDigest().value(101));
}

TEST(ContentDigestTest, IsOfUseAgainAfterReset) {
  const std::string content = random_text(100'000, 8);
  ContentDigest twice;
  twice.add(0, std::as_bytes(std::span(content)));
  twice.reset();
  twice.add(0, std::as_bytes(std::span(content)));
  EXPECT_EQ(twice.value(content.size()), digest(content, 9));
}

}  // namespace
}  // namespace ka::agent
