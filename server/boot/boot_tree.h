#pragma once
/// What a machine is given on its way to ka-init: by TFTP the first loader and its configuration, all else by HTTP; and
/// the file that one machine gets instead, when it is to wait for somebody.

#include <cstdint>
#include <string>

#include "server/boot/boot_book.h"
#include "server/boot/http_server.h"
#include "server/pxe/pxe_config.h"

namespace ka::server {

struct BootRequest {
  std::string interface;    ///< that nodes are on; empty: the one with the default route
  std::string values_file;  ///< as pxe-config's --values; empty: none
  std::string images;       ///< folder of vmlinuz and all.rdz; empty: the installed one
  std::uint16_t http_port = 0;
  std::uint16_t control_port = 0;  ///< of the job, for the kernel's command line
  std::string folder;              ///< that dnsmasq will serve: FOLDER/tftpboot
};

struct BootTree {
  std::string interface;
  asio::ip::address_v4 server;  ///< on that interface
  FileContents tftp;            ///< for request.folder, dnsmasq's own configuration too
  std::string dnsmasq;          ///< the path of that one
  HttpServer::Files http;
  std::vector<std::string> missing_for_uefi;  ///< packages, without which machines with UEFI get no boot file
  std::string pxelinux_labels, pxelinux_serial, grub_terminal;  ///< what a machine's own file has of the common one
};

/// Of the templates and boot files that are installed. Throws Error, with the package that a missing file is in.
BootTree boot_tree(const BootRequest& request);

/// The files below `folder` for a machine that is shown why it failed, and waits: for pxelinux and for GRUB.
FileContents stopped_files(const BootTree& tree, const std::string& folder, const std::string& hardware_address,
                           const BootBook::Entry& entry);

}  // namespace ka::server
