// The walk through the golden files: trees of any depth, flags, attributes, sockets.
#include "server/golden/survey.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/extended_attributes.h"
#include "base/unique_fd.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

// A chain of directories "d", each in the other; the path of the deepest is longer than any system call takes.
void make_nested(const std::string& top, int depth) {
  UniqueFd at(::open(top.c_str(), O_RDONLY | O_DIRECTORY));
  for (int i = 0; i < depth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "d", 0755), 0) << i;
    at.reset(::openat(at.get(), "d", O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(at.valid()) << i;
  }
  UniqueFd file(::openat(at.get(), "file", O_WRONLY | O_CREAT, 0644));
  ASSERT_TRUE(file.valid());
}

void remove_nested(const std::string& top) { (void)!std::system(("rm -rf '" + top + "'").c_str()); }

class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t most) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = most;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(ServerSurvey, ElevenHundredNestedDirectoriesAreWalked) {
  Scratch tree;
  tree.directory("/deep");
  make_nested(tree.at("/deep"), 1100);
  Survey found;
  {
    FewDescriptors few(256);
    found = survey(tree.root(), {"/"}, {});
  }
  EXPECT_EQ(found.totals["/"].inodes, 1u + 1 + 1100 + 1);
  EXPECT_TRUE(found.problems.empty());
  remove_nested(tree.at("/deep"));
}

TEST(ServerSurvey, APathThatTarCannotUnpackIsAProblemAndTheWalkGoesOn) {
  Scratch tree;
  tree.directory("/deep");
  make_nested(tree.at("/deep"), 5000);
  tree.file("/zz/file", "x");
  Survey found;
  {
    FewDescriptors few(256);
    found = survey(tree.root(), {"/"}, {});
  }
  ASSERT_EQ(found.problems.size(), 1u);
  EXPECT_THAT(found.problems[0].path, testing::StartsWith("/deep/d/d/"));
  EXPECT_THAT(found.problems[0].why, testing::HasSubstr("more than 4080 bytes"));
  EXPECT_GT(found.totals["/"].inodes, 2000u);
  // Left out, it is none.
  EXPECT_TRUE(survey(tree.root(), {"/"}, {"/deep"}).problems.empty());
  remove_nested(tree.at("/deep"));
}

TEST(ServerSurvey, BareDirectoriesAndSocketsKeepTheirAttributes) {
  Scratch tree;
  tree.file("/out/file", "x");
  ASSERT_EQ(::mknod(tree.at("/socket").c_str(), S_IFSOCK | 0600, 0), 0);
  set_extended_attribute(tree.at("/out"), "trusted.label", "tmp_t");
  set_extended_attribute(tree.at("/socket"), "trusted.label", "sock_t");
  Survey found = survey(tree.root(), {"/"}, {"/out"});
  ASSERT_EQ(found.bare_directories.size(), 1u);
  EXPECT_EQ(found.bare_directories[0].attributes.at("trusted.label"), "tmp_t");
  ASSERT_EQ(found.sockets.size(), 1u);
  EXPECT_EQ(found.sockets[0].attributes.at("trusted.label"), "sock_t");
}

// Where the file system of the working directory has flags (ext4).
TEST(ServerSurvey, FlagsOfFilesAndDirectories) {
  char place[] = "/var/tmp/ka-survey-XXXXXX";
  ASSERT_NE(::mkdtemp(place), nullptr);
  const std::string root = place;
  auto set = [&root](const std::string& path, unsigned flags) {
    UniqueFd fd(::open((root + path).c_str(), O_RDONLY));
    unsigned now = 0;
    if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &now) != 0) return false;
    now = (now & ~wire::carried_inode_flags) | flags;
    return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &now) == 0;
  };
  make_directories(root + "/etc");
  make_directories(root + "/out");
  for (const char* name : {"/etc/a", "/etc/b", "/etc/plain", "/out/c"}) write_file(root + name, "x");
  constexpr unsigned immutable = 0x10, no_dump = 0x40, no_atime = 0x80;
  const bool can = set("/etc/a", no_dump) && set("/etc/b", no_dump) && set("/out", no_atime) &&
                   set("/out/c", no_dump) && set("/etc/plain", immutable);
  if (can) {
    Survey found = survey(root, {"/"}, {"/out"});
    std::map<std::string, std::uint32_t> flags;
    for (const wire::InodeFlags& group : found.inode_flags)
      for (const std::string& name : group.names) flags[group.directory + "|" + name] = group.flags;
    const std::map<std::string, std::uint32_t> right = {
        {"/etc|a", no_dump}, {"/etc|b", no_dump}, {"/etc|plain", immutable}, {"/|out", no_atime}};
    EXPECT_EQ(flags, right);
    EXPECT_LE(found.inode_flags.size(), 4u);
  }
  if (can) {
    std::map<std::string, bool> directories;
    for (const wire::InodeFlags& group : survey(root, {"/"}, {}).inode_flags)
      for (const std::string& name : group.names) directories[name] = group.directories;
    EXPECT_EQ(directories,
              (std::map<std::string, bool>{{"a", false}, {"b", false}, {"plain", false}, {"out", true}, {"c", false}}));
  }
  set("/etc/plain", 0);
  remove_nested(root);
  if (!can) GTEST_SKIP() << "no flags in /var/tmp";
}

}  // namespace
}  // namespace ka::server
