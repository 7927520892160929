#include "server/shelf/save.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "net/clock.h"
#include "server/job/chunk_source.h"
#include "wire/messages.h"

namespace ka::server {

namespace {

std::string_view text_of(const wire::Chunk& chunk) {
  return {reinterpret_cast<const char*>(chunk.room.get()), chunk.header.length};
}

}  // namespace

Awaitable<Stored> store(asio::io_context& io, ImageWriter& writer, ToStore what, std::function<std::string()> key_now,
                        std::function<void(std::uint64_t)> progress) {
  Stored stored;
  const bool packs = what.compression != "off";
  if (packs) what.name += ".zst";
  if (auto noted = writer.noted(what.session.name, what.key)) {
    stored.stream = *noted;
    stored.noted = true;
    co_return stored;
  }
  const std::unique_ptr<NewFile> file = writer.begin(what.name);
  ChunkSource source(io, what.session.open(), what.compression, net::steady_now());
  wire::ChunkPool pool;
  for (bool more = true; more;) {
    std::shared_ptr<wire::Chunk> chunk = pool.get();
    more = co_await source.fill(*chunk);
    file->write(text_of(*chunk));
    progress(source.unpacked());
  }
  stored.warnings = co_await source.finish();
  stored.stream = {what.session.name, file->commit(), packs ? wire::zstd_packing : "", source.unpacked()};
  const bool unchanged = !what.key.empty() && key_now() == what.key;
  writer.note(stored.stream, unchanged ? what.key : "");
  co_return stored;
}

// The kernel counts what was written to each device since the boot (Documentation/block/stat.rst): of its fields, the
// requests and sectors that were written, and those that were discarded.
std::string untouched_key(const std::string& device, const std::string& sysfs, const std::string& procfs) {
  struct stat status {};
  if (::stat(device.c_str(), &status) != 0 || !S_ISBLK(status.st_mode)) return "";
  const std::string number = std::to_string(major(status.st_rdev)) + ":" + std::to_string(minor(status.st_rdev));
  const auto counts = read_file_if_any(sysfs + "/dev/block/" + number + "/stat");
  const auto boot = read_file_if_any(procfs + "/sys/kernel/random/boot_id");
  if (!counts || !boot) return "";
  const auto fields = words(trim(*counts));
  constexpr std::size_t writes = 4, sectors_written = 6, discards = 11;
  if (fields.size() <= discards) return "";
  std::string key = device + " " + number + " " + std::string(trim(*boot));
  for (const std::size_t field : {writes, sectors_written, discards}) key += " " + std::string(fields[field]);
  return key;
}

}  // namespace ka::server
