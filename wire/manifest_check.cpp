// Whether a manifest makes sense as a whole. Both sides ask: the server before anyone waits for it, the
// node before it touches a disk.

#include <algorithm>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "wire/manifest.h"
#include "wire/messages.h"
#include "wire/partition_places.h"

namespace ka::wire {

namespace {

constexpr std::uint64_t mbr_limit_mib = std::uint64_t{1} << 21;  // 2^32 sectors of 512 bytes
constexpr std::uint64_t largest_size = std::uint64_t{1} << 60;   // far above any disk, far below overflow
constexpr int last_logical = 63;

[[noreturn]] void fail(const std::string& where, std::string_view why) { throw Error("manifest: " + where, why); }

std::string at(const char* list, std::size_t index, const char* field) {
  return std::string(list) + "[" + std::to_string(index) + "]" + (*field ? "." : "") + field;
}

std::string quoted(std::string_view text) { return "\"" + escape_bytes(text) + "\""; }

// Words that become arguments and file names: nothing in them may be a separator, an option or a blank.
void check_word(const std::string& where, const std::string& word) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == '+' || c == '!';
  };
  if (word.empty()) fail(where, "is empty");
  if (word.size() > 255) fail(where, "is longer than 255 characters");
  if (word[0] == '-' || word[0] == '.' || !std::all_of(word.begin(), word.end(), allowed))
    fail(where, quoted(word) + " has a character that does not belong there");
}

// Absolute and normal: no "..", no "//", no "/" at the end; any other byte but NUL may be in a name.
void check_path(const std::string& where, const std::string& path) {
  if (path.empty() || path[0] != '/') fail(where, quoted(path) + " does not begin with /");
  if (path.size() > 4095) fail(where, "is longer than 4095 bytes");
  if (path.find('\0') != std::string::npos) fail(where, quoted(path) + " holds a NUL");
  if (path == "/") return;
  for (std::string_view part : split(std::string_view(path).substr(1), '/'))
    if (part.empty() || part == "." || part == "..") fail(where, quoted(path) + " is not a plain path");
}

void check_partition(const std::string& where, const Partition& p) {
  bool logical = p.kind == Partition::Kind::logical;
  if (p.type == 0) fail(where + ".type", "0 means an empty slot");
  if (is_extended(p.type) != (p.kind == Partition::Kind::extended)) fail(where + ".type", "does not go with its kind");
  if (logical ? p.number < 5 || p.number > last_logical : p.number < 1 || p.number > 4)
    fail(where + ".number", std::to_string(p.number) + (logical ? " is not 5 to 63" : " is not 1 to 4"));
  if (p.size_mib && (*p.size_mib == 0 || *p.size_mib > mbr_limit_mib))
    fail(where + ".size_mib", std::to_string(*p.size_mib) + " is not 1 MiB to 2 TiB");
}

void check_partitions(const std::string& where, const std::vector<Partition>& partitions) {
  if (partitions.empty()) fail(where, "is empty");
  std::set<int> numbers;
  int extended = 0, logicals = 0, last = 4, fills = 0, logical_fills = 0;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const Partition& p = partitions[i];
    std::string here = where + "[" + std::to_string(i) + "]";
    check_partition(here, p);
    if (!numbers.insert(p.number).second) fail(here + ".number", std::to_string(p.number) + " is there twice");
    bool logical = p.kind == Partition::Kind::logical;
    if (p.kind == Partition::Kind::extended && ++extended > 1) fail(here + ".kind", "a second extended partition");
    if (logical && extended == 0) fail(here + ".kind", "logical, but no extended partition comes before it");
    if (logical) ++logicals, last = std::max(last, p.number);
    if (!p.size_mib && ++(logical ? logical_fills : fills) > 1) fail(here + ".size_mib", "a second fill");
    if (!logical) total += p.size_mib.value_or(1);
  }
  if (last != 4 + logicals) fail(where, "logical partitions are numbered 5, 6, 7, … without a gap");
  if (total > mbr_limit_mib) fail(where, "are larger than 2 TiB together, more than an MBR disk can hold");
}

void check_disks(const Manifest& m) {
  if (m.disks.empty()) fail("disks", "is empty");
  std::set<std::string> names;
  for (std::size_t i = 0; i < m.disks.size(); ++i) {
    const Disk& d = m.disks[i];
    check_word(at("disks", i, "name"), d.name);
    if (!names.insert(d.name).second) fail(at("disks", i, "name"), d.name + " is there twice");
    if (d.golden_size == 0 || d.golden_size > largest_size) fail(at("disks", i, "golden_size"), "is out of range");
    if (d.label != "dos")
      fail(at("disks", i, "label"), quoted(d.label) + " partition tables are not supported, only \"dos\" (MBR)");
    if (!d.boot_code.empty() && d.boot_code.size() != boot_record_size)
      fail(at("disks", i, "boot_code"), "is " + std::to_string(d.boot_code.size()) + " bytes long, not 446");
    check_partitions(at("disks", i, "partitions"), d.partitions);
    for (std::size_t k = 0; k < d.links.size(); ++k)
      check_path(at("disks", i, "links") + "[" + std::to_string(k) + "].path", d.links[k].path);
    if (have_places(d.partitions)) check_places(d.name, d.partitions, d.golden_size);
  }
}

