#include "server/job/report.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/job/status_table.h"
#include "wire/identity.h"

namespace ka::server {

namespace {

using nlohmann::json;

// What this server knows to do about an item; a node may name any.
std::string remedy_for(const wire::IdentityNote& note) {
  const wire::IdentityRow* row = wire::find_identity_item(note.item);
  return row ? row->remedy : "";
}

json identity_json(const std::vector<wire::IdentityNote>& notes) {
  json out = json::object();
  for (const char* name : wire::identity_class_names) out[name] = json::array();
  for (const wire::IdentityNote& note : notes) {
    json one = {{"item", escape_bytes(note.item)}, {"where", escape_bytes(note.where)}};
    if (note.what == wire::IdentityClass::reported) one["remedy"] = remedy_for(note);
    out[wire::identity_class_names[static_cast<std::size_t>(note.what)]].push_back(std::move(one));
  }
  return out;
}

// Golden disks that a node has none for.
json missing_json(const std::vector<wire::DiskOffer>& disks) {
  json out = json::array();
  for (const wire::DiskOffer& disk : disks)
    if (disk.is_missing())
      out.push_back({{"golden", escape_bytes(disk.golden)}, {"degraded", escape_bytes(disk.contents)}});
  return out;
}

json node_json(const NodeStatus& node) {
  return {{"address", escape_bytes(node.address)},
          {"host_name", escape_bytes(node.host_name)},
          {"hardware_address", escape_bytes(node.hardware_address)},
          {"result", state_name(node.state)},
          {"stage", escape_bytes(node.stage)},
          {"reason", escape_bytes(node.reason)},
          {"round", node.round},
          {"missing_disks", missing_json(node.disks)},
          {"identity", identity_json(node.identity)}};
}

json session_json(const SessionRecord& record) {
  return {{"name", record.name},
          {"round", record.round},
          {"nodes", record.members},
          {"bytes", record.bytes},
          {"seconds", record.seconds}};
}

}  // namespace

bool succeeded(const Report& report) { return report.error.empty() && report.result.done >= report.wanted; }

std::string result_word(const Report& report) {
  return succeeded(report) ? "done" : report.result.interrupted ? "interrupted" : "failed";
}

std::string report_json(const Report& report) {
  json out;
  out["version"] = 1;
  out["program"] = "ka-server " KA_VERSION;
  out["session"] = report.session;
  out["result"] = result_word(report);
  out["nodes_wanted"] = report.wanted;
  out["nodes_done"] = report.result.done;
  out["seconds"] = report.seconds;
  out["error"] = escape_bytes(report.error);
  out["level"] = report.level;
  out["key"] = report.key;
  out["nodes"] = json::array();
  for (const NodeStatus& node : report.result.nodes) {
    out["nodes"].push_back(node_json(node));
    if (auto made = report.passphrases.find(node.number); made != report.passphrases.end())
      out["nodes"].back()["luks_passphrase"] = made->second.text();
  }
  out["sessions"] = json::array();
  for (const SessionRecord& record : report.sessions) out["sessions"].push_back(session_json(record));
  out["warnings"] = json::array();
  for (const std::string& warning : report.result.warnings) out["warnings"].push_back(escape_bytes(warning));
  return out.dump(2) + "\n";
}

ReportFile::ReportFile(const std::string& name, bool secret) : name_(name) {
  if (name.empty()) return;
  auto open_error = [&] { return Error::from_errno("--json: write to " + name); };
  struct stat status {};
  const bool there = ::stat(name.c_str(), &status) == 0;
  // /dev/stdout may be a file, but is not one to be replaced.
  if (there && (!S_ISREG(status.st_mode) || name.starts_with("/dev/") || name.starts_with("/proc/"))) {
    // Without waiting for somebody to read a FIFO: nobody there is an error.
    fd_.reset(::open(name.c_str(), O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd_.valid()) throw open_error();
    return;
  }
  if (there) {
    // The file itself, where the name is a link to it.
    std::unique_ptr<char, void (*)(void*)> real(::realpath(name.c_str(), nullptr), std::free);
    if (real) name_ = real.get();
  }
  temporary_ = name_ + ".ka-new";
  fd_.reset(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, secret ? 0600 : 0644));
  if (!fd_.valid()) throw open_error();
}

ReportFile::~ReportFile() {
  if (fd_.valid() && !temporary_.empty()) ::unlink(temporary_.c_str());
}

void ReportFile::put_in_place() const {
  if (!temporary_.empty() && ::rename(temporary_.c_str(), name_.c_str()) != 0)
    throw Error::from_errno("rename to " + name_);
}

void ReportFile::write(std::string_view text) {
  const std::function<void()> other = std::exchange(other_, nullptr);
  if (!wanted()) return;
  if (temporary_.empty()) ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) & ~O_NONBLOCK);
  write_all(fd_.get(), text, name_);
  if (!temporary_.empty()) {
    if (::fsync(fd_.get()) != 0) throw Error::from_errno("fsync " + temporary_);
    fd_.reset();
    try {
      other ? other() : put_in_place();
    } catch (const Error& error) {
      throw Error("the report stays at " + temporary_, error.what());
    }
  }
  fd_.reset();
}

}  // namespace ka::server
