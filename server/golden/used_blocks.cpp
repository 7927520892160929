#include "server/golden/used_blocks.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace ka::server {

namespace {

using wire::Extent;

constexpr std::uint64_t mib = 1024 * 1024;

std::uint64_t little(std::string_view bytes) {
  std::uint64_t value = 0;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) value = value << 8 | static_cast<std::uint8_t>(*byte);
  return value;
}

// A journal that has to be played back first allocates blocks of which the bitmaps know nothing, and partclone does not
// always look. "": there is none.

std::string ext_left_open(const std::string& device) {
  constexpr std::uint64_t needs_recovery = 4;
  return little(read_at(device, 1024 + 96, 4)) & needs_recovery ? "its journal is not played back" : "";
}

std::string btrfs_left_open(const std::string& device) {
  constexpr std::uint64_t superblock = 65536;
  if (little(read_at(device, superblock + 96, 8)) != 0) return "its log is not played back";
  return little(read_at(device, superblock + 136, 8)) != 1 ? "it has several devices" : "";
}

std::string exfat_left_open(const std::string& device) {
  constexpr std::uint64_t dirty = 2;
  return little(read_at(device, 106, 2)) & dirty ? "it was not unmounted" : "";
}

struct Kind {
  const char* type;       // blkid's word
  const char* partclone;  // the end of its name
  std::string (*left_open)(const std::string& device);
};

// XFS and NTFS are asked by programs of their own.
constexpr Kind kinds[] = {
    {"ntfs", "ntfs", nullptr},           {"vfat", "fat", nullptr},         {"exfat", "exfat", exfat_left_open},
    {"ext2", "extfs", ext_left_open},    {"ext3", "extfs", ext_left_open}, {"ext4", "extfs", ext_left_open},
    {"btrfs", "btrfs", btrfs_left_open}, {"xfs", "xfs", nullptr},
};

const Kind* find_kind(std::string_view type) {
  for (const Kind& kind : kinds)
    if (type == kind.type) return &kind;
  return nullptr;
}

struct Told {
  ExitStatus status;
  std::string text;
};

Awaitable<Told> tell(asio::io_context& io, std::string root, std::vector<std::string> argv) {
  Command command(std::move(argv));
  command.root = std::move(root);
  Told told;
  auto keep = [&told](std::string_view line) { told.text.append(line).append("\n"); };
  told.status = co_await run(io, command, keep);
  co_return told;
}

bool has(const std::string& root, const std::string& program) {
  return ::access((root + "/usr/bin/" + program).c_str(), X_OK) == 0 ||
         ::access((root + "/usr/sbin/" + program).c_str(), X_OK) == 0;
}

// Windows that hibernates, or has shut down "fast", keeps what it did not write in hiberfil.sys, and partclone does not
// look for that. A volume that is marked as dirty partclone refuses by itself.
Awaitable<void> check_ntfs(asio::io_context& io, std::string root, std::string device) {
  constexpr int hibernated = 14, not_clean = 15;
  std::vector<std::string> argv = {"ntfs-3g.probe", "--readwrite", device};
  const Told told = co_await tell(io, root, std::move(argv));
  if (told.status.ok()) co_return;
  if (told.status.code() == hibernated)
    throw Error("copy " + device,
                "Windows hibernates on it, or was shut down by \"Fast Startup\", and a copy would lose what it has not "
                "written yet: in Windows run powercfg /h off, then shutdown /s /t 0");
  throw Error("copy " + device, told.status.code() == not_clean
                                    ? "its NTFS was not left clean: start Windows and run shutdown /s /t 0"
                                    : "its NTFS is damaged (" + std::string(trim(told.text)) +
                                          "): in Windows run chkdsk /f on it, then shutdown /s /t 0");
}

// "" or why partclone must not be asked.
Awaitable<std::string> left_open(asio::io_context& io, std::string root, const Kind* kind, std::string device) {
  if (kind->left_open) co_return kind->left_open(device);
  if (kind->type != std::string_view("xfs")) co_return "";
  std::vector<std::string> argv = {"xfs_logprint", "-t", device};
  const Told told = co_await tell(io, root, std::move(argv));
  const bool clean = told.status.ok() && told.text.find("<CLEAN>") != std::string::npos;
  co_return clean ? "" : "its log is not played back";
}

}  // namespace

