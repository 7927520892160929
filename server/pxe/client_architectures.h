#pragma once
/// What firmware says it is when it asks for a boot file (DHCP option 93: RFC 4578, and IANA's registry after it), and
/// what each kind is told: one table, and a part of each DHCP server's configuration that is made of it.
///
/// A kind that nothing here can start gets an address and no boot file: its firmware says so on its screen and goes on
/// with the next device of its own, and the DHCP server's log has the reason. So does a kind that is not in the table.

#include <string>

namespace ka::server {

/// Where boot files are. An empty one: machines that would load it get none.
struct Loaders {
  std::string server;  ///< address, of TFTP
  std::string bios;    ///< path below the TFTP root
  std::string uefi;    ///< path below the TFTP root
  /// The same from a proxyDHCP server. GRUB as Debian 12 has signed it would end at its prompt: it reads the other
  /// server's answer only, which does not say where the files are.
  std::string uefi_by_proxy;
  std::string uefi_http;  ///< URL
};

/// Statements for ISC dhcpd: the classes of firmware that boots by TFTP and by HTTP.
std::string dhcpd_classes(const Loaders& loaders);

/// Lines of dnsmasq.conf for a dnsmasq that gives addresses itself.
std::string dnsmasq_boot_lines(const Loaders& loaders);

/// Lines of dnsmasq.conf for one that is a proxyDHCP server (port 4011) beside another.
std::string dnsmasq_proxy_lines(const Loaders& loaders);

/// Elements of Kea's list "client-classes".
std::string kea_classes(const Loaders& loaders);

}  // namespace ka::server
