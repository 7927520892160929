#include "server/shelf/image_place.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/shelf/image.h"
#include "server/shelf/tar_reader.h"

namespace ka::server {

namespace {

constexpr const char* no_archive = "is none: it is no tar archive that ka-server save has made, nor a folder";

UniqueFd open_or_throw(const std::string& path, const std::string& for_people) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) throw Error::from_errno(for_people);
  return fd;
}

std::uint64_t size_of_file(int fd, const std::string& for_people) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw Error::from_errno(for_people);
  if (!S_ISREG(status.st_mode)) throw Error(for_people, "is no file");
  return static_cast<std::uint64_t>(status.st_size);
}

bool is_all_zeros(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

[[noreturn]] void cut_off(const std::string& what, std::uint64_t size) {
  throw Error(what, "is cut off: it has " + std::to_string(size) + " bytes, and there should be more");
}

}  // namespace

ImagePlace ImagePlace::of_archive(const std::string& path) {
  const std::string what = "image " + path;
  const UniqueFd fd = open_or_throw(path, what);
  const std::uint64_t size = size_of_file(fd.get(), what);
  ImagePlace place(path);
  place.archive_ = true;
  for (std::uint64_t at = 0;;) {
    const std::string block = read_up_to(path, at, tar_block);
    if (block.size() < tar_block && at > 0) cut_off(what, size);
    if (block.size() < tar_block) throw Error(what, no_archive);
    if (is_all_zeros(block)) {
      if (at > 0) return place;
      // Its index is written last, to where it begins.
      throw Error(what, "is not whole: its saving has not come to its end");
    }
    TarHeader header;
    try {
      header = read_tar_header(block);
    } catch (const Error&) {
      if (at == 0) throw Error(what, no_archive);
      throw Error(what, "is damaged at byte " + std::to_string(at));
    }
    const bool is_file = header.type == '0';
    if (at == 0 && (!is_file || header.name != image_index))
      throw Error(what, "is none: it is an archive that does not begin with " + std::string(image_index));
    at += tar_block;
    if (header.size > size - std::min(at, size)) cut_off(what, size);
    if (is_file && !place.members_.insert({header.name, {at, header.size}}).second)
      throw Error(what, escape_bytes(header.name) + " is in it twice");
    at += (header.size + tar_block - 1) / tar_block * tar_block;
  }
}

ImagePlace::File ImagePlace::open(const std::string& name) const {
  const std::string what = "image " + path_ + ": " + name;
  File file;
  if (!archive_) {
    file.fd = open_or_throw(path(name), what);
    file.size = size_of_file(file.fd.get(), what);
    return file;
  }
  const auto member = members_.find(name);
  if (member == members_.end()) throw Error(what, "is not in it");
  file.fd = open_or_throw(path_, what);
  file.offset = member->second.offset;
  file.size = member->second.size;
  return file;
}

}  // namespace ka::server
