#include "server/golden/initrds.h"

#include <sys/stat.h>

#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "wire/boot/initrd_content.h"

namespace ka::server {

namespace {

// Unpacked in stage2, and so by the same programs as at a node.
const char* const list_in_stage2 = "tail -c +\"$1\" \"$2\" | chroot \"$3\" sh -c \"$4\" list-initrd \"$5\"";

Awaitable<std::set<std::string>> modules_in(asio::io_context& io, std::string file, std::uint64_t size,
                                            std::string stage2_root) {
  std::set<std::string> held;
  auto read = [&file](std::uint64_t offset, std::size_t most) { return read_up_to(file, offset, most); };
  const boot::PackedPart packed = boot::note_plain_part(held, read, size);
  if (packed.program.empty()) co_return held;
  Command command({"sh", "-c", list_in_stage2, "list-initrd", std::to_string(packed.at + 1), file, stage2_root,
                   boot::list_packed, packed.program});
  auto note = [&held](std::string_view name) { boot::note_name(held, name); };
  co_await run_checked(io, command, note);
  co_return held;
}

// The file itself: a link may lead out of the tree.
bool is_plain(const std::string& root, const std::string& path, struct stat& status) {
  return path.starts_with("/boot/") && ::lstat((root + path).c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Awaitable<std::vector<wire::InitrdContent>> look_into_initrds(asio::io_context& io, std::string root,
                                                              std::string stage2_root, std::vector<std::string> used) {
  std::set<std::string> paths(used.begin(), used.end());
  for (const std::string& version : list_directory(root + "/lib/modules"))
    for (const std::string& path : boot::initrds_of(version)) paths.insert(path);
  std::vector<wire::InitrdContent> found;
  for (const std::string& path : paths) {
    struct stat before {
    }, after{};
    if (stage2_root.empty() || !is_plain(root, path, before)) continue;
    std::set<std::string> held;
    try {
      held = co_await modules_in(io, root + path, static_cast<std::uint64_t>(before.st_size), stage2_root);
    } catch (const Error&) {
      continue;
    }
    if (!is_plain(root, path, after) || after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
        after.st_size != before.st_size)
      continue;
    found.push_back({path, static_cast<std::uint64_t>(before.st_size), before.st_mtim.tv_sec,
                     std::vector<std::string>(held.begin(), held.end())});
  }
  co_return found;
}

}  // namespace ka::server
