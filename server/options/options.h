#pragma once
/// What the operator asked for: the command line of ka-server (the options of ka-d.sh, with long names), over
/// the values of /etc/ka/ka.conf, over the defaults.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/options/conf.h"
#include "server/options/key_file.h"
#include "wire/ports.h"

namespace CLI {
class App;
}

namespace ka::server {

inline constexpr const char* default_conf = "/etc/ka/ka.conf";

/// What `ka-server` and `ka-server send` have in common.
struct JobOptions {
  unsigned nodes = 1;                           ///< -n
  std::optional<unsigned> start_after, linger;  ///< seconds
  std::string racks;                            ///< file; empty: the chain follows the addresses
  std::string only;                             ///< file; empty: whatever machine comes may take part
  unsigned sink_limit = 600;                    ///< seconds; 0: none
  bool encrypt = false;                         ///< what goes through the chain
  std::uint64_t window_mib = 0;                 ///< 0: by the number of nodes and this machine's memory
  std::string compression;                      ///< -z
  std::string interface;                        ///< its name, or an address of this machine; empty: all
  std::uint16_t control_port = wire::control_port, data_port = wire::data_port;
  std::string key = default_key_file;  ///< file; nodes know it
  bool open = false;                   ///< no key: anybody may be a node, or a server
  std::string json;                    ///< file for the report; empty: none
  std::string events;                  ///< file for events, or "-"; empty: none
  std::string on_event;                ///< program; empty: none
  std::string web;                     ///< [ADDRESS:]PORT of the page; empty: none
};

/// A clone as asked for; nothing in it was compared with the machine yet (server/plan/plan.h does).
struct CloneOptions : JobOptions {
  using Pair = std::pair<std::string, std::string>;

  CloneOptions() { compression = "auto"; }

  std::vector<std::string> excluded;         ///< -x: directories
  std::vector<std::string> excluded_drives;  ///< -X: "sdb" or "/dev/sdb"
  std::vector<std::string> mbr_drives;       ///< -m
  std::vector<Pair> mbr_files;               ///< -M: drive, file
  std::vector<std::string> raw_partitions;   ///< -D: "sda3" or "/dev/sda3"
  std::vector<Pair> descs;                   ///< -p: drive, desc file
  unsigned release_delay = 0;                ///< -d: tenths of a second between two releases
  std::string boot_loader;                   ///< -r: "grub --with=jfs"; empty: what is found here
  std::string boot_order = "disk-first";     ///< of a node's UEFI firmware: disk-first, pxe-first, leave
  std::vector<std::string> targets;          ///< "sda=path:pci-0000:00:1f.2-ata-1"
  bool allow_removable = false;
  bool degraded = false;                 ///< nodes with fewer disks too: arrays get no legs there
  std::vector<std::string> keep, renew;  ///< items of wire/identity.h
  bool shrink = false;                   ///< what holds files gives way on smaller disks
  std::vector<std::string> luks_keys;    ///< FILE, DEVICE=FILE, ask, generate (server/options/luks_key.h)
  std::string session = "ka";
  std::string stage2;  ///< empty: /mnt/ka, else the installed one
  std::string hooks = "/etc/ka/hooks.d";
  std::string log_directory = "/var/log/ka";  ///< on the clone
  std::string store_log;                      ///< URL, with a password perhaps; empty: none
  unsigned step_limit = 3600;                 ///< seconds; 0: none
  std::string verify = "boot";                ///< what a node reads back from its disk: boot, all
  bool confirm = false;                       ///< ask the operator before nodes write
  bool pxe = false;                           ///< answer machines that boot by PXE, too
  std::string dhcp;                           ///< "FIRST,LAST": give addresses, too; empty: another server does
  std::string pxelinux_dir;                   ///< somebody else's boot server: a file for each machine; empty: none
  std::string uki;                            ///< with pxe: file of a signed image for UEFI machines; empty: none
  std::string pxe_values;                     ///< file, as pxe-config's --values; empty: none
  std::uint16_t boot_port = wire::boot_port;  ///< of boot files, by HTTP
  unsigned tries = 2;                         ///< how often a machine may fail and boot again
  bool nobody_wanted = false;                 ///< no -n: as with --check, and how to start is said
  bool check = false;                         ///< print the plan and end
  std::string shelf;                          ///< save: the folder that it is all kept in; empty: nodes get it
  std::string conf;                           ///< --config; empty: default_conf, if it is there
  /// What ka.conf gave: keys, and the first words of their values. What these name need not be there.
  std::set<Pair> from_file;
};

/// Adds the options of a clone to `app`. `options` must live as long as `app`.
void add_clone_options(CLI::App& app, CloneOptions& options);

/// Of these, those that say what is cloned; and those that say how it is served.
void add_plan_options(CLI::App& app, CloneOptions& options);
void add_serving_options(CLI::App& app, CloneOptions& options);
void add_compression_option(CLI::App& app, std::string& compression, const std::string& help);

/// Adds what both faces have, with `options` as the defaults.
void add_job_options(CLI::App& app, JobOptions& options);

/// The text of the ka.conf that was `named`, else of default_conf if it is there; `file` becomes its name. Throws
/// Error.
std::string read_conf(const std::string& named, std::string& file);

/// Applies the text of a ka.conf to a parsed `app`: each key is the long name of an option; an option given on the
/// command line wins, and lists add up. What only `also` has is left alone. Returns what it applied. Throws UsageError
/// "FILE:LINE: …" for an unknown key or a value it cannot be.
std::vector<ConfEntry> apply_conf(CLI::App& app, std::string_view text, const std::string& file,
                                  const CLI::App* also = nullptr);

}  // namespace ka::server
