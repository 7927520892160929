#include "wire/identity.h"

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace ka::wire {

namespace {

using enum IdentityItem;
using enum IdentityDefault;

constexpr IdentityRow rows[] = {
    {host_name, "host-name", renewed, "let DHCP give the node a name of its own, or write it in a script in hooks.d"},
    {machine_id, "machine-id"},
    {ssh_host_keys, "ssh-host-keys"},
    {network_files, "network-files", renewed,
     "a script in hooks.d can write what this machine shall have; the log of the node names the lines"},
    {network_names, "network-names"},
    {dhcp_leases, "dhcp-leases"},
    {random_seed, "random-seed"},
    {credential_secret, "credential-secret", renewed,
     "encrypt what is encrypted with it anew on the clone; --renew credential-secret removes it all the same"},
    {iscsi_initiator, "iscsi-initiator"},
    {nvme_host, "nvme-host"},
    {host_id, "host-id"},
    {mdadm_home_host, "mdadm-home-host"},
    {mysql_uuid, "mysql-uuid"},
    {zypp_id, "zypp-id"},
    {cockpit_certificate, "cockpit-certificate"},
    {salt_minion, "salt-minion", removable,
     "--renew salt-minion removes id and keys; the master has to accept the new ones"},
    {puppet_agent, "puppet-agent", removable,
     "--renew puppet-agent removes keys and certificates; the server has to sign the new ones"},
    {chef_client, "chef-client", removable,
     "--renew chef-client removes the key; register the clone by its validator key or with knife bootstrap"},
    {docker_key, "docker-key", removable, "--renew docker-key removes it, and docker makes a new one"},
    {gluster_uuid, "gluster-uuid", removable,
     "--renew gluster-uuid removes it, and glusterd makes a new one; then probe the clone as a new peer"},
    {zerotier, "zerotier", removable, "--renew zerotier removes it; authorize the new address of the clone"},
    {tailscale, "tailscale", removable, "--renew tailscale removes it; run \"tailscale up\" on the clone"},
    {rhsm, "rhsm", removable, "--renew rhsm removes it; run \"subscription-manager register\" on the clone"},
    {insights_client, "insights-client", removable,
     "--renew insights-client removes it; run \"insights-client --register\" on the clone"},
    {suseconnect, "suseconnect", removable,
     "--renew suseconnect removes it; run \"SUSEConnect --regcode CODE\" on the clone"},
    {ubuntu_pro, "ubuntu-pro", removable, "--renew ubuntu-pro removes it; run \"pro attach TOKEN\" on the clone"},
    {cloud_init, "cloud-init", unrenewable,
     "a script in hooks.d can run \"cloud-init clean\"; it then sets the clone up as a new machine"},
    {dropbear_host_keys, "dropbear-host-keys", unrenewable,
     "a script in hooks.d can make new ones with dropbearkey, and the initrd that holds them"},
    {localhost_certificates, "localhost-certificates", unrenewable,
     "a script in hooks.d can make new ones, with \"make-ssl-cert generate-default-snakeoil --force-overwrite\" or as "
     "the web server's package does"},
    {kerberos_keytab, "kerberos-keytab", unrenewable,
     "join the clone to its realm by itself, with realm, adcli, ipa-client-install or kadmin"},
    {samba_secrets, "samba-secrets", unrenewable, "join the clone to its domain by itself, with \"net ads join\""},
    {wireguard_keys, "wireguard-keys", unrenewable,
     "make a key for the clone with \"wg genkey\", and tell its peers; two machines with one key cut each other off"},
    {kubelet, "kubelet", unrenewable, "run \"kubeadm reset\" and \"kubeadm join\" on the clone"},
    {landscape, "landscape", unrenewable, "run landscape-config on the clone"},
    {snapd_serial, "snapd-serial", unrenewable,
     "let snapd of the clone forget its serial, or install snapd anew: the store takes all clones for one device"},
    {libvirt_guests, "libvirt-guests", unrenewable,
     "run the guests on one machine only, or give those of the clone other UUIDs and hardware addresses"},
};

constexpr bool in_their_order() {
  std::size_t next = 0;
  for (const IdentityRow& row : rows)
    if (static_cast<std::size_t>(row.item) != next++) return false;
  return next == static_cast<std::size_t>(libvirt_guests) + 1;
}
static_assert(in_their_order());

std::string unknown(std::string_view name) {
  std::string text = "no item of a machine's identity is called \"" + escape_bytes(name) + "\"; there are";
  for (const IdentityRow& row : rows) text += std::string(&row == rows ? " " : ", ") + row.name;
  return text;
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::span<const IdentityRow> identity_items() { return rows; }

const IdentityRow& row_of(IdentityItem item) { return rows[static_cast<std::size_t>(item)]; }

const IdentityRow* find_identity_item(std::string_view name) {
  auto found = std::find_if(std::begin(rows), std::end(rows), [&](const IdentityRow& row) { return row.name == name; });
  return found == std::end(rows) ? nullptr : found;
}

std::string why_not_keep(std::string_view name) { return find_identity_item(name) ? "" : unknown(name); }

std::string why_not_renew(std::string_view name) {
  const IdentityRow* row = find_identity_item(name);
  if (!row) return unknown(name);
  return row->normally == unrenewable ? std::string(name) + " cannot be made new by a node: " + row->remedy : "";
}

std::string contradiction_in(const IdentityChoice& choice) {
  for (const std::string& name : choice.keep)
    if (holds(choice.renew, name)) return name + " is to be kept and to be renewed";
  return "";
}

IdentityFate fate_of(IdentityItem item, const IdentityChoice& choice) {
  const IdentityRow& row = row_of(item);
  if (holds(choice.keep, row.name)) return IdentityFate::keep;
  const bool renewed_here = row.normally == renewed || holds(choice.renew, row.name);
  return renewed_here ? IdentityFate::renew : IdentityFate::report;
}

}  // namespace ka::wire