const Disk* find_disk(const Manifest& m, const std::string& name) {
  for (const Disk& d : m.disks)
    if (d.name == name) return &d;
  return nullptr;
}

void check_disk_named(const Manifest& m, const std::string& where, const std::string& name) {
  if (!find_disk(m, name)) fail(where, quoted(name) + " is not one of the disks");
}

// A place that something is written to: a partition that is there and not the extended one.
void check_place(const Manifest& m, const std::string& where, const std::string& disk, int number) {
  check_disk_named(m, where + ".disk", disk);
  for (const Partition& p : find_disk(m, disk)->partitions) {
    if (p.number != number) continue;
    if (p.kind == Partition::Kind::extended)
      fail(where + ".partition", disk + " " + std::to_string(number) + " is the extended one");
    return;
  }
  fail(where + ".partition", disk + " has no partition " + std::to_string(number));
}

// Each becomes part of an argument of mke2fs or tune2fs.
void check_ext(const std::string& where, const ExtSettings& e) {
  if (e.blocks > largest_size || e.reserved_blocks > e.blocks / 2)
    fail(where + ".reserved_blocks", std::to_string(e.reserved_blocks) + " are more than half of all");
  for (const auto& [name, word] : {std::pair("errors", e.errors), std::pair("hash", e.hash),
                                   std::pair("hash_seed", e.hash_seed), std::pair("encoding", e.encoding)})
    if (!word.empty()) check_word(where + "." + name, word);
  for (const std::string& word : e.mount_options) check_word(where + ".mount_options", word);
  for (const std::string& word : e.quota_types) check_word(where + ".quota_types", word);
  for (char c : e.more_mount_options)
    if (c <= ' ' || c >= 0x7f || c == ',')
      fail(where + ".more_mount_options", quoted(e.more_mount_options) + " are none");
}

void check_mkfs_values(const std::string& where, const FileSystem& f) {
  auto power_of_two = [](std::uint32_t n, std::uint32_t low, std::uint32_t high) {
    return n == 0 || (n >= low && n <= high && (n & (n - 1)) == 0);
  };
  check_word(where + ".type", f.type);
  if (!f.uuid.empty()) {
    check_word(where + ".uuid", f.uuid);
    bool hex = f.uuid.find_first_not_of("0123456789abcdefABCDEF-") == std::string::npos;
    if (!hex || f.uuid.size() > 36) fail(where + ".uuid", quoted(f.uuid) + " is not a UUID");
  }
  for (char c : f.label)
    if (static_cast<unsigned char>(c) < 0x20) fail(where + ".label", quoted(f.label) + " holds a control character");
  if (f.label.size() > 255) fail(where + ".label", "is too long");
  for (char c : f.options)
    if (c <= ' ' || c >= 0x7f) fail(where + ".options", quoted(f.options) + " are not mount options");
  for (const std::string& feature : f.features) check_word(where + ".features", feature);
  if (!power_of_two(f.block_size, 512, 65536))
    fail(where + ".block_size", std::to_string(f.block_size) + " is impossible");
  if (!power_of_two(f.inode_size, 128, 65536))
    fail(where + ".inode_size", std::to_string(f.inode_size) + " is impossible");
  check_ext(where + ".ext", f.ext);
  if (f.needed_later > largest_size) fail(where + ".needed_later", "is out of range");
  if (f.used > largest_size) fail(where + ".used", "is out of range");
  if (f.inodes_used > largest_size) fail(where + ".inodes_used", "is out of range");
}

bool lies_under(const std::string& path, const std::string& parent) {
  return parent == "/" || path.compare(0, parent.size() + 1, parent + "/") == 0;
}

using Place = std::pair<std::string, int>;

