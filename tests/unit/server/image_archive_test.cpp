// An image as one file.

#include <gmock/gmock.h>

#include "server/shelf/archive_writer.h"
#include "server/shelf/image_source.h"
#include "server/shelf/tar_reader.h"
#include "tests/unit/server/image_fixture.h"

namespace ka::server {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class ImageArchive : public ImageTest {
 protected:
  std::string file() const { return scratch_.at("/golden.ka"); }

  void make_archive(const std::function<void(ImageIndex&)>& change = {}) {
    ArchiveWriter writer(file());
    ImageIndex index = fill(writer);
    if (change) change(index);
    writer.finish(index);
  }

  template <typename Work>
  static std::string refusal_of(Work work) {
    try {
      work();
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  std::string refusal() {
    return refusal_of([&] { open_image(file()); });
  }

  void change_byte(std::uint64_t at) {
    std::string bytes = scratch_.content("/golden.ka");
    bytes[at] ^= 1;
    write_file(file(), bytes, 0600);
  }

  int shell(const std::string& command) {
    return std::system(("cd " + scratch_.root() + " && rm -rf out && mkdir out && " + command).c_str());
  }
};

TEST_F(ImageArchive, IsReadAsAFolderIs) {
  make_archive();
  make_image();
  const Image image = open_image(file()), other = open_image(folder());
  for (const StoredFile* one : files_of(image.index)) EXPECT_NO_THROW(read_stored(image.place, *one)) << one->name;
  EXPECT_EQ(image.manifest_json, other.manifest_json);
  EXPECT_EQ(to_json(image.index), to_json(other.index));
  EXPECT_EQ(scratch_.status("/golden.ka").st_mode & 07777, 0600u);
  EXPECT_FALSE(scratch_.has("/golden.ka.part"));
}

TEST_F(ImageArchive, NeedsNoKaToBeRead) {
  make_archive();
  EXPECT_EQ(shell("tar -tf golden.ka > list"), 0);
  EXPECT_THAT(scratch_.content("/list"), StartsWith("image.json\n"));
  ASSERT_EQ(shell("tar -xf golden.ka -C out && cd out && sha256sum --quiet --strict -c SHA256SUMS && "
                  "zstd -q -d -c system.tar.zst > ../tar && test $(ls | wc -l) = 6"),
            0);
  EXPECT_EQ(scratch_.content("/tar"), files_);
  // What tar has unpacked is an image, too.
  EXPECT_NO_THROW(open_image(scratch_.at("/out")));
  EXPECT_EQ(shell("busybox tar -xf golden.ka -C out && cd out && sha256sum --quiet -c SHA256SUMS"), 0);
  EXPECT_EQ(shell("python3 -c \"import tarfile; tarfile.open('golden.ka').extractall('out')\" && cd out && "
                  "sha256sum --quiet -c SHA256SUMS"),
            0);
}

TEST_F(ImageArchive, IsNoneUntilAllOfItIsThere) {
  {
    ArchiveWriter writer(file());
    fill(writer);
    EXPECT_FALSE(scratch_.has("/golden.ka"));
    EXPECT_THAT(refusal(), HasSubstr("No such file"));
    // As if it had been killed, and somebody had given the name to what is there.
    std::filesystem::copy_file(file() + ".part", file());
    EXPECT_THAT(refusal(), HasSubstr("is not whole: its saving has not come to its end"));
    EXPECT_THAT(refusal_of([&] { writer.finish({}); }), HasSubstr("there is a file of that name by now"));
  }
  EXPECT_FALSE(scratch_.has("/golden.ka.part"));
}

TEST_F(ImageArchive, CutOffAnywhereItIsRefused) {
  make_archive();
  const std::string whole = scratch_.content("/golden.ka");
  for (std::uint64_t size = 0; size < whole.size() - 512; size += size < 2048 ? 100 : 4001) {
    write_file(file(), whole.substr(0, size), 0600);
    EXPECT_THAT(refusal(), testing::AnyOf(HasSubstr("is cut off"), HasSubstr("is none"))) << size;
  }
  for (const std::uint64_t size : {whole.size() - 1024, whole.size() - 1025, std::uint64_t{300 << 10}}) {
    write_file(file(), whole.substr(0, size), 0600);
    EXPECT_THAT(refusal(), HasSubstr("is cut off")) << size;
  }
}

TEST_F(ImageArchive, WhatIsDamagedIsNamed) {
  make_archive();
  const Image image = open_image(file());
  change_byte(image.place.open("stage2.sqfs").offset);
  EXPECT_THAT(refusal(), HasSubstr("stage2.sqfs: its SHA-256 is not the one that it was saved with"));
  change_byte(image.place.open("stage2.sqfs").offset);
  EXPECT_EQ(refusal(), "none");
  change_byte(image.place.open("system.tar.zst").offset + 1000);
  EXPECT_EQ(refusal(), "none");  // it is digested while it is sent
  const StoredFile& stream = image.index.streams[0].file;
  EXPECT_THAT(refusal_of([&] { read_stored(image.place, stream); }),
              HasSubstr("system.tar.zst: its SHA-256 is not the one"));
  change_byte(image.place.open("system.tar.zst").offset - 512);
  EXPECT_THAT(refusal(), HasSubstr("is damaged at byte"));
  change_byte(0);
  EXPECT_THAT(refusal(), HasSubstr("is none"));
  write_file(file(), "x", 0600);
  EXPECT_THAT(refusal(), HasSubstr("is none"));
  ASSERT_EQ(shell("tar -cf golden.ka list out 2> list; true"), 0);
  EXPECT_THAT(refusal(), HasSubstr("does not begin with image.json"));
}

TEST_F(ImageArchive, WarningsBeyondItsRoomAreCounted) {
  make_archive([](ImageIndex& index) { index.warnings.assign(1000, std::string(1000, 'w')); });
  const std::vector<std::string> warnings = open_image(file()).index.warnings;
  EXPECT_THAT(warnings.back(), HasSubstr(" more warnings"));
  EXPECT_GT(warnings.size(), 100u);
}

TEST_F(ImageArchive, NothingIsWrittenOver) {
  make_archive();
  EXPECT_THAT(refusal_of([&] { make_image_writer(file()); }), HasSubstr("there is a file of that name already"));
  EXPECT_THAT(refusal_of([&] { make_image_writer(scratch_.at("/list.txt")); }), "none");
  // A name of what another saving has just made an image of.
  std::filesystem::create_hard_link(file(), scratch_.at("/other.ka.part"));
  EXPECT_THAT(refusal_of([&] { make_image_writer(scratch_.at("/other.ka")); }), HasSubstr("no file of its own"));
  EXPECT_EQ(refusal(), "none");
  std::filesystem::remove(scratch_.at("/other.ka.part"));
  const auto writer = make_image_writer(scratch_.at("/other.ka"));
  EXPECT_THAT(refusal_of([&] { make_image_writer(scratch_.at("/other.ka")); }), HasSubstr("another ka-server"));
}

TEST_F(ImageArchive, ASavingThatWasKilledIsBegunAnew) {
  scratch_.file("/golden.ka.part", std::string(2 << 20, 'x'));
  make_archive();
  EXPECT_EQ(refusal(), "none");
}

TEST(TarHeaders, HaveSizesOfAnyLength) {
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{8} << 30, (std::uint64_t{8} << 30) - 1, std::uint64_t{5} << 42}) {
    const TarHeader header = read_tar_header(tar_header("system.tar.zst", '0', size, 1'700'000'000));
    EXPECT_EQ(header.size, size);
    EXPECT_EQ(header.name, "system.tar.zst");
  }
}

}  // namespace
}  // namespace ka::server
