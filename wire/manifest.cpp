#include "wire/manifest.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"

namespace ka::wire {

namespace {

using nlohmann::json;

// Every string travels escaped: names, labels and scripts need not be UTF-8, and JSON must be.
std::string bytes(const std::string& text) { return escape_bytes(text); }

json strings(const std::vector<std::string>& list) {
  json out = json::array();
  for (const std::string& text : list) out.push_back(bytes(text));
  return out;
}

template <typename T>
json each(const std::vector<T>& list, json (*encode)(const T&)) {
  json out = json::array();
  for (const T& item : list) out.push_back(encode(item));
  return out;
}

const char* const kind_names[] = {"primary", "extended", "logical"};
const char* const loader_names[] = {"none", "grub", "lilo"};

json encode(const Partition& p) {
  json out = {{"number", p.number}, {"kind", kind_names[static_cast<int>(p.kind)]}, {"type", p.type}};
  if (p.size_mib) out["size_mib"] = *p.size_mib;
  if (p.bootable) out["bootable"] = true;
  if (p.golden_size) {
    out["golden_start"] = p.golden_start;
    out["golden_size"] = p.golden_size;
  }
  return out;
}

json encode(const DeviceLink& l) { return {{"partition", l.partition}, {"path", bytes(l.path)}}; }

json encode(const Disk& d) {
  return {{"name", bytes(d.name)},
          {"golden_size", d.golden_size},
          {"label", bytes(d.label)},
          {"identifier", d.identifier},
          {"boot_code", bytes(d.boot_code)},
          {"partitions", each<Partition>(d.partitions, encode)},
          {"links", each<DeviceLink>(d.links, encode)}};
}

json encode(const ExtSettings& e) {
  return {{"blocks", e.blocks},
          {"reserved_blocks", e.reserved_blocks},
          {"reserved_uid", e.reserved_uid},
          {"reserved_gid", e.reserved_gid},
          {"cluster_size", e.cluster_size},
          {"flex_groups", e.flex_groups},
          {"stride", e.stride},
          {"stripe", e.stripe},
          {"journal_mib", e.journal_mib},
          {"bytes_per_inode", e.bytes_per_inode},
          {"errors", bytes(e.errors)},
          {"mount_options", strings(e.mount_options)},
          {"more_mount_options", bytes(e.more_mount_options)},
          {"mounts_between_checks", e.mounts_between_checks},
          {"seconds_between_checks", e.seconds_between_checks},
          {"hash", bytes(e.hash)},
          {"hash_seed", bytes(e.hash_seed)},
          {"encoding", bytes(e.encoding)},
          {"quota_types", strings(e.quota_types)}};
}

json encode(const FileSystem& f) {
  return {{"disk", bytes(f.disk)},           {"partition", f.partition},
          {"type", bytes(f.type)},           {"mount_point", bytes(f.mount_point)},
          {"uuid", bytes(f.uuid)},           {"label", bytes(f.label)},
          {"options", bytes(f.options)},     {"used", f.used},
          {"block_size", f.block_size},      {"inode_size", f.inode_size},
          {"features", strings(f.features)}, {"inodes_used", f.inodes_used},
          {"needed_later", f.needed_later},  {"ext", encode(f.ext)}};
}

json encode(const std::map<std::string, std::string>& attributes) {
  json out = json::object();
  for (const auto& [name, value] : attributes) out[bytes(name)] = bytes(value);
  return out;
}

json encode(const BareDirectory& d) {
  return {{"path", bytes(d.path)},
          {"mode", d.mode},
          {"uid", d.uid},
          {"gid", d.gid},
          {"mtime", d.mtime},
          {"mtime_nsec", d.mtime_nsec},
          {"attributes", encode(d.attributes)}};
}

json encode(const InodeFlags& f) {
  return {{"directory", bytes(f.directory)}, {"names", strings(f.names)}, {"flags", f.flags}, {"project", f.project}};
}

json encode(const RawPartition& r) {
  return {{"disk", bytes(r.disk)}, {"partition", r.partition}, {"session", bytes(r.session)},
          {"size", r.size},        {"uuid", bytes(r.uuid)},    {"label", bytes(r.label)}};
}

json encode(const BootLoader& b) {
  return {{"kind", loader_names[static_cast<int>(b.kind)]}, {"disk", bytes(b.disk)}, {"modules", strings(b.modules)}};
}

json encode(const Hook& h) { return {{"name", bytes(h.name)}, {"content", bytes(h.content)}}; }
json encode(const TargetRule& t) { return {{"disk", bytes(t.disk)}, {"selector", bytes(t.selector)}}; }

json encode(const NetworkCard& c) { return {{"address", bytes(c.address)}, {"place", bytes(c.place)}}; }

// One JSON object on its way in; knows where it stands, so that an error names the field.
class Reader {
 public:
  Reader(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object.is_object()) fail("", "is not an object");
  }

