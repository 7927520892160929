#include "agent/identity/bound_files.h"

#include <fnmatch.h>

#include <optional>

#include "base/random.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using wire::IdentityClass;
using wire::IdentityFate;
using wire::IdentityItem;
using enum wire::IdentityItem;

// What a file that is renewed gets as its new content; nullopt: it stays, since it says nothing of one machine.
using Renewal = std::optional<std::string> (*)(const std::string& old);

// Where an item is. Items that are more than files of their own have files beside this one.
struct BoundFile {
  IdentityItem item;
  const char *directory, *pattern;
  Renewal renewal = nullptr;  // else it is removed: its owner makes it anew
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

const BoundFile bound_files[] = {
    {random_seed, "/var/lib/systemd", "random-seed"},
    {random_seed, "/var/lib/urandom", "random-seed"},
    {random_seed, "/var/lib", "random-seed"},
    {random_seed, "/var/lib/misc", "random-seed"},
    {random_seed, "/var/lib/seedrng", "seed.*"},
    {random_seed, "/boot/loader", "random-seed", renewed_seed},  // systemd-boot's, which only it and bootctl make
    {random_seed, "/efi/loader", "random-seed", renewed_seed},
    {random_seed, "/boot/efi/loader", "random-seed", renewed_seed},

    // Leases and identities of DHCP clients. dhcpd.leases beside dhclient's is a server's memory, and stays.
    {dhcp_leases, "/var/lib/dhcp", "dhclient*"},
    {dhcp_leases, "/var/lib/dhcp3", "dhclient*"},
    {dhcp_leases, "/var/lib/dhclient", "dhclient*"},
    {dhcp_leases, "/var/lib/dhcpcd", "*.lease*"},
    {dhcp_leases, "/var/lib/dhcpcd", "duid"},
    {dhcp_leases, "/var/lib/dhcpcd", "secret"},
    {dhcp_leases, "/var/lib/dhcpcd5", "*.lease*"},
    {dhcp_leases, "/var/lib/dhcpcd5", "duid"},
    {dhcp_leases, "/var/lib/dhcpcd5", "secret"},
    {dhcp_leases, "/var/db/dhcpcd", "*.lease*"},
    {dhcp_leases, "/var/db/dhcpcd", "duid"},
    {dhcp_leases, "/var/db/dhcpcd", "secret"},
    {dhcp_leases, "/etc", "dhcpcd.duid"},
    {dhcp_leases, "/etc", "dhcpcd.secret"},
    {dhcp_leases, "/var/lib/NetworkManager", "*.lease"},
    {dhcp_leases, "/var/lib/NetworkManager", "*.leases"},
    {dhcp_leases, "/var/lib/NetworkManager", "dhclient*.conf"},
    {dhcp_leases, "/var/lib/NetworkManager", "secret_key"},
    {dhcp_leases, "/var/lib/NetworkManager", "seen-bssids"},
    {dhcp_leases, "/var/lib/NetworkManager", "timestamps"},
    {dhcp_leases, "/var/lib/systemd/network", "*"},
    {dhcp_leases, "/var/lib/wicked", "duid.xml"},
    {dhcp_leases, "/var/lib/wicked", "iaid.xml"},
    {dhcp_leases, "/var/lib/wicked", "lease-*"},
    {dhcp_leases, "/var/lib/pump", "*"},
    {dhcp_leases, "/var/lib/udhcpc", "*"},
    {dhcp_leases, "/var/lib/misc", "udhcpc*"},
    {dhcp_leases, "/var/lib/dhcpv6", "dhcp6c_duid"},
    {dhcp_leases, "/var/lib/dhcpv6", "client6.leases"},
    {dhcp_leases, "/var/lib/dhcp6c", "*"},
    {dhcp_leases, "/var/db", "dhcp6c_duid"},
    {dhcp_leases, "/var/lib/dibbler", "client-*"},

    // Names that udev, long ago, gave to the golden node's cards.
    {network_names, "/etc/udev/rules.d", "*persistent-net*"},
    {network_names, "/etc/udev/rules.d", "*net_persistent*"},
    {network_names, "/etc/udev/rules.d", "*net_config*"},

    {iscsi_initiator, "/etc/iscsi", "initiatorname.iscsi", renewed_initiator},
    {nvme_host, "/etc/nvme", "hostid", renewed_uuid},
    {nvme_host, "/etc/nvme", "hostnqn", renewed_host_nqn},
    {host_id, "/etc", "hostid", renewed_host_id},

    {mysql_uuid, "/var/lib/mysql", "auto.cnf"},
    {zypp_id, "/var/lib/zypp", "AnonymousUniqueId"},
    {cockpit_certificate, "/etc/cockpit/ws-certs.d", "0-self-signed*"},

    {salt_minion, "/etc/salt", "minion_id"},
    {salt_minion, "/etc/salt/pki/minion", "minion.p*"},
    // certs/ca.pem is the server's, and a clone that asked for it anew would believe whoever answers.
    {puppet_agent, "/etc/puppet/ssl/private_keys", "*.pem"},
    {puppet_agent, "/etc/puppet/ssl/public_keys", "*.pem"},
    {puppet_agent, "/etc/puppet/ssl/certs", "*.*.pem"},
    {puppet_agent, "/var/lib/puppet/ssl/private_keys", "*.pem"},
    {puppet_agent, "/var/lib/puppet/ssl/public_keys", "*.pem"},
    {puppet_agent, "/var/lib/puppet/ssl/certs", "*.*.pem"},
    {puppet_agent, "/etc/puppetlabs/puppet/ssl/private_keys", "*.pem"},
    {puppet_agent, "/etc/puppetlabs/puppet/ssl/public_keys", "*.pem"},
    {puppet_agent, "/etc/puppetlabs/puppet/ssl/certs", "*.*.pem"},
    {chef_client, "/etc/chef", "client.pem"},
    {docker_key, "/etc/docker", "key.json"},
    {gluster_uuid, "/var/lib/glusterd", "glusterd.info"},
    {zerotier, "/var/lib/zerotier-one", "identity.*"},
    {tailscale, "/var/lib/tailscale", "tailscaled.state"},
    {rhsm, "/etc/pki/consumer", "*.pem"},
    {rhsm, "/etc/pki/entitlement", "*.pem"},
    {insights_client, "/etc/insights-client", "machine-id"},
    {insights_client, "/etc/insights-client", ".registered"},
    {suseconnect, "/etc/zypp/credentials.d", "SCCcredentials"},
    {ubuntu_pro, "/var/lib/ubuntu-advantage", "machine-token.json"},
    {ubuntu_pro, "/var/lib/ubuntu-advantage/private", "machine-token.json"},

    {cloud_init, "/var/lib/cloud", "instance"},
    {dropbear_host_keys, "/etc/dropbear", "dropbear_*_host_key"},
    {dropbear_host_keys, "/etc/dropbear-initramfs", "dropbear_*_host_key"},
    {dropbear_host_keys, "/etc/dropbear/initramfs", "dropbear_*_host_key"},
    {localhost_certificates, "/etc/ssl/private", "ssl-cert-snakeoil.key"},
    {localhost_certificates, "/etc/pki/tls/private", "localhost.key"},
    {kerberos_keytab, "/etc", "krb5.keytab"},
    {samba_secrets, "/var/lib/samba/private", "secrets.tdb"},
    {wireguard_keys, "/etc/wireguard", "*.conf"},
    {wireguard_keys, "/etc/wireguard", "*.key"},
    {kubelet, "/etc/kubernetes", "kubelet.conf"},
    {kubelet, "/var/lib/kubelet/pki", "*.pem"},
    {landscape, "/etc/landscape", "client.conf"},
    {snapd_serial, "/var/lib/snapd", "state.json"},
    {libvirt_guests, "/etc/libvirt/qemu", "*.xml"},
};

void renew(CloneTree& clone, Log& log, IdentityRecord& record, const BoundFile& bound, const std::string& path) {
  if (bound.renewal) {
    auto content = clone.is_file(path) ? bound.renewal(clone.read(path).value_or("")) : std::nullopt;
    if (!content) return;
    clone.write(path, *content);
    log.line(" - Renewed " + path);
  } else if (!clone.is_directory(path) && clone.remove(path)) {
    log.line(" - Removed " + path);
  } else {
    return;
  }
  record.add(IdentityClass::renewed, bound.item, path);
}

void settle(CloneTree& clone, Log& log, IdentityRecord& record, const BoundFile& bound, const std::string& path) {
  switch (record.fate(bound.item)) {
    case IdentityFate::keep: return record.add(IdentityClass::kept, bound.item, path);
    case IdentityFate::report: return record.add(IdentityClass::reported, bound.item, path);
    case IdentityFate::renew: return renew(clone, log, record, bound, path);
  }
}

// Boot loader entries are named after the machine-id. They go on to work, but the next kernel would be installed
// beside them under another name: a token keeps the name, as systemd's kernel-install has it for images.
void keep_entry_token(CloneTree& clone, Log& log, const std::string& id) {
  const std::string token = "/etc/kernel/entry-token";
  if (id.empty() || clone.exists(token)) return;
  bool used = false;
  for (const std::string place : {"/boot", "/efi", "/boot/efi"}) {
    used = used || clone.is_directory(place + "/" + id);
    for (const char* folder : {"/loader/entries", "/EFI/Linux"})
      for (const std::string& entry : clone.list(place + folder)) used = used || entry.starts_with(id);
  }
  if (!used) return;
  clone.write(token, id + "\n");
  log.line(" - Wrote " + token + ": the entries of the boot loader keep their names");
}

}  // namespace

