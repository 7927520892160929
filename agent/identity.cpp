#include "agent/identity.h"

#include <map>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

std::string short_name(const std::string& name) { return name.substr(0, name.find('.')); }

bool is_loopback(std::string_view address) { return starts_with(address, "127.") || address == "::1"; }

// The golden name, short or qualified, in the clone's form; other words as they are.
std::string renamed(std::string_view word, const std::string& golden, const std::string& name) {
  std::string golden_short = short_name(golden);
  if (word == golden_short) return short_name(name);
  if (!starts_with(word, golden_short + ".")) return std::string(word);
  return name.find('.') != std::string::npos ? name : name + std::string(word.substr(golden_short.size()));
}

std::string rewrite_hosts_line(std::string_view line, const std::string& golden, const std::string& name) {
  std::string result;
  while (!line.empty()) {
    std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    result += line.substr(0, begin);
    line.remove_prefix(begin);
    std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    result += renamed(line.substr(0, end), golden, name);
    line.remove_prefix(end);
  }
  return result;
}

void rename_host(CloneTree& clone, Log& log, const std::string& golden, const std::string& name) {
  if (name.empty()) {
    log.line(" - WARNING: DHCP gave no host name: the clone is called " + golden + ", as the golden node is");
    return;
  }
  auto old = clone.read("/etc/hostname");
  // As the golden node has it: short, or with its domain.
  std::string written = old && old->find('.') == std::string::npos ? short_name(name) : name;
  clone.write("/etc/hostname", written + "\n");
  if (clone.exists("/etc/HOSTNAME")) clone.write("/etc/HOSTNAME", written + "\n");
  if (auto hosts = clone.read("/etc/hosts")) clone.write("/etc/hosts", rewrite_hosts(*hosts, golden, name));
  if (auto network = clone.read("/etc/sysconfig/network")) {
    std::string text;
    for (std::string_view line : split(*network, '\n'))
      text += (starts_with(line, "HOSTNAME=") ? "HOSTNAME=" + written : std::string(line)) + "\n";
    text.pop_back();
    clone.write("/etc/sysconfig/network", text);
  }
  log.line(" - Host name is " + written + " (golden node: " + golden + ")");
}

// systemd makes a new one into an empty file at the first boot. A missing file would mean "never booted" to it,
// and would set every service back to its vendor's default.
void empty_machine_id(CloneTree& clone, Log& log) {
  if (clone.exists("/etc/machine-id")) {
    clone.write("/etc/machine-id", "");
    log.line(" - Emptied /etc/machine-id: the first boot makes a new one");
  }
  // Usually a link to the one above; where it is a file of its own, dbus makes it anew.
  auto dbus = clone.read("/var/lib/dbus/machine-id");
  if (dbus && !dbus->empty() && clone.remove("/var/lib/dbus/machine-id"))
    log.line(" - Removed /var/lib/dbus/machine-id");
}

void remove_matching(CloneTree& clone, Log& log, const std::string& directory, bool (*match)(std::string_view)) {
  for (const std::string& name : clone.list(directory)) {
    std::string path = directory + "/" + name;
    if (match(name) && !clone.is_directory(path) && clone.remove(path)) log.line(" - Removed " + path);
  }
}

void remove_leases(CloneTree& clone, Log& log) {
  log.line(" - Removing duplicated dhcp cache");
  // dhcpd.leases beside them is a server's memory, not this client's.
  auto dhclient = [](std::string_view name) { return starts_with(name, "dhclient"); };
  for (const char* directory : {"/var/lib/dhcp", "/var/lib/dhcp3", "/var/lib/dhclient"})
    remove_matching(clone, log, directory, dhclient);
  // dhcpcd's DUID, and the key from which NetworkManager derives its identifiers, make two machines look as one.
  auto dhcpcd = [](std::string_view name) {
    return ends_with(name, ".lease") || ends_with(name, ".lease6") || name == "duid" || name == "secret";
  };
  remove_matching(clone, log, "/var/lib/dhcpcd", dhcpcd);
  remove_matching(clone, log, "/var/lib/dhcpcd5", dhcpcd);
  auto network_manager = [](std::string_view name) { return ends_with(name, ".lease") || name == "secret_key"; };
  remove_matching(clone, log, "/var/lib/NetworkManager", network_manager);
  for (const char* file : {"/etc/dhcpcd.duid", "/etc/dhcpcd.secret"})
    if (clone.remove(file)) log.line(std::string(" - Removed ") + file);
}

