#include "agent/bootable/initrd_content.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "wire/boot/initrd_content.h"

namespace ka::agent {

namespace {

struct stat status_of(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) throw Error::from_errno("read " + file);
  return status;
}

}  // namespace

Awaitable<std::set<std::string>> InitrdContents::of(std::string path) const {
  const std::string file = clone_.outside(path, true);
  const struct stat status = status_of(file);
  auto is_it = [&](const wire::InitrdContent& told) {
    return told.file == path && S_ISREG(status.st_mode) && told.size == static_cast<std::uint64_t>(status.st_size) &&
           told.mtime == status.st_mtim.tv_sec;
  };
  const auto told = std::find_if(told_.begin(), told_.end(), is_it);
  if (told != told_.end()) co_return std::set<std::string>(told->holds.begin(), told->holds.end());
  co_return co_await look_into(file);
}

Awaitable<std::set<std::string>> InitrdContents::look_into(std::string file) const {
  std::set<std::string> held;
  const auto size = static_cast<std::uint64_t>(status_of(file).st_size);
  boot::PackedPart packed;
  try {
    auto read = [&file](std::uint64_t offset, std::size_t most) { return read_up_to(file, offset, most); };
    packed = boot::note_plain_part(held, read, size);
  } catch (const Error& error) {
    throw in_context(file, error);
  }
  if (packed.program.empty()) co_return held;
  const std::string list = std::string("tail -c +\"$2\" \"$3\" | ") + boot::list_packed;
  Command command({"sh", "-c", list, "list-initrd", packed.program, std::to_string(packed.at + 1), file});
  command.root = stage2_.root();
  auto note = [&held](std::string_view name) { boot::note_name(held, name); };
  co_await machine_.run(command, note);
  co_return held;
}

}  // namespace ka::agent
