#include "wire/manifest.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "wire/json/json_reader.h"
#include "wire/manifest_boot.h"
#include "wire/storage/json.h"

namespace ka::wire {

namespace {

using nlohmann::json;

template <typename T>
json each(const std::vector<T>& list, json (*encode)(const T&)) {
  json out = json::array();
  for (const T& item : list) out.push_back(encode(item));
  return out;
}

json encode(const Mount& m) {
  return {{"fs", json_text(m.fs)},
          {"point", json_text(m.point)},
          {"options", json_text(m.options)},
          {"subvolume", json_text(m.subvolume)},
          {"apart", m.apart}};
}

json encode(const Stream& s) { return {{"session", json_text(s.session)}, {"of", json_text(s.of)}}; }

json encode(const std::map<std::string, std::string>& attributes) {
  json out = json::object();
  for (const auto& [name, value] : attributes) out[json_text(name)] = json_text(value);
  return out;
}

json encode(const BareDirectory& d) {
  return {{"path", json_text(d.path)},
          {"mode", d.mode},
          {"uid", d.uid},
          {"gid", d.gid},
          {"mtime", d.mtime},
          {"mtime_nsec", d.mtime_nsec},
          {"attributes", encode(d.attributes)}};
}

json encode(const InodeFlags& f) {
  return {{"directory", json_text(f.directory)},
          {"names", json_texts(f.names)},
          {"flags", f.flags},
          {"project", f.project},
          {"directories", f.directories}};
}

json encode(const BootLoader& b) {
  return {{"kind", loader_names[static_cast<int>(b.kind)]},
          {"disk", json_text(b.disk)},
          {"modules", json_texts(b.modules)}};
}

json encode(const Hook& h) { return {{"name", json_text(h.name)}, {"content", json_text(h.content)}}; }
json encode(const TargetRule& t) { return {{"disk", json_text(t.disk)}, {"selector", json_text(t.selector)}}; }

json encode(const NetworkCard& c) { return {{"address", json_text(c.address)}, {"place", json_text(c.place)}}; }

json encode(const InitrdContent& i) {
  return {{"file", json_text(i.file)}, {"size", i.size}, {"mtime", i.mtime}, {"holds", json_texts(i.holds)}};
}

Mount decode_mount(const JsonReader& in) {
  return {in.text("fs"), in.text("point"), in.text("options"), in.text("subvolume"), in.flag("apart")};
}
Stream decode_stream(const JsonReader& in) { return {in.text("session"), in.text("of")}; }

BareDirectory decode_inode(const JsonReader& in) {
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

InodeFlags decode_flags(const JsonReader& in) {
  InodeFlags f;
  f.directory = in.text("directory");
  f.names = in.texts("names");
  f.flags = in.number<std::uint32_t>("flags");
  f.project = in.number<std::uint32_t>("project");
  f.directories = in.flag("directories");
  return f;
}

BootLoader decode_boot_loader(const JsonReader& in) {
  BootLoader b;
  b.kind = in.one_of<BootLoader::Kind>("kind", loader_names);
  b.disk = in.text("disk");
  b.modules = in.texts("modules");
  return b;
}

Hook decode_hook(const JsonReader& in) { return {in.text("name"), in.text("content")}; }
NetworkCard decode_network_card(const JsonReader& in) { return {in.text("address"), in.text("place")}; }
InitrdContent decode_initrd(const JsonReader& in) {
  return {in.text("file"), in.number<std::uint64_t>("size"), in.number<std::int64_t>("mtime"), in.texts("holds")};
}
TargetRule decode_target(const JsonReader& in) { return {in.text("disk"), in.text("selector")}; }

}  // namespace

std::string to_json(const Manifest& m) {
  check(m);
  json out = {{"version", Manifest::version},
              {"golden_host", json_text(m.golden_host)},
              {"server_version", json_text(m.server_version)},
              {"session", json_text(m.session)},
              {"storage", storage::to_json(m.storage)},
              {"mounts", each<Mount>(m.mounts, encode)},
              {"streams", each<Stream>(m.streams, encode)},
              {"bare_directories", each<BareDirectory>(m.bare_directories, encode)},
              {"sockets", each<Socket>(m.sockets, encode)},
              {"inode_flags", each<InodeFlags>(m.inode_flags, encode)},
              {"boot", encode(m.boot)},
              {"hooks", each<Hook>(m.hooks, encode)},
              {"targets", each<TargetRule>(m.targets, encode)},
              {"network_cards", each<NetworkCard>(m.network_cards, encode)},
              {"golden_addresses", json_texts(m.golden_addresses)},
              {"initrds", each<InitrdContent>(m.initrds, encode)},
              {"identity", {{"keep", json_texts(m.identity.keep)}, {"renew", json_texts(m.identity.renew)}}},
              {"removable_allowed", m.removable_allowed},
              {"degraded", m.degraded},
              {"tar_compression", json_text(m.tar_compression)},
              {"log_directory", json_text(m.log_directory)},
              {"verify_all", m.verify_all},
              {"step_limit_s", m.step_limit_s},
              {"firmware", json_texts(m.firmware)},
              {"passphrases", passphrases_names[static_cast<int>(m.passphrases)]}};
  if (m.boot_loader) out["boot_loader"] = encode(*m.boot_loader);
  return out.dump();
}

Manifest parse_manifest(std::string_view text) {
  json whole = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (whole.is_discarded()) throw Error("manifest", "is not whole, valid JSON");
  JsonReader in(whole, "");
  if (int version = in.number<int>("version"); version != Manifest::version)
    in.fail("version", "is " + std::to_string(version) + ", this node understands " +
                           std::to_string(Manifest::version) + "; boot it with the all.rdz of that server");
  Manifest m;
  m.golden_host = in.text("golden_host");
  m.server_version = in.text("server_version");
  m.session = in.text("session");
  m.storage = storage::from_json(in, "storage");
  m.mounts = in.each<Mount>("mounts", decode_mount);
  m.streams = in.each<Stream>("streams", decode_stream);
  m.bare_directories = in.each<BareDirectory>("bare_directories", decode_inode);
  m.sockets = in.each<Socket>("sockets", decode_inode);
  m.inode_flags = in.each<InodeFlags>("inode_flags", decode_flags);
  if (in.has("boot_loader")) m.boot_loader = decode_boot_loader(in.object("boot_loader"));
  m.boot = decode_boot(in.object("boot"));
  m.hooks = in.each<Hook>("hooks", decode_hook);
  m.targets = in.each<TargetRule>("targets", decode_target);
  m.network_cards = in.each<NetworkCard>("network_cards", decode_network_card);
  m.golden_addresses = in.texts("golden_addresses");
  m.initrds = in.each<InitrdContent>("initrds", decode_initrd);
  const JsonReader identity = in.object("identity");
  m.identity = {identity.texts("keep"), identity.texts("renew")};
  m.removable_allowed = in.has("removable_allowed") && in.flag("removable_allowed");
  m.degraded = in.flag("degraded");
  m.tar_compression = in.text("tar_compression");
  m.log_directory = in.text("log_directory");
  m.verify_all = in.flag("verify_all");
  m.step_limit_s = in.number<std::uint32_t>("step_limit_s");
  m.firmware = in.texts("firmware");
  m.passphrases = in.one_of<Passphrases>("passphrases", passphrases_names);
  check(m);
  return m;
}

}  // namespace ka::wire
