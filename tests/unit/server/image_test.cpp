#include "server/shelf/image.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "server/shelf/image_source.h"
#include "tests/unit/server/image_fixture.h"

namespace ka::server {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class GoldenImage : public ImageTest {
 protected:
  std::string refusal() {
    try {
      open_image(folder());
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  std::string refusal_of_writer() {
    try {
      FolderWriter writer(folder());
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  void change_index(const std::function<void(json&)>& change) {
    json index = json::parse(scratch_.content("/image/image.json"));
    change(index);
    write_file(folder() + "/image.json", index.dump(), 0600);
  }
  std::string all_of(std::unique_ptr<Source> source) {
    std::string got;
    auto work = [&]() -> Awaitable<bool> {
      std::vector<std::byte> room(100'000);
      std::span<std::byte> space(room);
      while (const std::size_t size = co_await source->read(space))
        got.append(reinterpret_cast<const char*>(room.data()), size);
      co_await source->finish();
      co_return true;
    };
    const std::string error = error_of(work());
    return error.empty() ? got : error;
  }
};

TEST_F(GoldenImage, IsReadAsItWasSaved) {
  make_image();
  const Image image = open_image(folder() + "/");
  EXPECT_EQ(image.index.golden_host, "golden");
  EXPECT_EQ(image.manifest.streams.size(), 1u);
  EXPECT_EQ(image.index.streams.at(0).unpacked, files_.size());
  EXPECT_LT(image.index.streams.at(0).file.size, files_.size() / 2);
  for (const StoredFile* file : files_of(image.index)) EXPECT_NO_THROW(read_stored(folder(), *file)) << file->name;
}

TEST_F(GoldenImage, NeedsNoKaToBeRead) {
  make_image();
  EXPECT_EQ(shell("sha256sum --quiet --strict -c SHA256SUMS"), 0);
  ASSERT_EQ(shell("zstd -q -d -c system.tar.zst > ../tar && zstd -q -d -c kainstall3.blocks.zst > ../blocks"), 0);
  EXPECT_EQ(scratch_.content("/tar"), files_);
  EXPECT_EQ(scratch_.content("/blocks"), blocks_);
  damage("stage2.sqfs");
  EXPECT_NE(shell("sha256sum --status -c SHA256SUMS"), 0);
}

TEST_F(GoldenImage, IsForItsOwnerAlone) {
  const mode_t before = ::umask(0);
  make_image();
  ::umask(before);
  EXPECT_EQ(scratch_.status("/image").st_mode & 07777, 0700u);
  for (const std::string& name : list_directory(folder()))
    EXPECT_EQ(scratch_.status("/image/" + name).st_mode & 07777, 0600u) << name;
}

TEST_F(GoldenImage, IsNoneUntilItsIndexIsThere) {
  EXPECT_THAT(refusal(), HasSubstr("No such file"));
  {
    FolderWriter writer(folder());
    fill(writer);
    EXPECT_THAT(refusal(), HasSubstr("is not whole: its saving has not come to its end"));
  }
  EXPECT_THAT(refusal(), AllOf(HasSubstr("is not whole"), HasSubstr("ka-server save")));
  scratch_.file("/other/file", "x");
  EXPECT_THROW(open_image(scratch_.at("/other")), Error);
  EXPECT_THROW(open_image(scratch_.at("/other/file")), Error);
}

TEST_F(GoldenImage, WhatIsMissingCutOffOrDamagedIsNamed) {
  make_image();
  const std::string stream = scratch_.content("/image/system.tar.zst");
  write_file(folder() + "/system.tar.zst", stream.substr(1), 0600);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("system.tar.zst has "), HasSubstr("that it was saved with")));
  std::filesystem::remove(folder() + "/system.tar.zst");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("system.tar.zst"), HasSubstr("No such file")));
  write_file(folder() + "/system.tar.zst", stream, 0600);
  for (const char* name : {"stage2.sqfs", "manifest.json"}) {
    damage(name);
    EXPECT_THAT(refusal(), HasSubstr(std::string(name) + ": its SHA-256 is not the one that it was saved with"));
    damage(name);
  }
  EXPECT_EQ(refusal(), "none");
}

TEST_F(GoldenImage, AStreamThatIsDamagedEndsInThat) {
  make_image();
  const Image image = open_image(folder());
  damage("system.tar.zst");
  EXPECT_EQ(refusal(), "none");
  const StoredFile& file = image.index.streams[0].file;
  const std::string wrong = "system.tar.zst: its SHA-256 is not the one that it was saved with";
  EXPECT_THAT(all_of(stored_source(io_, folder(), file)), HasSubstr(wrong));
  EXPECT_THAT(all_of(unpacking_source(io_, stored_source(io_, folder(), file))), HasSubstr(wrong));
  damage("system.tar.zst");
  EXPECT_EQ(all_of(unpacking_source(io_, stored_source(io_, folder(), file))), files_);
}

TEST_F(GoldenImage, OfAnotherVersionIsRefusedWithTheOneThatReadsIt) {
  make_image();
  change_index([](json& index) {
    index["version"] = 7;
    index["made_by"] = "9.1.0";
  });
  EXPECT_THAT(refusal(), AllOf(HasSubstr("version: is 7"), HasSubstr("reads 1"), HasSubstr("KA 9.1.0")));
}

TEST_F(GoldenImage, WhatALaterKaAddsIsLeftAloneUnlessItIsNeeded) {
  make_image();
  change_index([](json& index) { index["thoughts"] = {{"deep", true}}; });
  EXPECT_EQ(refusal(), "none");
  change_index([](json& index) { index["needs"] = {"layers-of-images"}; });
  EXPECT_THAT(refusal(), HasSubstr("needs: are layers-of-images, which this KA"));
}

TEST_F(GoldenImage, AManifestOfAnotherVersionIsRefusedButItsNewFieldsReachTheNodes) {
  {
    FolderWriter writer(folder());
    ImageIndex index = fill(writer);
    json manifest = json::parse(wire::to_json(manifest_of_two_partitions()));
    manifest["novelty"] = 5;
    index.manifest = store_bytes(writer, wire::manifest_session, "manifest.json", manifest.dump()).stream.file;
    writer.finish(index);
  }
  const json told = json::parse(manifest_for(open_image(folder()), wire::Passphrases::asked, ""));
  EXPECT_EQ(told["novelty"], 5);
  EXPECT_EQ(told["passphrases"], "asked");
  EXPECT_EQ(told["tar_compression"], "");
  std::filesystem::remove_all(folder());
  FolderWriter writer(folder());
  ImageIndex index = fill(writer);
  json manifest = json::parse(wire::to_json(manifest_of_two_partitions()));
  manifest["version"] = 99;
  index.made_by = "9.1.0";
  index.manifest = store_bytes(writer, wire::manifest_session, "manifest.json", manifest.dump()).stream.file;
  writer.finish(index);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("version: is 99"), HasSubstr("the image is of KA 9.1.0")));
}

