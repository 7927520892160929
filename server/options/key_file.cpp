#include "server/options/key_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/random.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace ka::server {

wire::KeyPair read_key_file(const std::string& path) {
  const std::string doing = "read the key " + path;
  struct stat file;
  if (::stat(path.c_str(), &file) != 0) {
    if (errno == ENOENT) throw Error(doing, "there is none: ka-server key makes it");
    throw Error::from_errno(doing);
  }
  if ((file.st_mode & 077) != 0)
    throw Error(doing,
                "others than its owner can read it (chmod 600 " + path + "); if they may have, make another one");
  std::string text = read_file(path, 4096);
  const Secret line{trim(text)};
  wipe(text);
  try {
    return wire::parse_key_pair(line.text());
  } catch (const Error& error) {
    throw Error(doing, words_of(error));
  }
}

std::optional<wire::KeyPair> site_key(const std::string& path) {
  if (!path.empty()) return read_key_file(path);
  if (::access(default_key_file, F_OK) != 0) return std::nullopt;
  return read_key_file(default_key_file);
}

wire::KeyPair make_key_file(const std::string& path) {
  const std::string doing = "make the key " + path;
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash != 0) make_directories(path.substr(0, slash));
  wire::KeyPair key(random_secret());
  // O_EXCL: a key that is there is known to nodes, and must not be lost.
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) {
    if (errno == EEXIST) throw Error(doing, "it is there already, and nodes may know it; it was left as it is");
    throw Error::from_errno(doing);
  }
  const Secret secret = wire::secret_text(key);
  try {
    write_all(file.get(), secret.text(), path);
    write_all(file.get(), "\n", path);
    if (::fsync(file.get()) != 0) throw Error::from_errno(doing);
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
  return key;
}

}  // namespace ka::server