  bool has(const char* name) const { return object_.contains(name) && !object_.at(name).is_null(); }

  std::string text(const char* name) const {
    const json& value = field(name);
    if (!value.is_string()) fail(name, "is not a string");
    return unescape(value, name);
  }

  template <typename T>
  T number(const char* name) const {
    const json& value = field(name);
    bool fits = false;
    if (value.is_number_unsigned()) {
      fits = value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    } else if (value.is_number_integer() && std::numeric_limits<T>::is_signed) {
      fits = value.get<std::int64_t>() >= static_cast<std::int64_t>(std::numeric_limits<T>::min());
    } else if (!value.is_number_integer()) {
      fail(name, "is not a whole number");
    }
    if (!fits) fail(name, value.dump() + " is out of range");
    return value.get<T>();
  }

  bool flag(const char* name) const {
    const json& value = field(name);
    if (!value.is_boolean()) fail(name, "is not true or false");
    return value.get<bool>();
  }

  template <typename Enum, std::size_t n>
  Enum one_of(const char* name, const char* const (&names)[n]) const {
    std::string value = text(name);
    for (std::size_t i = 0; i < n; ++i)
      if (value == names[i]) return static_cast<Enum>(i);
    fail(name, "\"" + escape_bytes(value) + "\" is unknown");
  }

  std::vector<std::string> texts(const char* name) const {
    std::vector<std::string> list;
    for (const json& value : array(name)) {
      if (!value.is_string()) fail(name, "holds something that is not a string");
      list.push_back(unescape(value, name));
    }
    return list;
  }

  template <typename T>
  std::vector<T> each(const char* name, T (*decode)(const Reader&)) const {
    std::vector<T> list;
    for (const json& value : array(name))
      list.push_back(decode(Reader(value, path(name) + "[" + std::to_string(list.size()) + "]")));
    return list;
  }

  std::map<std::string, std::string> map(const char* name) const {
    std::map<std::string, std::string> values;
    const json& object = field(name);
    if (!object.is_object()) fail(name, "is not an object");
    for (const auto& [key, value] : object.items()) {
      auto plain = unescape_bytes(key);
      if (!plain || !value.is_string()) fail(name, "holds something that is not a name with a string");
      values[*plain] = unescape(value, name);
    }
    return values;
  }

  Reader object(const char* name) const { return Reader(field(name), path(name)); }

  [[noreturn]] void fail(const char* name, std::string_view why) const { throw Error("manifest: " + path(name), why); }

 private:
  std::string path(const char* name) const {
    if (where_.empty()) return *name ? name : "the whole";
    return *name ? where_ + "." + name : where_;
  }

  const json& field(const char* name) const {
    auto found = object_.find(name);
    if (found == object_.end()) fail(name, "is missing");
    return *found;
  }

  const json& array(const char* name) const {
    const json& value = field(name);
    if (!value.is_array()) fail(name, "is not a list");
    return value;
  }

  std::string unescape(const json& value, const char* name) const {
    auto text = unescape_bytes(value.get_ref<const std::string&>());
    if (!text) fail(name, "has a broken escape");
    return *std::move(text);
  }

