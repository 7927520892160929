// Whether a manifest makes sense as a whole. Both sides ask: the server before anyone waits for it, the
// node before it touches a disk.

#include <arpa/inet.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "wire/manifest.h"
#include "wire/messages.h"
#include "wire/storage/check.h"
#include "wire/storage/rule.h"

namespace ka::wire {

namespace {

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

const storage::Node& content_named(const Manifest& m, const std::string& where, const storage::Id& id) {
  const storage::Node* node = m.storage.find(id);
  if (!node || storage::rule(*node).sort != storage::Sort::content)
    fail(where, quoted(id) + " is nothing that lies on a disk");
  return *node;
}

void check_disk_named(const Manifest& m, const std::string& where, const storage::Id& id) {
  if (!storage::get<storage::Disk>(m.storage.find(id))) fail(where, quoted(id) + " is not one of the disks");
}

bool lies_under(const std::string& path, const std::string& parent) {
  return parent == "/" || path.compare(0, parent.size() + 1, parent + "/") == 0;
}

void check_subvolume(const Mount& mount, const storage::Node& fs, std::size_t i) {
  const storage::Rule& kind = storage::rule(fs);
  const bool known = kind.has_subvolume ? kind.has_subvolume(fs, mount.subvolume) : mount.subvolume.empty();
  // A comma would end an option of mount(2).
  if (!known || mount.subvolume.find(',') != std::string::npos)
    fail(at("mounts", i, "subvolume"), quoted(mount.subvolume) + " is none of " + quoted(mount.fs));
  // It is removed at the end.
  if (mount.apart && (!mount.point.starts_with(apart_place) || mount.point.find('/', 1) != std::string::npos))
    fail(at("mounts", i, "point"), quoted(mount.point) + " is no place apart");
}

void check_mounts(const Manifest& m) {
  std::set<std::pair<storage::Id, std::string>> mounted;
  std::vector<std::string> points;
  for (std::size_t i = 0; i < m.mounts.size(); ++i) {
    const Mount& mount = m.mounts[i];
    const storage::Node& fs = content_named(m, at("mounts", i, "fs"), mount.fs);
    if (!storage::rule(fs).holds_files) fail(at("mounts", i, "fs"), quoted(mount.fs) + " holds no files");
    if (!mounted.insert({mount.fs, mount.subvolume}).second)
      fail(at("mounts", i, "fs"), quoted(mount.fs) + " is there twice");
    check_subvolume(mount, fs, i);
    const std::string where = at("mounts", i, "point");
    check_path(where, mount.point);
    if (points.empty() && mount.point != "/") fail(where, "the first one is not /");
    for (const std::string& earlier : points) {
      if (earlier == mount.point) fail(where, quoted(mount.point) + " is there twice");
      if (lies_under(earlier, mount.point))
        fail(where, quoted(mount.point) + " comes after " + quoted(earlier) + ", which it would hide");
    }
    points.push_back(mount.point);
    for (char c : mount.options)
      if (c <= ' ' || c >= 0x7f) fail(at("mounts", i, "options"), quoted(mount.options) + " are not mount options");
  }
  if (points.empty()) fail("mounts", "none of them is /");
}

// Each content that is copied by itself has one session.
void check_streams(const Manifest& m) {
  std::set<std::string> sessions;
  std::set<storage::Id> carried;
  for (std::size_t i = 0; i < m.streams.size(); ++i) {
    const Stream& stream = m.streams[i];
    check_word(at("streams", i, "session"), stream.session);
    if (!sessions.insert(stream.session).second) fail(at("streams", i, "session"), stream.session + " is there twice");
    const storage::Node& content = content_named(m, at("streams", i, "of"), stream.of);
    if (!storage::rule(content).comes_by_stream) fail(at("streams", i, "of"), quoted(stream.of) + " is made anew");
    if (!carried.insert(stream.of).second) fail(at("streams", i, "of"), quoted(stream.of) + " is there twice");
  }
  for (const storage::Node& node : m.storage.nodes)
    if (storage::rule(node).comes_by_stream && !carried.count(node.id))
      fail("streams", "none of them carries " + quoted(node.id));
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

bool is_mounted(const Manifest& m, const storage::Id& content) {
  return std::any_of(m.mounts.begin(), m.mounts.end(), [&](const Mount& mount) { return mount.fs == content; });
}

void check_boot(const Manifest& m) {
  if (m.boot.bios)
    for (const storage::Id& disk : m.boot.bios->disks) check_disk_named(m, "boot.bios.disks", disk);
  if (!m.boot.uefi) return;
  const boot::UefiWay& way = *m.boot.uefi;
  for (const storage::Id& esp : way.esps)
    if (!is_mounted(m, esp)) fail("boot.uefi.esps", quoted(esp) + " is not mounted anywhere");
  if (way.entries.empty()) fail("boot.uefi.entries", "is empty");
  for (std::size_t i = 0; i < way.entries.size(); ++i) {
    const boot::Entry& entry = way.entries[i];
    if (std::find(way.esps.begin(), way.esps.end(), entry.esp) == way.esps.end())
      fail(at("boot.uefi.entries", i, "esp"), quoted(entry.esp) + " is none of the esps");
    if (entry.path.empty() || entry.path[0] != '\\') fail(at("boot.uefi.entries", i, "path"), "does not begin with \\");
    std::string path = entry.path;
    std::replace(path.begin(), path.end(), '\\', '/');
    check_path(at("boot.uefi.entries", i, "path"), path);
  }
  for (std::size_t i = 0; i < way.chain.size(); ++i) check_path(at("boot.uefi.chain", i, "path"), way.chain[i].path);
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

void check_golden_addresses(const Manifest& m) {
  if (m.golden_addresses.size() > most_golden_addresses) fail("golden_addresses", "are too many");
  for (const std::string& address : m.golden_addresses) {
    in6_addr bytes;
    if (::inet_pton(AF_INET, address.c_str(), &bytes) != 1 && ::inet_pton(AF_INET6, address.c_str(), &bytes) != 1)
      fail("golden_addresses", quoted(address) + " is no address");
  }
}

void check_initrds(const Manifest& m) {
  for (std::size_t i = 0; i < m.initrds.size(); ++i) {
    const std::string& file = m.initrds[i].file;
    check_path(at("initrds", i, "file"), file);
    if (!lies_under(file, "/boot")) fail(at("initrds", i, "file"), quoted(file) + " does not lie in /boot");
  }
}

void check_identity(const IdentityChoice& choice) {
  for (const std::string& name : choice.keep)
    if (const std::string why = why_not_keep(name); !why.empty()) fail("identity.keep", why);
  for (const std::string& name : choice.renew)
    if (const std::string why = why_not_renew(name); !why.empty()) fail("identity.renew", why);
  if (const std::string why = contradiction_in(choice); !why.empty()) fail("identity", why);
}

}  // namespace

void check(const Manifest& m) {
  check_word("session", m.session);
  storage::check(m.storage);
  check_mounts(m);
  check_streams(m);
  check_inodes("bare_directories", m.bare_directories);
  check_inodes("sockets", m.sockets);
  check_inode_flags(m);
  if (m.boot_loader && m.boot_loader->kind != BootLoader::Kind::none) {
    check_disk_named(m, "boot_loader.disk", m.boot_loader->disk);
    for (const std::string& module : m.boot_loader->modules) check_word("boot_loader.modules", module);
  }
  check_boot(m);
  check_hooks(m);
  check_targets(m);
  check_golden_addresses(m);
  check_initrds(m);
  check_identity(m.identity);
  if (!m.tar_compression.empty() && m.tar_compression != zstd_packing)
    fail("tar_compression", quoted(m.tar_compression) + " is not zstd");
  check_path("log_directory", m.log_directory);
  for (const std::string& firmware : m.firmware) check_word("firmware", firmware);
  if (!storage::all<storage::Crypt>(m.storage).empty() && m.passphrases == Passphrases::none)
    fail("passphrases", "nothing is said of where they come from, and something is encrypted");
}

}  // namespace ka::wire