void check_file_systems(const Manifest& m, std::set<Place>& taken) {
  std::vector<std::string> mounted;
  for (std::size_t i = 0; i < m.file_systems.size(); ++i) {
    const FileSystem& f = m.file_systems[i];
    std::string where = at("file_systems", i, "");
    check_place(m, where, f.disk, f.partition);
    if (!taken.insert(Place(f.disk, f.partition)).second)
      fail(where + ".partition", f.disk + " " + std::to_string(f.partition) + " is used twice");
    check_mkfs_values(where, f);
    if (f.mount_point.empty()) continue;
    check_path(where + ".mount_point", f.mount_point);
    if (f.type == "swap") fail(where + ".mount_point", "swap is not mounted");
    if (mounted.empty() && f.mount_point != "/") fail(where + ".mount_point", "the first one is not /");
    for (const std::string& earlier : mounted) {
      if (earlier == f.mount_point) fail(where + ".mount_point", quoted(f.mount_point) + " is there twice");
      if (lies_under(earlier, f.mount_point))
        fail(where + ".mount_point",
             quoted(f.mount_point) + " comes after " + quoted(earlier) + ", which it would hide");
    }
    mounted.push_back(f.mount_point);
  }
  if (mounted.empty()) fail("file_systems", "none of them is /");
}

void check_raw_partitions(const Manifest& m, std::set<Place>& taken) {
  std::set<std::string> sessions;
  for (std::size_t i = 0; i < m.raw_partitions.size(); ++i) {
    const RawPartition& r = m.raw_partitions[i];
    std::string where = at("raw_partitions", i, "");
    check_place(m, where, r.disk, r.partition);
    if (!taken.insert(Place(r.disk, r.partition)).second)
      fail(where + ".partition", r.disk + " " + std::to_string(r.partition) + " is used twice");
    check_word(where + ".session", r.session);
    if (!sessions.insert(r.session).second) fail(where + ".session", r.session + " is there twice");
    if (r.size == 0 || r.size > largest_size) fail(where + ".size", "is out of range");
  }
}

void check_inodes(const char* list, const std::vector<BareDirectory>& inodes) {
  for (std::size_t i = 0; i < inodes.size(); ++i) {
    check_path(at(list, i, "path"), inodes[i].path);
    if (inodes[i].mode > 07777) fail(at(list, i, "mode"), "has more than permission bits");
    if (inodes[i].mtime_nsec > 999'999'999) fail(at(list, i, "mtime_nsec"), "is not less than a second");
  }
}

void check_inode_flags(const Manifest& m) {
  for (std::size_t i = 0; i < m.inode_flags.size(); ++i) {
    const InodeFlags& f = m.inode_flags[i];
    check_path(at("inode_flags", i, "directory"), f.directory);
    if ((f.flags & ~carried_inode_flags) != 0) fail(at("inode_flags", i, "flags"), "has some that no clone is given");
    for (const std::string& name : f.names) {
      bool itself = name == "." && f.directory == "/";
      if (name.empty() || name == ".." || (name == "." && !itself) || name.find('/') != std::string::npos ||
          name.find('\0') != std::string::npos)
        fail(at("inode_flags", i, "names"), quoted(name) + " is not a name");
    }
  }
}

void check_targets(const Manifest& m) {
  std::set<std::string> named;
  for (std::size_t i = 0; i < m.targets.size(); ++i) {
    const TargetRule& t = m.targets[i];
    check_disk_named(m, at("targets", i, "disk"), t.disk);
    if (!named.insert(t.disk).second) fail(at("targets", i, "disk"), "a second rule for " + t.disk);
    std::string_view kind = split(t.selector, ':')[0];
    if ((kind != "name" && kind != "serial" && kind != "wwn" && kind != "path") || t.selector.size() <= kind.size() + 1)
      fail(at("targets", i, "selector"), quoted(t.selector) + " is not name:…, serial:…, wwn:… or path:…");
  }
}

void check_hooks(const Manifest& m) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < m.hooks.size(); ++i) {
    const std::string& name = m.hooks[i].name;
    std::string where = at("hooks", i, "name");
    check_path(where, "/" + name);
    if (name.find('/') != std::string::npos) fail(where, quoted(name) + " has a / in it");
    if (!names.insert(name).second) fail(where, quoted(name) + " is there twice");
  }
}

}  // namespace

void check(const Manifest& m) {
  check_word("session", m.session);
  check_disks(m);
  std::set<Place> taken;
  check_file_systems(m, taken);
  check_raw_partitions(m, taken);
  check_inodes("bare_directories", m.bare_directories);
  check_inodes("sockets", m.sockets);
  check_inode_flags(m);
  if (m.boot_loader && m.boot_loader->kind != BootLoader::Kind::none) {
    check_disk_named(m, "boot_loader.disk", m.boot_loader->disk);
    for (const std::string& module : m.boot_loader->modules) check_word("boot_loader.modules", module);
  }
  check_hooks(m);
  check_targets(m);
  if (!m.tar_compression.empty() && m.tar_compression != zstd_packing)
    fail("tar_compression", quoted(m.tar_compression) + " is not zstd");
  check_path("log_directory", m.log_directory);
  for (const std::string& firmware : m.firmware) check_word("firmware", firmware);
}

}  // namespace ka::wire