  const json& object_;
  std::string where_;
};

Partition decode_partition(const Reader& in) {
  Partition p;
  p.number = in.number<int>("number");
  p.kind = in.one_of<Partition::Kind>("kind", kind_names);
  p.type = in.number<std::uint8_t>("type");
  if (in.has("size_mib")) p.size_mib = in.number<std::uint64_t>("size_mib");
  p.bootable = in.has("bootable") && in.flag("bootable");
  if (in.has("golden_size")) {
    p.golden_start = in.number<std::uint64_t>("golden_start");
    p.golden_size = in.number<std::uint64_t>("golden_size");
  }
  return p;
}

DeviceLink decode_link(const Reader& in) { return {in.number<int>("partition"), in.text("path")}; }

Disk decode_disk(const Reader& in) {
  Disk d;
  d.name = in.text("name");
  d.golden_size = in.number<std::uint64_t>("golden_size");
  d.label = in.text("label");
  d.identifier = in.number<std::uint32_t>("identifier");
  d.boot_code = in.text("boot_code");
  d.partitions = in.each<Partition>("partitions", decode_partition);
  d.links = in.each<DeviceLink>("links", decode_link);
  return d;
}

ExtSettings decode_ext(const Reader& in) {
  ExtSettings e;
  e.blocks = in.number<std::uint64_t>("blocks");
  e.reserved_blocks = in.number<std::uint64_t>("reserved_blocks");
  e.reserved_uid = in.number<std::uint32_t>("reserved_uid");
  e.reserved_gid = in.number<std::uint32_t>("reserved_gid");
  e.cluster_size = in.number<std::uint32_t>("cluster_size");
  e.flex_groups = in.number<std::uint32_t>("flex_groups");
  e.stride = in.number<std::uint32_t>("stride");
  e.stripe = in.number<std::uint32_t>("stripe");
  e.journal_mib = in.number<std::uint32_t>("journal_mib");
  e.bytes_per_inode = in.number<std::uint32_t>("bytes_per_inode");
  e.errors = in.text("errors");
  e.mount_options = in.texts("mount_options");
  e.more_mount_options = in.text("more_mount_options");
  e.mounts_between_checks = in.number<std::int32_t>("mounts_between_checks");
  e.seconds_between_checks = in.number<std::uint32_t>("seconds_between_checks");
  e.hash = in.text("hash");
  e.hash_seed = in.text("hash_seed");
  e.encoding = in.text("encoding");
  e.quota_types = in.texts("quota_types");
  return e;
}

FileSystem decode_file_system(const Reader& in) {
  FileSystem f;
  f.disk = in.text("disk");
  f.partition = in.number<int>("partition");
  f.type = in.text("type");
  f.mount_point = in.text("mount_point");
  f.uuid = in.text("uuid");
  f.label = in.text("label");
  f.options = in.text("options");
  f.used = in.number<std::uint64_t>("used");
  f.block_size = in.number<std::uint32_t>("block_size");
  f.inode_size = in.number<std::uint32_t>("inode_size");
  f.features = in.texts("features");
  f.inodes_used = in.number<std::uint64_t>("inodes_used");
  f.needed_later = in.number<std::uint64_t>("needed_later");
  f.ext = decode_ext(in.object("ext"));
  return f;
}

BareDirectory decode_inode(const Reader& in) {
  BareDirectory d;
  d.path = in.text("path");
  d.mode = in.number<mode_t>("mode");
  d.uid = in.number<std::uint32_t>("uid");
  d.gid = in.number<std::uint32_t>("gid");
  d.mtime = in.number<std::int64_t>("mtime");
  d.mtime_nsec = in.number<std::uint32_t>("mtime_nsec");
  d.attributes = in.map("attributes");
  return d;
}

InodeFlags decode_flags(const Reader& in) {
  InodeFlags f;
  f.directory = in.text("directory");
  f.names = in.texts("names");
  f.flags = in.number<std::uint32_t>("flags");
  f.project = in.number<std::uint32_t>("project");
  return f;
}

RawPartition decode_raw(const Reader& in) {
  RawPartition r;
  r.disk = in.text("disk");
  r.partition = in.number<int>("partition");
  r.session = in.text("session");
  r.size = in.number<std::uint64_t>("size");
  r.uuid = in.text("uuid");
  r.label = in.text("label");
  return r;
}

BootLoader decode_boot_loader(const Reader& in) {
  BootLoader b;
  b.kind = in.one_of<BootLoader::Kind>("kind", loader_names);
  b.disk = in.text("disk");
  b.modules = in.texts("modules");
  return b;
}

Hook decode_hook(const Reader& in) { return {in.text("name"), in.text("content")}; }
NetworkCard decode_network_card(const Reader& in) { return {in.text("address"), in.text("place")}; }
TargetRule decode_target(const Reader& in) { return {in.text("disk"), in.text("selector")}; }

}  // namespace

