#include "server/shelf/image_writer.h"

#include <sys/stat.h>

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

std::string digests_text(const ImageIndex& index) {
  std::string text;
  for (const StoredFile* file : files_of(index)) text += file->sha256 + "  " + file->name + "\n";
  return text;
}

}  // namespace ka::server
