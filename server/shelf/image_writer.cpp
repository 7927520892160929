#include "server/shelf/image_writer.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "server/shelf/archive_writer.h"
#include "server/shelf/folder_writer.h"

namespace ka::server {

std::unique_ptr<ImageWriter> make_image_writer(const std::string& place) {
  struct stat status {};
  const bool is_there = ::stat(place.c_str(), &status) == 0;
  if (is_there && S_ISDIR(status.st_mode)) return std::make_unique<FolderWriter>(place);
  if (is_there)
    throw Error("save to " + place, "there is a file of that name already; name another one, or remove that one");
  if (place.ends_with(".ka")) return std::make_unique<ArchiveWriter>(place);
  return std::make_unique<FolderWriter>(place);
}

void lock_for_saving(int fd, const std::string& name, const std::string& place) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK) throw Error("save to " + place, "another ka-server is saving to it");
  // Servers of files may have no locks; two of us at once are unlikely there, and the digests would show it.
  if (errno != ENOLCK && errno != EOPNOTSUPP && errno != ENOSYS) throw Error::from_errno("lock " + name);
}

void sync_folder(int fd, const std::string& folder) {
  if (::fsync(fd) != 0 && errno != EINVAL && errno != EOPNOTSUPP) throw Error::from_errno("fsync " + folder);
}

std::string digests_text(const ImageIndex& index) {
  std::string text;
  for (const StoredFile* file : files_of(index)) text += file->sha256 + "  " + file->name + "\n";
  return text;
}

}  // namespace ka::server