void remove_network_rules(CloneTree& clone, Log& log) {
  log.line(" - Remove udev network rules");
  auto bound_to_a_card = [](std::string_view name) {
    return name.find("persistent-net") != std::string_view::npos || name.find("net_config") != std::string_view::npos;
  };
  remove_matching(clone, log, "/etc/udev/rules.d", bound_to_a_card);
}

}  // namespace

std::string rewrite_hosts(std::string_view text, const std::string& golden, const std::string& name) {
  std::string result;
  bool named = false;
  for (std::string_view line : split(text, '\n')) {
    std::string_view entry = line.substr(0, line.find('#'));
    auto fields = words(entry);
    if (fields.size() >= 2 && is_loopback(fields[0])) {
      std::string changed = rewrite_hosts_line(entry, golden, name);
      auto changed_fields = words(changed);
      for (std::size_t i = 1; i < changed_fields.size(); ++i) named = named || changed_fields[i] == short_name(name);
      result += changed + std::string(line.substr(entry.size()));
    } else {
      result += line;
    }
    result += '\n';
  }
  result.pop_back();
  if (named) return result;
  if (!result.empty() && result.back() != '\n') result += '\n';
  return result + "127.0.1.1\t" + (name == short_name(name) ? name : name + " " + short_name(name)) + "\n";
}

void renew_identity(CloneTree& clone, Log& log, const std::string& golden_host, const std::string& host_name) {
  rename_host(clone, log, golden_host, host_name);
  empty_machine_id(clone, log);
  for (const char* seed : {"/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/random-seed",
                           "/var/lib/misc/random-seed"})
    if (clone.remove(seed)) log.line(std::string(" - Removed ") + seed);
  remove_leases(clone, log);
  remove_network_rules(clone, log);
  for (const char* name : {"/etc/iscsi/initiatorname.iscsi", "/etc/nvme/hostnqn", "/etc/nvme/hostid"})
    if (clone.exists(name))
      log.line(std::string(" - WARNING: ") + name + " is the golden node's; a script in hooks.d can renew it");
}

Awaitable<void> renew_ssh_host_keys(Machine& machine, CloneTree& clone, Log& log, const std::string& host_name) {
  const std::string directory = "/etc/ssh", prefix = "ssh_host_", suffix = "_key";
  std::map<std::string, std::string> old_keys;  // "ed25519" → the golden public key
  for (const std::string& name : clone.list(directory)) {
    if (!starts_with(name, prefix) || name.find(suffix) == std::string::npos) continue;
    if (ends_with(name, suffix)) {
      std::string type = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
      old_keys[type] = clone.read(directory + "/" + name + ".pub").value_or("");
    }
    if (ends_with(name, "-cert.pub"))
      log.line(" - WARNING: the certificate " + name + " was for the golden key; removed");
    clone.remove(directory + "/" + name);
  }
  if (old_keys.empty()) co_return;
  if (!clone.has_program("ssh-keygen")) {
    log.line(" - WARNING: removed the golden SSH host keys; the clone has no ssh-keygen to make new ones");
    co_return;
  }
  for (const auto& [type, old_key] : old_keys) {
    std::string file = directory + "/" + prefix + type + suffix;
    Command command({"ssh-keygen", "-q", "-t", type, "-N", "", "-C", "root@" + host_name, "-f", file});
    command.root = clone.root();
    co_await machine.run(command);
    auto key = clone.read(file + ".pub");
    if (!key || key->empty()) throw Error("make the SSH host key " + file, "ssh-keygen wrote no public key");
    // The second word is the key itself, the third only a comment.
    auto material = [](const std::string& text) {
      auto parts = words(text);
      return parts.size() > 1 ? std::string(parts[1]) : text;
    };
    if (material(*key) == material(old_key))
      throw Error("make the SSH host key " + file, "it is the golden node's still");
    log.line(" - New SSH host key " + file);
  }
}

}  // namespace ka::agent
