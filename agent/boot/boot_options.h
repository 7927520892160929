#pragma once
/// What the kernel command line asks of ka-init, as typed values. Nobody else reads /proc/cmdline.
///
///     automatic=method:ka,interface:eth0,network:dhcp          the KA method's own words
///     automatic=…,network:static,ip:…,netmask:…,gateway:…,dns:…
///     BOOTIF=01-52-54-00-12-34-56                              what pxelinux adds with IPAPPEND 2
///     kaserver=ADDRESS[:PORT]  kasession=NAME  katarget=sda=serial:WD-123  kahostprefix=node  kashell  kamethod
///     kakey=KEY[,KEY]                                          the public keys of servers that may clone this machine
///     katoken=TOKEN                                            what this machine was given to show to the server

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/link/server_link.h"
#include "agent/network/network_options.h"
#include "wire/trust/key.h"

namespace ka::agent {

struct BootOptions {
  NetworkOptions network;
  std::optional<ServerAddress> server;         ///< kaserver=: no discovery
  std::string session = wire::stage2_session;  ///< kasession=: the first session
  std::vector<wire::PublicKey> server_keys;    ///< kakey=; empty: any server may (level open)
  std::string token;                           ///< katoken=; empty: it was given none
  std::vector<std::string> target_rules;       ///< katarget=, each "DISK=KIND:VALUE"
  bool shell = false;                          ///< kashell: stage2 and a shell from it in place of the clone

  /// Words of ours that are not understood and change nothing: shown on the console.
  std::vector<std::string> warnings;
  /// Words whose meaning is lost, so that going on could use the wrong server or the wrong disk: shown, then reboot.
  std::vector<std::string> errors;
};

/// Of the public keys that all.rdz was made with, one a line: as good as those of kakey=.
inline constexpr const char* keys_file = "/ka/keys";

/// Never throws: what is wrong is in warnings and errors. Words that are the kernel's are passed over in silence.
/// `keys`: what keys_file has.
BootOptions parse_boot_options(std::string_view command_line, std::string_view keys = {});

}  // namespace ka::agent