bool has_block_map(std::string_view type) { return find_kind(type) != nullptr; }

Awaitable<UsedBlocks> used_blocks(asio::io_context& io, std::string stage2_root, std::string type, std::string device,
                                  std::uint64_t size) {
  UsedBlocks all;
  all.extents = {{0, size}};
  const Kind* kind = find_kind(type);
  if (!kind) {
    all.why_all = "partclone does not know it";
    co_return all;
  }
  const std::string program = std::string("partclone.") + kind->partclone;
  const bool ntfs = type == "ntfs";
  std::vector<std::string> programs;
  programs.push_back(program);
  if (ntfs) programs.emplace_back("ntfs-3g.probe");
  if (type == "xfs") programs.emplace_back("xfs_logprint");
  if (stage2_root.empty()) all.why_all = "stage2, which has the programs for it, cannot be mounted here";
  for (const std::string& needed : programs)
    if (all.why_all.empty() && !has(stage2_root, needed)) all.why_all = "this stage2 has no " + needed;
  if (!all.why_all.empty()) co_return all;
  if (ntfs) co_await check_ntfs(io, stage2_root, device);
  all.why_all = co_await left_open(io, stage2_root, kind, device);
  if (!all.why_all.empty()) co_return all;

  // Its standard output is the log; what it says besides goes elsewhere, or it would be taken for a part of that.
  Command command({"sh", "-c", "exec \"$@\" 2>/dev/null", "sh", program, "--domain", "--source", device, "--output",
                   "-", "--logfile", "/dev/null"});
  command.root = stage2_root;
  try {
    const std::string log = co_await output_of(io, command);
    UsedBlocks used;
    used.extents = parse_domain_log(log, size);
    co_return used;
  } catch (const Error&) {
    if (ntfs)
      throw Error("copy " + device, "its NTFS is marked as dirty, or is one that " + program +
                                        " does not understand: in Windows run chkdsk /f on it, then shutdown /s /t 0");
  }
  all.why_all = program + " does not understand it, or finds it damaged";
  co_return all;
}

std::vector<Extent> parse_domain_log(std::string_view text, std::uint64_t size) {
  auto number = [](std::string_view word) {
    const bool hex = word.starts_with("0x");
    const auto value = hex ? parse_unsigned(word.substr(2), 16) : std::nullopt;
    if (!value) throw Error("the log of partclone", "\"" + escape_bytes(word) + "\" is no place");
    return static_cast<std::uint64_t>(*value);
  };
  std::vector<Extent> found;
  std::uint64_t end = 0;
  for (std::string_view line : split(text, '\n')) {
    const auto fields = words(line);
    if (fields.size() != 3 || line.starts_with('#')) continue;  // the place where it stands has two
    const Extent extent{number(fields[0]), number(fields[1])};
    if (extent.offset != end || extent.size > size - std::min(size, extent.offset))
      throw Error("the log of partclone", "it goes on at " + std::to_string(extent.offset) + " behind " +
                                              std::to_string(end) + ", of " + std::to_string(size));
    end = extent.offset + extent.size;
    if (fields[2] == "+") found.push_back(extent);
  }
  if (end == 0 || found.empty()) throw Error("the log of partclone", "it says nothing");
  const std::uint64_t edge = std::min(mib, size);
  found.push_back({0, edge});
  found.push_back({end, std::min(mib, size - end)});
  found.push_back({size - edge, edge});
  std::sort(found.begin(), found.end(), [](const Extent& a, const Extent& b) { return a.offset < b.offset; });
  std::vector<Extent> joined;
  for (const Extent& extent : found) {
    if (extent.size == 0) continue;
    if (joined.empty() || joined.back().offset + joined.back().size < extent.offset) {
      joined.push_back(extent);
      continue;
    }
    Extent& last = joined.back();
    last.size = std::max(last.offset + last.size, extent.offset + extent.size) - last.offset;
  }
  return joined;
}

}  // namespace ka::server