TEST_F(GoldenImage, AnIndexThatLeadsElsewhereIsRefused) {
  make_image();
  const std::string whole = scratch_.content("/image/image.json");
  const std::vector<std::pair<std::function<void(json&)>, const char*>> cases = {
      {[](json& i) { i["stage2"]["name"] = "../../etc/shadow"; }, "stage2.name"},
      {[](json& i) { i["stage2"]["name"] = ".."; }, "stage2.name"},
      {[](json& i) { i["stage2"]["name"] = "manifest.json"; }, "is named twice"},
      {[](json& i) { i["stage2"]["name"] = "image.json"; }, "is named twice"},
      {[](json& i) { i["stage2"]["sha256"] = "00"; }, "stage2.sha256"},
      {[](json& i) { i["stage2"]["size"] = -1; }, "stage2.size"},
      {[](json& i) { i["streams"][0]["packing"] = "xz"; }, "streams[0].packing"},
      {[](json& i) { i["streams"][0]["file"]["size"] = 0; }, "streams[0].file"},
      {[](json& i) { i["streams"][0]["packing"] = ""; }, "streams[0].unpacked"},
      {[](json& i) { i["streams"][0]["session"] = "kainstall3"; }, "its manifest has kainstall2, kainstall3"},
      {[](json& i) { i["streams"].erase(1); }, "its manifest has kainstall2, kainstall3"},
      {[](json& i) { i["format"] = "tar"; }, "format"},
      {[](json& i) { i.erase("warnings"); }, "warnings: is missing"},
  };
  for (const auto& [change, why] : cases) {
    write_file(folder() + "/image.json", whole, 0600);
    change_index(change);
    EXPECT_THAT(refusal(), AllOf(HasSubstr(why), Not(HasSubstr(".cpp"))));
  }
  write_file(folder() + "/image.json", whole.substr(0, whole.size() / 2), 0600);
  EXPECT_THAT(refusal(), HasSubstr("not whole, valid JSON"));
}

TEST_F(GoldenImage, IsNotMadeOverAnotherOneNorOverSomebodysFiles) {
  make_image();
  EXPECT_THAT(refusal_of_writer(), HasSubstr("there is an image in it already"));
  std::filesystem::remove(folder() + "/image.json");
  EXPECT_THAT(refusal_of_writer(), AllOf(HasSubstr("it is not empty"), HasSubstr("not of an image")));
  std::filesystem::remove_all(folder());
  FolderWriter writer(folder());
  EXPECT_THAT(refusal_of_writer(), HasSubstr("another ka-server is saving to it"));
}

