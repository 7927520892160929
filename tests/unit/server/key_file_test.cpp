#include "server/options/key_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using testing::HasSubstr;

std::string why(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(KeyFile, IsMadeOnceAndReadAgain) {
  Scratch scratch;
  const std::string path = scratch.at("/etc/ka/key");
  EXPECT_THAT(why([&] { read_key_file(path); }), HasSubstr("ka-server key makes it"));
  const wire::KeyPair made = make_key_file(path);
  struct stat file;
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  EXPECT_EQ(read_key_file(path).public_key(), made.public_key());
  EXPECT_THAT(why([&] { make_key_file(path); }), HasSubstr("there already"));
  EXPECT_EQ(read_key_file(path).public_key(), made.public_key());
}

TEST(KeyFile, ThatOthersCanReadOrThatIsNoneIsRefused) {
  Scratch scratch;
  const std::string path = scratch.at("/key");
  make_key_file(path);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_THAT(why([&] { read_key_file(path); }), HasSubstr("chmod 600"));
  write_file(path, "correct horse\n", 0600);
  const std::string said = why([&] { read_key_file(path); });
  EXPECT_THAT(said, HasSubstr(path));
  EXPECT_THAT(said, Not(HasSubstr("horse")));
}

}  // namespace
}  // namespace ka::server
