// What GNU tar writes, heard by TarListener: against the files themselves.
#include "agent/clone/tar_listener.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <map>
#include <random>

#include "base/unique_fd.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::HasSubstr;

struct Heard {
  std::map<std::string, TarListener::File> files;
  std::string error;
};

class TarListenerTest : public CoroutineTest {
 protected:
  // The archive that tar makes of the scratch directory.
  std::string archive(std::vector<std::string> options) {
    std::vector<std::string> argv = {"tar", "--create", "--file=" + out_.at("/tar"), "--sort=name",
                                     "--directory=" + tree_.root()};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.push_back(".");
    Command tar(argv);
    get(run_checked(io_, tar));
    return out_.content("/tar");
  }

  static Heard hear(const std::string& archive, unsigned seed, const std::string& unwanted = "none") {
    Heard heard;
    auto wanted = [&](const std::string& name) { return name != unwanted; };
    auto found = [&](const TarListener::File& file) { heard.files[file.name] = file; };
    TarListener listener(wanted, found);
    std::mt19937 random(seed);
    try {
      for (std::size_t at = 0; at < archive.size();) {
        const std::size_t some = std::min<std::size_t>(archive.size() - at, 1 + random() % (seed % 2 ? 700 : 100'000));
        listener.take(std::as_bytes(std::span(archive).subspan(at, some)));
        at += some;
      }
      listener.end();
    } catch (const Error& error) {
      heard.error = error.what();
    }
    return heard;
  }

  void expect_right(const Heard& heard, const std::vector<std::string>& names) {
    EXPECT_EQ(heard.error, "");
    for (const std::string& name : names) {
      ASSERT_TRUE(heard.files.count(name)) << name;
      const auto& [size, digest] = right(name);
      EXPECT_EQ(heard.files.at(name).size, size) << name;
      EXPECT_EQ(heard.files.at(name).digest, digest) << name;
    }
  }

  // Size and digest, found once: under the sanitizers that takes its time.
  const std::pair<std::size_t, ContentDigest::Value>& right(const std::string& name) {
    const auto [found, fresh] = right_.try_emplace(name);
    if (fresh) {
      const std::string content = read_file(tree_.at("/" + name));
      ContentDigest digest;
      digest.add(0, std::as_bytes(std::span(content)));
      found->second = {content.size(), digest.value(content.size())};
    }
    return found->second;
  }

  // Data at these places, each of 5000 bytes, and a hole everywhere else.
  void sparse_file(const std::string& path, const std::vector<off_t>& places, off_t size) {
    UniqueFd fd(::open(tree_.at(path).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    const std::string data(5000, 'd');
    for (off_t place : places) ASSERT_EQ(::pwrite(fd.get(), data.data(), data.size(), place), 5000);
    ASSERT_EQ(::ftruncate(fd.get(), size), 0);
  }

  Scratch tree_, out_;
  std::map<std::string, std::pair<std::size_t, ContentDigest::Value>> right_;
};

TEST_F(TarListenerTest, NamesAndContentsInAllFormats) {
  const std::string long_name = "d/" + std::string(150, 'n') + "/" + std::string(120, 'm') + "/file";
  tree_.file("/empty", "");
  tree_.file("/small", "hello\n");
  tree_.file("/block", std::string(512, 'b'));
  tree_.file("/large", std::string(3'000'000, 'l') + "end");
  tree_.file("/" + long_name, "long");
  tree_.file("/odd \n\xff name", "odd");
  tree_.link("/link", "small");
  ASSERT_EQ(::link(tree_.at("/small").c_str(), tree_.at("/z-hard").c_str()), 0);
  ASSERT_EQ(::mkfifo(tree_.at("/fifo").c_str(), 0644), 0);
  for (const char* format : {"posix", "gnu", "oldgnu"}) {
    const std::string stream = archive({std::string("--format=") + format, "--xattrs"});
    for (unsigned seed = 0; seed < 6; ++seed) {
      SCOPED_TRACE(std::string(format) + ", seed " + std::to_string(seed));
      const Heard heard = hear(stream, seed);
      expect_right(heard, {"empty", "small", "block", "large", long_name, "odd \n\xff name"});
      EXPECT_EQ(heard.files.size(), 7u);
      ASSERT_TRUE(heard.files.count("z-hard"));
      EXPECT_TRUE(heard.files.at("z-hard").hard_link);
    }
  }
}

TEST_F(TarListenerTest, SparseFilesInEveryForm) {
  std::vector<off_t> many;
  for (off_t i = 0; i < 200; ++i) many.push_back(i * 40'960);
  tree_.directory("/dir");
  sparse_file("/few", {8192, 1 << 20}, 4 << 20);
  sparse_file("/dir/many", many, 9 << 20);
  sparse_file("/only-a-hole", {}, 3 << 20);
  sparse_file("/to-the-end", {(1 << 20) - 5000}, 1 << 20);
  tree_.file("/plain", "plain");
  const std::vector<std::vector<std::string>> forms = {{"--format=posix", "--sparse-version=0.0"},
                                                       {"--format=posix", "--sparse-version=0.1"},
                                                       {"--format=posix", "--sparse-version=1.0"},
                                                       {"--format=gnu"},
                                                       {"--format=oldgnu"}};
  for (auto form : forms) {
    form.push_back("--sparse");
    const std::string stream = archive(form);
    EXPECT_LT(stream.size(), 3u << 20) << "the file system under the test knows no holes";
    for (unsigned seed = 0; seed < 6; ++seed) {
      SCOPED_TRACE(form[0] + " " + form[1] + ", seed " + std::to_string(seed));
      const Heard heard = hear(stream, seed);
      expect_right(heard, {"few", "dir/many", "only-a-hole", "to-the-end", "plain"});
      EXPECT_EQ(heard.files.size(), 5u);
    }
  }
}

TEST_F(TarListenerTest, WhatIsNotWantedIsPassedOver) {
  sparse_file("/few", {8192, 1 << 20}, 4 << 20);
  tree_.file("/plain", "plain");
  const Heard heard = hear(archive({"--format=posix", "--sparse"}), 1, "few");
  expect_right(heard, {"plain"});
  EXPECT_EQ(heard.files.size(), 1u);
}

TEST_F(TarListenerTest, AnArchiveThatBreaksOffIsNoArchive) {
  tree_.file("/large", std::string(100'000, 'l'));
  const std::string stream = archive({"--format=posix"});
  EXPECT_THAT(hear(stream.substr(0, 50'000), 0).error, HasSubstr("it ended in the middle"));
  EXPECT_THAT(hear("no archive" + stream, 0).error, HasSubstr("no header"));
  EXPECT_EQ(hear("", 0).error, "");
}

// Whatever comes, an Error or files; under the sanitizers.
TEST_F(TarListenerTest, DamagedArchivesDoNoHarm) {
  sparse_file("/few", {8192, 1 << 20}, 4 << 20);
  tree_.file("/" + std::string(200, 'n'), "long");
  for (const char* form : {"--format=posix", "--format=oldgnu"}) {
    const std::string stream = archive({form, "--sparse"});
    for (unsigned seed = 0; seed < 300; ++seed) {
      SCOPED_TRACE(seed);
      std::mt19937 random(seed);
      std::string damaged = stream.substr(0, 8192);
      for (int i = 0; i < 4; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
      // A right checksum, so that the damage is read.
      unsigned sum = 8 * ' ';
      for (std::size_t i = 0; i < 512; ++i)
        if (i < 148 || i >= 156) sum += static_cast<unsigned char>(damaged[i]);
      char text[8];
      std::snprintf(text, sizeof text, "%06o", sum);
      damaged.replace(148, 7, std::string(text, 7));
      hear(damaged, seed);
    }
  }
}

}  // namespace
}  // namespace ka::agent
