#pragma once
/// Network configuration of the clone that is bound to the golden node's cards, or would give two machines one address.

#include <string>
#include <string_view>

#include "agent/identity/host_name.h"
#include "agent/identity/identity_record.h"
#include "agent/identity/network_cards.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/rewritten.h"

namespace ka::agent {

/// How a file is written, and so what can be left out of it.
enum class NetworkSyntax {
  lines,         ///< a setting a line: ifcfg, keyfiles, interfaces, dhclient.conf, udev rules, …
  networkd,      ///< sections; a [Match] without conditions would match every interface
  netplan,       ///< YAML: what is left must be a whole
  command_line,  ///< kernel words: ifname=, BOOTIF=, ip=
};

/// A golden card's address becomes its successor's; where none is beyond doubt, what is bound to it is dropped. The
/// golden host name, where it is sent to DHCP servers, becomes the clone's. Fixed addresses, which two machines would
/// have, are warned of.
Rewritten rewrite_network_file(std::string_view text, NetworkSyntax syntax, const CardMap& cards,
                               const HostNames& names);

/// Every network configuration that is known, of all distributions. Each change is named in the log, and `record` is
/// told which files were changed, and which a person has to look at.
void fit_network_files(CloneTree& clone, Log& log, IdentityRecord& record, const CardMap& cards,
                       const HostNames& names);

}  // namespace ka::agent
