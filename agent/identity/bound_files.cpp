#include "agent/identity/bound_files.h"

#include <fnmatch.h>

#include <optional>

#include "base/random.h"
#include "base/text.h"

namespace ka::agent {

namespace {

// What becomes of a file. A function gives it new content; nullopt: it stays, since it says nothing of one machine.
using Renewal = std::optional<std::string> (*)(const std::string& old);

struct BoundFile {
  const char *directory, *pattern;  // no directory: a line for the log
  Renewal renewal = nullptr;        // else it is removed,
  const char* warning = nullptr;    // or kept, and this is said of it
};

std::string random_hex(std::size_t digits) {
  std::string text;
  for (std::uint64_t bits = 0; text.size() < digits; bits >>= 4) {
    if (text.size() % 16 == 0) bits = random_number();
    text += "0123456789abcdef"[bits & 15];
  }
  return text;
}

// RFC 4122, version 4.
std::string random_uuid() {
  std::string text = random_hex(32);
  text[12] = '4';
  text[16] = "89ab"[text[16] & 3];
  for (std::size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

// Two initiators of one name would write to one target at a time. The part before the last colon is the maker's.
std::optional<std::string> renewed_initiator(const std::string& old) {
  std::string text;
  bool found = false;
  for (std::string_view line : split(old, '\n')) {
    auto colon = line.rfind(':');
    bool name = line.starts_with("InitiatorName=") && colon != std::string_view::npos;
    text += std::string(name ? line.substr(0, colon + 1) : line) + (name ? random_hex(12) : "") + "\n";
    found = found || name;
  }
  text.pop_back();
  return found ? std::optional(text) : std::nullopt;
}

std::optional<std::string> renewed_uuid(const std::string&) { return random_uuid() + "\n"; }

std::optional<std::string> renewed_host_nqn(const std::string&) {
  return "nqn.2014-08.org.nvmexpress:uuid:" + random_uuid() + "\n";
}

std::optional<std::string> renewed_host_id(const std::string& old) {
  std::uint64_t bits = random_number();
  std::string bytes;
  for (std::size_t i = 0; i < 4; ++i, bits >>= 8) bytes += static_cast<char>(bits & 0xff);
  return old.size() == bytes.size() ? std::optional(bytes) : std::nullopt;
}

std::optional<std::string> renewed_seed(const std::string& old) {
  std::string bytes;
  for (std::uint64_t bits = 0; bytes.size() < old.size(); bits >>= 8) {
    if (bytes.size() % 8 == 0) bits = random_number();
    bytes += static_cast<char>(bits & 0xff);
  }
  return bytes;
}

const char* const same_key = "holds a key that every clone has now";
const char* const same_registration = "is the golden node's registration: the clone has to be registered by its own";

const BoundFile bound_files[] = {
    // Seeds of random numbers.
    {"/var/lib/systemd", "random-seed"},
    {"/var/lib/urandom", "random-seed"},
    {"/var/lib", "random-seed"},
    {"/var/lib/misc", "random-seed"},
    {"/var/lib/seedrng", "seed.*"},
    {"/boot/loader", "random-seed", renewed_seed},  // systemd-boot's, which only it and bootctl make
    {"/efi/loader", "random-seed", renewed_seed},
    {"/boot/efi/loader", "random-seed", renewed_seed},

    {nullptr, "Removing duplicated dhcp cache"},
    // Leases and identities of DHCP clients. dhcpd.leases beside dhclient's is a server's memory, and stays.
    {"/var/lib/dhcp", "dhclient*"},
    {"/var/lib/dhcp3", "dhclient*"},
    {"/var/lib/dhclient", "dhclient*"},
    {"/var/lib/dhcpcd", "*.lease*"},
    {"/var/lib/dhcpcd", "duid"},
    {"/var/lib/dhcpcd", "secret"},
    {"/var/lib/dhcpcd5", "*.lease*"},
    {"/var/lib/dhcpcd5", "duid"},
    {"/var/lib/dhcpcd5", "secret"},
    {"/var/db/dhcpcd", "*.lease*"},
    {"/var/db/dhcpcd", "duid"},
    {"/var/db/dhcpcd", "secret"},
    {"/etc", "dhcpcd.duid"},
    {"/etc", "dhcpcd.secret"},
    {"/var/lib/NetworkManager", "*.lease"},
    {"/var/lib/NetworkManager", "*.leases"},
    {"/var/lib/NetworkManager", "dhclient*.conf"},
    {"/var/lib/NetworkManager", "secret_key"},
    {"/var/lib/NetworkManager", "seen-bssids"},
    {"/var/lib/NetworkManager", "timestamps"},
    {"/var/lib/systemd/network", "*"},
    {"/var/lib/wicked", "duid.xml"},
    {"/var/lib/wicked", "iaid.xml"},
    {"/var/lib/wicked", "lease-*"},
    {"/var/lib/pump", "*"},
    {"/var/lib/udhcpc", "*"},
    {"/var/lib/misc", "udhcpc*"},
    {"/var/lib/dhcpv6", "dhcp6c_duid"},
    {"/var/lib/dhcpv6", "client6.leases"},
    {"/var/lib/dhcp6c", "*"},
    {"/var/db", "dhcp6c_duid"},
    {"/var/lib/dibbler", "client-*"},

    {nullptr, "Remove udev network rules"},
    // Names that udev, long ago, gave to the golden node's cards.
    {"/etc/udev/rules.d", "*persistent-net*"},
    {"/etc/udev/rules.d", "*net_persistent*"},
    {"/etc/udev/rules.d", "*net_config*"},

    // Storage networks.
    {"/etc/iscsi", "initiatorname.iscsi", renewed_initiator},
    {"/etc/nvme", "hostid", renewed_uuid},
    {"/etc/nvme", "hostnqn", renewed_host_nqn},
    {"/etc", "hostid", renewed_host_id},

    // Programs that make their identity anew where there is none.
    {"/etc/salt", "minion_id"},
    {"/etc/salt/pki/minion", "minion.p*"},
    {"/var/lib/mysql", "auto.cnf"},
    {"/var/lib/zypp", "AnonymousUniqueId"},
    {"/etc/cockpit/ws-certs.d", "0-self-signed*"},

    // And programs that do not, or to which somebody else must agree.
    {"/var/lib/systemd", "credential.secret", nullptr, same_key},
    {"/etc/dropbear", "dropbear_*_host_key", nullptr, same_key},
    {"/etc/dropbear-initramfs", "dropbear_*_host_key", nullptr, same_key},
    {"/etc/dropbear/initramfs", "dropbear_*_host_key", nullptr, same_key},
    {"/etc/ssl/private", "ssl-cert-snakeoil.key", nullptr, same_key},
    {"/etc/pki/tls/private", "localhost.key", nullptr, same_key},
    {"/etc/wireguard", "*.conf", nullptr, same_key},
    {"/etc", "krb5.keytab", nullptr, same_key},
    {"/etc/puppet/ssl/private_keys", "*.pem", nullptr, same_key},
    {"/var/lib/puppet/ssl/private_keys", "*.pem", nullptr, same_key},
    {"/etc/puppetlabs/puppet/ssl/private_keys", "*.pem", nullptr, same_key},
    {"/etc/chef", "client.pem", nullptr, same_key},
    {"/var/lib/zerotier-one", "identity.secret", nullptr, same_key},
    {"/var/lib/tailscale", "tailscaled.state", nullptr, same_key},
    {"/etc/docker", "key.json", nullptr, same_key},
    {"/var/lib/kubelet/pki", "*.pem", nullptr, same_key},
    {"/var/lib/samba/private", "secrets.tdb", nullptr, same_registration},
    {"/etc/pki/consumer", "cert.pem", nullptr, same_registration},
    {"/etc/zypp/credentials.d", "SCCcredentials", nullptr, same_registration},
    {"/var/lib/ubuntu-advantage/private", "machine-token.json", nullptr, same_registration},
    {"/etc/landscape", "client.conf", nullptr, same_registration},
    {"/var/lib/snapd", "state.json", nullptr, same_registration},
    {"/var/lib/glusterd", "glusterd.info", nullptr, same_registration},
    {"/var/lib/cloud", "instance", nullptr,
     "makes cloud-init take the clone for the golden node; a script in hooks.d can run \"cloud-init clean\""},
};

void renew(CloneTree& clone, Log& log, const BoundFile& bound, const std::string& path) {
  if (bound.warning) {
    log.line(" - WARNING: " + path + " " + bound.warning);
  } else if (bound.renewal) {
    auto content = bound.renewal(clone.read(path).value_or(""));
    if (!content) return;
    clone.write(path, *content);
    log.line(" - Renewed " + path);
  } else if (!clone.is_directory(path) && clone.remove(path)) {
    log.line(" - Removed " + path);
  }
}

// Boot loader entries are named after the machine-id. They go on to work, but the next kernel would be installed
// beside them under another name: a token keeps the name, as systemd's kernel-install has it for images.
void keep_entry_token(CloneTree& clone, Log& log, const std::string& machine_id) {
  const std::string token = "/etc/kernel/entry-token";
  if (machine_id.empty() || clone.exists(token)) return;
  bool used = false;
  for (const std::string place : {"/boot", "/efi", "/boot/efi"}) {
    used = used || clone.is_directory(place + "/" + machine_id);
    for (const char* folder : {"/loader/entries", "/EFI/Linux"})
      for (const std::string& entry : clone.list(place + folder)) used = used || entry.starts_with(machine_id);
  }
  if (!used) return;
  clone.write(token, machine_id + "\n");
  log.line(" - Wrote " + token + ": the entries of the boot loader keep their names");
}

}  // namespace

void renew_bound_files(CloneTree& clone, Log& log) {
  for (const BoundFile& bound : bound_files) {
    if (!bound.directory) {
      log.line(std::string(" - ") + bound.pattern);
      continue;
    }
    const std::string directory = bound.directory;
    for (const std::string& name : clone.list(directory))
      if (::fnmatch(bound.pattern, name.c_str(), 0) == 0) renew(clone, log, bound, directory + "/" + name);
  }
}

// systemd makes a new one into an empty file at the first boot. A missing file would mean "never booted" to it,
// and would set every service back to its vendor's default.
void renew_machine_id(CloneTree& clone, Log& log) {
  const std::string file = "/etc/machine-id";
  if (auto old = clone.read(file)) {
    keep_entry_token(clone, log, std::string(trim(*old)));
    clone.write(file, "");
    log.line(" - Emptied " + file + ": the first boot makes a new one");
  }
  // Usually a link to the one above; where it is a file of its own, dbus makes it anew.
  auto dbus = clone.read("/var/lib/dbus/machine-id");
  if (dbus && !dbus->empty() && clone.remove("/var/lib/dbus/machine-id"))
    log.line(" - Removed /var/lib/dbus/machine-id");
}

}  // namespace ka::agent