std::string to_json(const Manifest& m) {
  check(m);
  json out = {{"version", Manifest::version},
              {"golden_host", bytes(m.golden_host)},
              {"server_version", bytes(m.server_version)},
              {"session", bytes(m.session)},
              {"disks", each<Disk>(m.disks, encode)},
              {"file_systems", each<FileSystem>(m.file_systems, encode)},
              {"bare_directories", each<BareDirectory>(m.bare_directories, encode)},
              {"sockets", each<Socket>(m.sockets, encode)},
              {"inode_flags", each<InodeFlags>(m.inode_flags, encode)},
              {"raw_partitions", each<RawPartition>(m.raw_partitions, encode)},
              {"hooks", each<Hook>(m.hooks, encode)},
              {"targets", each<TargetRule>(m.targets, encode)},
              {"network_cards", each<NetworkCard>(m.network_cards, encode)},
              {"removable_allowed", m.removable_allowed},
              {"tar_compression", bytes(m.tar_compression)},
              {"log_directory", bytes(m.log_directory)},
              {"verify_all", m.verify_all},
              {"step_limit_s", m.step_limit_s},
              {"firmware", strings(m.firmware)}};
  if (m.boot_loader) out["boot_loader"] = encode(*m.boot_loader);
  return out.dump();
}

Manifest parse_manifest(std::string_view text) {
  json whole = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (whole.is_discarded()) throw Error("manifest", "is not whole, valid JSON");
  Reader in(whole, "");
  if (int version = in.number<int>("version"); version != Manifest::version)
    in.fail("version", "is " + std::to_string(version) + ", this node understands " +
                           std::to_string(Manifest::version) + "; boot it with the all.rdz of that server");
  Manifest m;
  m.golden_host = in.text("golden_host");
  m.server_version = in.text("server_version");
  m.session = in.text("session");
  m.disks = in.each<Disk>("disks", decode_disk);
  m.file_systems = in.each<FileSystem>("file_systems", decode_file_system);
  m.bare_directories = in.each<BareDirectory>("bare_directories", decode_inode);
  m.sockets = in.each<Socket>("sockets", decode_inode);
  m.inode_flags = in.each<InodeFlags>("inode_flags", decode_flags);
  m.raw_partitions = in.each<RawPartition>("raw_partitions", decode_raw);
  if (in.has("boot_loader")) m.boot_loader = decode_boot_loader(in.object("boot_loader"));
  m.hooks = in.each<Hook>("hooks", decode_hook);
  m.targets = in.each<TargetRule>("targets", decode_target);
  m.network_cards = in.each<NetworkCard>("network_cards", decode_network_card);
  m.removable_allowed = in.has("removable_allowed") && in.flag("removable_allowed");
  m.tar_compression = in.text("tar_compression");
  m.log_directory = in.text("log_directory");
  m.verify_all = in.flag("verify_all");
  m.step_limit_s = in.number<std::uint32_t>("step_limit_s");
  m.firmware = in.texts("firmware");
  check(m);
  return m;
}

}  // namespace ka::wire
