// Pieces of a kept log, for whoever shows it as it grows.

#include "server/view/log_piece.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/logs/log_folder.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using nlohmann::json;
constexpr std::size_t most = 64u << 10;

class LogPieceTest : public testing::Test {
 protected:
  json piece(const std::string& content, std::optional<std::uint64_t> from) {
    scratch_.file("/log", content);
    return json::parse(log_piece_json(open_log(AT_FDCWD, scratch_.at("/log")), from));
  }

  Scratch scratch_;
};

std::string lines(std::size_t first, std::size_t last) {
  std::string text;
  for (std::size_t i = first; i < last; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

TEST_F(LogPieceTest, OfALongLogTheEndInWholeLines) {
  const json told = piece(lines(0, 100'000), std::nullopt);
  EXPECT_EQ(told["lines"].back(), "line 99999");
  EXPECT_EQ(told["next"], lines(0, 100'000).size());
  EXPECT_LE(told["next"].get<std::size_t>() - told["from"].get<std::size_t>(), most);
  EXPECT_EQ(told["lines"][0].get<std::string>().substr(0, 5), "line ");
}

TEST_F(LogPieceTest, PiecesFollowOneAnotherToTheEnd) {
  const std::string all = lines(0, 30'000);
  std::uint64_t from = 0;
  std::string heard;
  for (std::size_t pieces = 0; from < all.size(); ++pieces) {
    ASSERT_LT(pieces, 10u);
    const json told = piece(all, from);
    EXPECT_EQ(told["from"], from);
    for (const std::string line : told["lines"]) heard += line + "\n";
    from = told["next"];
  }
  EXPECT_EQ(heard, all);
}

TEST_F(LogPieceTest, OneLineWithoutEndIsCutAndGoesOn) {
  const json told = piece(std::string(3 * most, 'x'), 0);
  EXPECT_EQ(told["next"], most);
  EXPECT_EQ(told["lines"][0].get<std::string>().size(), most);
  EXPECT_EQ(piece(std::string(3 * most, 'x'), 2 * most)["next"], 3 * most);
}

TEST_F(LogPieceTest, AFileThatHasBecomeShorterIsBegunAnew) {
  EXPECT_EQ(piece("new\n", 1000), json::parse(R"({"kept": true, "from": 0, "next": 4, "lines": ["new"]})"));
}

TEST_F(LogPieceTest, BytesOfAnyKindAreText) {
  std::string bytes;
  for (int i = 255; i >= 0; --i) bytes.push_back(static_cast<char>(i));
  const std::string told = piece(bytes + "\xe2\x82\n\xe2\x82\xac\n", 0).dump();
  EXPECT_EQ(told.find('\x1b'), std::string::npos);
  EXPECT_NE(told.find("\xe2\x82\xac"), std::string::npos);
}

TEST_F(LogPieceTest, NeitherALinkNorAFolderIsRead) {
  scratch_.directory("/folder");
  scratch_.link("/link", "/etc/passwd");
  for (const std::string& path : {scratch_.at("/folder"), scratch_.at("/link"), scratch_.at("/none"), std::string()})
    EXPECT_EQ(json::parse(log_piece_json(open_log(AT_FDCWD, path), 0))["kept"], false) << path;
}

}  // namespace
}  // namespace ka::server
