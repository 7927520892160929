#pragma once
/// What a machine is given on its way to ka-init: by TFTP the first loader and its configuration, all else by HTTP; and
/// the files that one machine gets instead, when it is to wait for somebody, or to show a token.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "server/boot/boot_book.h"
#include "server/http/http_server.h"
#include "server/pxe/pxe_config.h"

namespace ka::server {

struct BootRequest {
  std::string interface;    ///< that nodes are on; empty: the one with the default route
  std::string values_file;  ///< as pxe-config's --values; empty: none
  std::uint16_t http_port = 0;
  std::optional<asio::ip::address_v4> golden;  ///< where the job runs; nothing: on this machine
  std::uint16_t control_port = 0;              ///< of the job, for the kernel's command line
  std::string folder;                          ///< that dnsmasq will serve: FOLDER/tftpboot
  std::string kakey;                           ///< as PxeRequest has it, beside that of the values' file
  std::string dhcp;               ///< "FIRST,LAST": addresses that it gives; empty: another server gives them
  unsigned nodes = 1;             ///< that have to find one
  std::string templates, images;  ///< where the templates, and vmlinuz and all.rdz are; empty: as installed
  std::string uki;                ///< file of a signed image for machines with UEFI; empty: shim and GRUB are theirs
};

struct BootTree {
  std::string interface;
  asio::ip::address_v4 server;  ///< on that interface
  FileContents tftp;            ///< for request.folder, dnsmasq's own configuration too
  std::string dnsmasq;          ///< the path of that one
  HttpFiles http;
  bool uki = false;                           ///< machines with UEFI get one, and so no screen of GRUB's
  std::vector<std::string> missing_for_uefi;  ///< packages, without which machines with UEFI get no boot file
  std::string pxelinux_labels, pxelinux_serial, grub_terminal;  ///< what a machine's own file has of the common one
};

/// A tag of dnsmasq's: machines with it are told no boot file (and, beside another DHCP server, nothing at all).
inline constexpr std::string_view silent_tag = "ka-silent";

/// Of the templates and boot files that are installed. Throws Error, with the package that a missing file is in;
/// UsageError if the range of request.dhcp is none for this network and these nodes.
BootTree boot_tree(const BootRequest& request);

/// "01-52-54-00-12-34-56": what PXELINUX and GRUB call a machine.
std::string card_name(std::string hardware_address);
/// The lines of a configuration that begin with one of these words.
std::string lines_of(const std::string& text, std::initializer_list<std::string_view> first_words);

/// What shows a machine why it failed, and waits; `terminal` are the lines that a serial line needs. What it boots when
/// somebody lets it try once more, the label kamethod or GRUB's menu, follows.
std::string stopped_pxelinux(const std::string& terminal, const std::string& hardware_address,
                             const BootBook::Entry& entry);
std::string stopped_grub(const std::string& terminal, const std::string& hardware_address,
                         const BootBook::Entry& entry);

/// The files below `folder` that a machine has of its own, by their paths: for pxelinux, for GRUB and for iPXE. Those
/// without content it shall not have now.
FileContents own_files(const BootTree& tree, const std::string& folder, const std::string& hardware_address,
                       const BootBook::Entry& entry);

}  // namespace ka::server
