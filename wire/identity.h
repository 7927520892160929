#pragma once
/// What makes a machine the one it is, item by item: the names by which an operator, the server and the nodes speak of
/// them, and what becomes of each on a clone. Which files an item is, is in agent/identity/.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ka::wire {

/// In the order of identity_items().
enum class IdentityItem : std::uint8_t {
  host_name,
  machine_id,
  ssh_host_keys,
  network_files,
  network_names,
  dhcp_leases,
  random_seed,
  credential_secret,
  iscsi_initiator,
  nvme_host,
  host_id,
  mdadm_home_host,
  mysql_uuid,
  zypp_id,
  cockpit_certificate,
  salt_minion,
  puppet_agent,
  chef_client,
  docker_key,
  gluster_uuid,
  zerotier,
  tailscale,
  rhsm,
  insights_client,
  suseconnect,
  ubuntu_pro,
  cloud_init,
  dropbear_host_keys,
  localhost_certificates,
  kerberos_keytab,
  samba_secrets,
  wireguard_keys,
  kubelet,
  landscape,
  snapd_serial,
  libvirt_guests,
};

/// What becomes of an item whose class nobody changed.
enum class IdentityDefault : std::uint8_t {
  renewed,     ///< made new on every clone
  removable,   ///< reported; --renew removes it, and its owner makes a new one, then or when the clone is registered
  unrenewable  ///< reported; no node can make it new
};

struct IdentityRow {
  IdentityItem item;
  const char* name;  ///< "machine-id"
  IdentityDefault normally = IdentityDefault::renewed;
  const char* remedy = "";  ///< what to do on a clone that has the golden one still; empty: that is never reported
};

/// Every item; the manual page has the same.
std::span<const IdentityRow> identity_items();
const IdentityRow& row_of(IdentityItem item);
/// nullptr: no item has this name.
const IdentityRow* find_identity_item(std::string_view name);

/// What the operator wants otherwise than it normally is: names of items.
struct IdentityChoice {
  std::vector<std::string> keep;   ///< left as they are
  std::vector<std::string> renew;  ///< made new, though they are normally reported
};

/// Why an item of this name cannot be kept or renewed: an unknown name, with the list of the known ones, or what no
/// node can make new, with what to do instead. Empty: it can be.
std::string why_not_keep(std::string_view name);
std::string why_not_renew(std::string_view name);
/// Why the two lists do not go together: an item that is in both. Empty: they do.
std::string contradiction_in(const IdentityChoice& choice);

/// Whether a clone's item is made new, left alone because the operator said so, or left alone and reported.
enum class IdentityFate { renew, keep, report };
IdentityFate fate_of(IdentityItem item, const IdentityChoice& choice);

}  // namespace ka::wire
