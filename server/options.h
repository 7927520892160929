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

#include "server/conf.h"
#include "wire/ports.h"

namespace CLI {
class App;
}

namespace ka::server {

inline constexpr const char* default_conf = "/etc/ka/ka.conf";

/// A clone as asked for; nothing in it was compared with the machine yet (server/plan.h does).
struct CloneOptions {
  using Pair = std::pair<std::string, std::string>;

  unsigned nodes = 1;                        ///< -n
  std::vector<std::string> excluded;         ///< -x: directories
  std::vector<std::string> excluded_drives;  ///< -X: "sdb" or "/dev/sdb"
  std::vector<std::string> mbr_drives;       ///< -m
  std::vector<Pair> mbr_files;               ///< -M: drive, file
  std::vector<std::string> raw_partitions;   ///< -D: "sda3" or "/dev/sda3"
  std::vector<Pair> descs;                   ///< -p: drive, desc file
  unsigned release_delay = 0;                ///< -d: tenths of a second between two releases
  std::string boot_loader;                   ///< -r: "grub --with=jfs"; empty: what is found here
  std::vector<std::string> targets;          ///< "sda=name:vda"
  bool allow_removable = false;
  std::string session = "ka";
  std::string stage2;  ///< empty: /mnt/ka, else the installed one
  std::string hooks = "/etc/ka/hooks.d";
  std::string interface;                      ///< empty: all
  std::string log_directory = "/var/log/ka";  ///< on the clone
  std::uint16_t control_port = wire::control_port, data_port = wire::data_port;
  std::uint64_t window_mib = 0;                 ///< 0: by this machine's memory
  std::string compression = "auto";             ///< -z: of the file systems and raw partitions
  std::optional<unsigned> start_after, linger;  ///< seconds
  std::string racks;                            ///< file; empty: the chain follows the addresses
  unsigned sink_limit = 600;                    ///< seconds; 0: none
  std::string json;                             ///< file for the report; empty: none
  bool check = false;                           ///< print the plan and end
  std::string conf;                             ///< --config; empty: default_conf, if it is there
  /// What ka.conf gave: keys, and the first words of their values. What these name need not be there.
  std::set<Pair> from_file;
};

/// Adds the options of a clone to `app`. `options` must live as long as `app`.
void add_clone_options(CLI::App& app, CloneOptions& options);

/// -z, which `ka-server send` has too. `value` holds the default.
void add_compression_option(CLI::App& app, std::string& value);

/// Applies the text of a ka.conf to a parsed `app`: each key is the long name of an option; an option given on the
/// command line wins, and lists add up. Returns what it applied. Throws Error "FILE:LINE: …" for an unknown key or a
/// value it cannot be.
std::vector<ConfEntry> apply_conf(CLI::App& app, std::string_view text, const std::string& file);

}  // namespace ka::server
