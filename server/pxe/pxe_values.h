#pragma once
/// The values that configuration for boot servers is made of: as given, completed from this machine's own
/// network, and checked. What a PxeValues holds can be put between quotes in any of the files.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/asio.h"

namespace ka::server {

using Address = asio::ip::address_v4;

/// As the operator gave them; an empty string means: derive it, or do without. "none" for gateway, dns, domain
/// and efi_loader means: do without, though there is one.
struct PxeRequest {
  std::string interface;  ///< of the boot server
  std::string server;     ///< its address there
  std::string subnet;     ///< "10.0.1.0/24"
  std::string range;      ///< "10.0.1.30,10.0.1.40": addresses for nodes
  std::string gateway;
  std::string dns;  ///< addresses, between commas
  std::string domain;
  std::string host_prefix = "node";  ///< a node without a name gets this one and the last number of its address
  std::string tftp_root = "/var/lib/tftpboot";
  std::string efi_loader = "/shimx64.efi";  ///< path below tftp_root; "none": UEFI machines get no boot file
  std::string uki;   ///< file of a signed image, which UEFI machines get in place of efi_loader; empty: none
  std::string http;  ///< "http://10.0.1.1" or a port of the server: the same files by HTTP; empty: TFTP only
  std::string default_label = "local";
  std::string timeout = "5";  ///< seconds at pxelinux's prompt; 0: no prompt
  std::string serial;         ///< "0 115200": port and speed of a console on a serial line
  std::string kakey;          ///< "KEY[,KEY]": what nodes know their server by; empty: they know no key
  std::string append;         ///< more words for kamethod's kernel command line
};

/// What this machine's own network says.
struct NetworkFacts {
  std::string interface;
  Address address;
  unsigned short prefix = 0;
  std::optional<Address> gateway;
  std::vector<Address> dns;
  std::string domain;
};

/// Of `interface`, or if that is empty of the one with the default route, or of the only one with an address.
/// nullopt: there is no such interface, or it has no IPv4 address. Throws Error when it has to choose and cannot.
std::optional<NetworkFacts> network_facts(const std::string& interface);

/// All IPv4 addresses of this machine, whatever interface has them.
std::vector<Address> own_addresses();

/// "FIRST,LAST".
struct AddressRange {
  Address first, last;
  bool holds(Address address) const { return address >= first && address <= last; }
  std::uint64_t size() const { return std::uint64_t{last.to_uint()} - first.to_uint() + 1; }
};

/// Inside `net` and without `server`, or UsageError, which names the value `name`.
AddressRange address_range(std::string_view name, const std::string& text, const asio::ip::network_v4& net,
                           Address server);

/// Value of each placeholder of the templates, by name; empty where there is none.
using PxeValues = std::map<std::string, std::string, std::less<>>;

/// Completes, checks and spells them out. Throws Error naming the value and what would be right.
PxeValues pxe_values(const PxeRequest& request, const std::optional<NetworkFacts>& facts);

/// `text` with each @NAME@ replaced. A line with a placeholder whose value is empty is left out; @NAME?@ may be
/// empty. Throws Error "FILE:LINE: …" for a name that `values` does not have.
std::string fill_template(std::string_view text, const PxeValues& values, const std::string& file);

/// pxelinux.cfg/default with DEFAULT changed to `label`. Throws Error if there is no such label, or no DEFAULT.
std::string with_default_label(std::string_view pxelinux_config, std::string_view label);

/// The same for GRUB: `set default=` changed to the --id of a menu entry.
std::string with_default_entry(std::string_view grub_config, std::string_view label);

}  // namespace ka::server
