// A tree is sent by tar, unpacked elsewhere, and read back there.
#include "agent/clone/proof.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "base/unique_fd.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ProofTest : public CoroutineTest {
 protected:
  void SetUp() override {
    golden_.file("/boot/vmlinuz", std::string(200'000, 'k'));
    golden_.file("/boot/grub/grub.cfg", "menuentry\n");
    golden_.file("/etc/hosts", "127.0.0.1 localhost\n");
    golden_.file("/usr/bin/tool", std::string(100'000, 't'));
    golden_.file("/var/deep/er/data", "data");
  }

  void copy(Proof& proof, bool unpacked = true) {
    Command pack(
        {"tar", "--create", "--file=" + out_.at("/tar"), "--format=posix", "--directory=" + golden_.root(), "."});
    get(run_checked(io_, pack));
    const std::string stream = out_.content("/tar");
    Command unpack({"tar", "--extract", "--file=-", "--directory=" + clone_.root()});
    std::unique_ptr<Sink> inner = std::make_unique<BufferSink>(64 << 20);
    if (unpacked) inner = std::make_unique<CommandSink>(io_, unpack, [](std::string_view) {});
    auto sink = proof.listen(std::move(inner));
    auto feed = [&]() -> Awaitable<void> {
      co_await sink->write(std::as_bytes(std::span(stream)));
      co_await sink->close();
    };
    get(feed());
    proof.copied();
  }

  // As a disk would: the inode says nothing of it (this one does, but nobody looks any more).
  void damage(const std::string& path, off_t at) {
    UniqueFd fd(::open(clone_.at(path).c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::pwrite(fd.get(), "\0", 1, at), 1);
  }

  static std::string read_back(Proof& proof, const std::string& root) {
    try {
      proof.read_back(root);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  Scratch golden_, clone_, out_;
};

TEST_F(ProofTest, AWholeCloneIsWhole) {
  for (bool all : {false, true}) {
    Proof proof(all);
    copy(proof);
    proof.note_changes(clone_.root());
    EXPECT_EQ(read_back(proof, clone_.root()), "");
    EXPECT_EQ(proof.files(), all ? 5u : 2u);
    EXPECT_EQ(proof.bytes_read(), proof.bytes());
  }
}

TEST_F(ProofTest, AByteThatWasLostIsFoundWithTheFilesName) {
  Proof proof(true);
  copy(proof);
  proof.note_changes(clone_.root());
  damage("/usr/bin/tool", 99'999);
  EXPECT_EQ(read_back(proof, clone_.root()),
            "read /usr/bin/tool back from the disk: what is read is not what was written");
  damage("/var/deep/er/data", 0);
  EXPECT_THAT(read_back(proof, clone_.root()), HasSubstr("(and 1 more files are wrong)"));
}

TEST_F(ProofTest, WithoutAllOnlyFilesOfBootCount) {
  Proof proof(false);
  copy(proof);
  proof.note_changes(clone_.root());
  damage("/usr/bin/tool", 5);
  EXPECT_EQ(read_back(proof, clone_.root()), "");
  damage("/boot/vmlinuz", 5);
  EXPECT_THAT(read_back(proof, clone_.root()), HasSubstr("/boot/vmlinuz"));
}

TEST_F(ProofTest, AFileThatIsGoneOrShorterIsFound) {
  Proof proof(true);
  copy(proof);
  proof.note_changes(clone_.root());
  ::unlink(clone_.at("/etc/hosts").c_str());
  EXPECT_EQ(read_back(proof, clone_.root()), "read /etc/hosts back from the disk: No such file or directory");
  clone_.file("/etc/hosts", "");
  EXPECT_EQ(read_back(proof, clone_.root()), "read /etc/hosts back from the disk: it has 0 bytes, 20 were written");
}

TEST_F(ProofTest, WhatTheCloneItselfChangedIsComparedWithWhatItWrote) {
  for (const char* damaged : {"", "/etc/hosts", "/boot/initrd", "/etc/new"}) {
    SCOPED_TRACE(damaged);
    std::filesystem::remove_all(clone_.root() + "/etc");
    Proof proof(true);
    copy(proof);
    clone_.file("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 node7\n");
    clone_.file("/boot/initrd", "a new initrd");
    clone_.file("/etc/new", "new");
    ::unlink(clone_.at("/var/deep/er/data").c_str());
    proof.note_changes(clone_.root());
    if (*damaged) damage(damaged, 1);
    if (*damaged)
      EXPECT_THAT(read_back(proof, clone_.root()), HasSubstr(damaged));
    else
      EXPECT_EQ(read_back(proof, clone_.root()), "");
  }
}

TEST_F(ProofTest, DamageBeforeTheChangesAreNotedIsFoundToo) {
  Proof proof(true);
  copy(proof);
  // The inode is as tar left it: its time of change cannot be set, but the disk can be another one.
  Scratch lying;
  std::filesystem::copy(clone_.root(), lying.root(), std::filesystem::copy_options::recursive);
  lying.file("/usr/bin/tool", std::string(99'999, 't') + "x");
  proof.note_changes(clone_.root());
  EXPECT_THAT(read_back(proof, lying.root()), AllOf(HasSubstr("/usr/bin/tool"), Not(HasSubstr("more files"))));
}

TEST_F(ProofTest, PathsLongerThanTheKernelTakesAreReadToo) {
  std::string path = golden_.root();
  UniqueFd here(::open(golden_.root().c_str(), O_PATH | O_CLOEXEC));
  const std::string name(200, 'n');
  for (int i = 0; i < 25; ++i) {
    ASSERT_EQ(::mkdirat(here.get(), name.c_str(), 0755), 0);
    here = UniqueFd(::openat(here.get(), name.c_str(), O_PATH | O_CLOEXEC));
  }
  UniqueFd file(::openat(here.get(), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_EQ(::write(file.get(), "deep", 4), 4);
  Proof proof(true);
  copy(proof, false);  // tar cannot unpack such a path
  proof.note_changes(golden_.root());
  EXPECT_EQ(read_back(proof, golden_.root()), "");
}

TEST_F(ProofTest, ItsMemoryIsFewBytesForAFile) {
  for (int i = 0; i < 3000; ++i)
    golden_.file("/usr/share/doc/package-" + std::to_string(i / 10) + "/file-" + std::to_string(i), "x");
  Proof proof(true);
  copy(proof);
  EXPECT_LT(proof.memory() / proof.files(), 100u);
}

TEST_F(ProofTest, OfADeviceWhatWasSentIsReadBackAndNothingElse) {
  const std::string stream = wire::extent_header({0, 70'000}) + std::string(70'000, 'a') +
                             wire::extent_header({100'000, 5}) + "bytes" + wire::extents_end(200'000);
  std::string disk(200'000, 'o');
  disk.replace(0, 70'000, 70'000, 'a').replace(100'000, 5, "bytes");
  for (std::size_t damaged : {80'000u, 3u, 69'999u, 100'004u}) {
    Proof proof(true);
    copy(proof);
    auto sink = proof.listen_raw(std::make_unique<BufferSink>(1 << 20), clone_.at("/disk"), 200'000);
    for (std::size_t at = 0; at < stream.size(); at += 777)
      get(sink->write(std::as_bytes(std::span(stream)).subspan(at, std::min<std::size_t>(777, stream.size() - at))));
    get(sink->close());
    std::string now = disk;
    now[damaged] = 'x';
    clone_.file("/disk", now);
    const std::string why = read_back(proof, clone_.root());
    if (damaged == 80'000u)
      EXPECT_EQ(why, "");
    else
      EXPECT_THAT(why, HasSubstr("/disk back from the disk: what is read is not what was written"));
  }
}

}  // namespace
}  // namespace ka::agent