TEST_F(GoldenImage, ASavingThatFailsAtOnceLeavesNothing) {
  { FolderWriter writer(folder()); }
  EXPECT_FALSE(scratch_.has("/image"));
}

TEST_F(GoldenImage, ASavingThatFailedLaterIsGoneOnWith) {
  {
    FolderWriter writer(folder());
    store_bytes(writer, wire::stage2_session, "stage2.sqfs", "hsqs");
  }
  EXPECT_THAT(refusal(), HasSubstr("is not whole"));
  make_image();
  EXPECT_EQ(refusal(), "none");
}

TEST_F(GoldenImage, BlocksThatNobodyWroteToAreKeptAllElseIsReadAgain) {
  {
    FolderWriter writer(folder());
    fill(writer);
    const auto part = writer.begin("begun");
    part->write("half");
    // As after a kill: it is there when the next one comes.
    scratch_.file("/image/system.tar.zst.part", "half");
  }
  const auto inode = scratch_.status("/image/kainstall3.blocks.zst").st_ino;
  FolderWriter writer(folder());
  EXPECT_FALSE(scratch_.has("/image/system.tar.zst.part"));
  EXPECT_TRUE(store_bytes(writer, "kainstall3", "kainstall3.blocks", "not read", "3", "untouched").noted);
  EXPECT_FALSE(store_bytes(writer, wire::system_session, "system.tar", files_, "3").noted);
  EXPECT_EQ(scratch_.status("/image/kainstall3.blocks.zst").st_ino, inode);
  damage("kainstall3.blocks.zst");
  EXPECT_FALSE(store_bytes(writer, "kainstall3", "kainstall3.blocks", blocks_, "3", "untouched").noted);
  EXPECT_TRUE(store_bytes(writer, "kainstall3", "kainstall3.blocks", "not read", "3", "untouched").noted);
  EXPECT_FALSE(store_bytes(writer, "kainstall3", "kainstall3.blocks", blocks_, "3", "written to").noted);
  EXPECT_FALSE(store_bytes(writer, "kainstall4", "kainstall4.blocks", blocks_, "3", "written to").noted);
}

TEST_F(GoldenImage, BlocksThatWereWrittenToMeanwhileAreNotNoted) {
  {
    FolderWriter writer(folder());
    ToStore what;
    what.session.name = "kainstall3";
    what.session.open = [this] { return buffer_source(blocks_); };
    what.name = "kainstall3.blocks";
    what.compression = "off";
    what.key = "before";
    EXPECT_FALSE(get(store(
                         io_, writer, what, [] { return std::string("after"); }, [](std::uint64_t) {}))
                     .noted);
  }
  FolderWriter writer(folder());
  EXPECT_FALSE(store_bytes(writer, "kainstall3", "kainstall3.blocks", blocks_, "off", "before").noted);
}

TEST_F(GoldenImage, NothingOfAnEarlierPlanIsLeft) {
  {
    FolderWriter writer(folder());
    store_bytes(writer, "kainstall4", "kainstall4.blocks", blocks_, "3", "untouched");
    store_bytes(writer, wire::system_session, "system.tar", files_);
    store_bytes(writer, "tar-said", "tar-said.txt", "file changed as we read it");
  }
  make_image();
  EXPECT_THAT(list_directory(folder()), ElementsAre("SHA256SUMS", "image.json", "kainstall3.blocks.zst",
                                                    "manifest.json", "stage2.sqfs", "system.tar.zst"));
}

TEST_F(GoldenImage, ASourceThatFailsLeavesNoFile) {
  FolderWriter writer(folder());
  ToStore what;
  what.session.name = wire::system_session;
  what.session.open = [this] { return command_source(io_, Command({"sh", "-c", "echo half; exit 2"})); };
  what.name = "system.tar";
  what.compression = "3";
  EXPECT_THAT(error_of(store(
                  io_, writer, what, [] { return std::string(); }, [](std::uint64_t) {})),
              HasSubstr("ended with status 2"));
  EXPECT_THAT(list_directory(folder()), ElementsAre("saving.json"));
}

TEST(UntouchedKey, IsOfBlockDevicesAlone) {
  EXPECT_EQ(untouched_key("/etc/passwd"), "");
  EXPECT_EQ(untouched_key("/dev/null"), "");
  EXPECT_EQ(untouched_key("/no/such/device"), "");
}

}  // namespace
}  // namespace ka::server