void renew_bound_files(CloneTree& clone, Log& log, IdentityRecord& record) {
  for (const BoundFile& bound : bound_files) {
    const std::string directory = bound.directory;
    for (const std::string& name : clone.list(directory))
      if (::fnmatch(bound.pattern, name.c_str(), 0) == 0) settle(clone, log, record, bound, directory + "/" + name);
  }
}

// systemd makes a new one into an empty file at the first boot. A missing file would mean "never booted" to it,
// and would set every service back to its vendor's default.
void renew_machine_id(CloneTree& clone, Log& log, IdentityRecord& record) {
  const std::string file = "/etc/machine-id", of_dbus = "/var/lib/dbus/machine-id";
  auto has_one = [&clone](const std::string& path) { return !clone.read(path).value_or("").empty(); };
  if (!record.renews(machine_id)) {
    for (const std::string& path : {file, of_dbus})
      if (has_one(path)) record.add(IdentityClass::kept, machine_id, path);
    return;
  }
  if (auto old = clone.read(file)) {
    keep_entry_token(clone, log, std::string(trim(*old)));
    clone.write(file, "");
    log.line(" - Emptied " + file + ": the first boot makes a new one");
    record.add(IdentityClass::renewed, machine_id, file);
  }
  // Usually a link to the one above; where it is a file of its own, dbus makes it anew.
  if (!has_one(of_dbus) || !clone.remove(of_dbus)) return;
  log.line(" - Removed " + of_dbus);
  record.add(IdentityClass::renewed, machine_id, of_dbus);
}

}  // namespace ka::agent
