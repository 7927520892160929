#include "server/options/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/job/chunk_source.h"
#include "server/options/conf.h"
#include "server/options/option_table.h"
#include "server/options/web_address.h"
#include "wire/boot/boot_plan.h"
#include "wire/identity.h"

namespace ka::server {

namespace {

std::string check_packing(const std::string& given) {
  try {
    check_compression(given);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string check_verify(const std::string& given) {
  return given == "boot" || given == "all" ? "" : given + " is neither boot nor all";
}

std::string check_boot_order(const std::string& given) {
  for (const char* known : boot::order_names)
    if (given == known) return "";
  return given + " is neither disk-first, pxe-first nor leave";
}

}  // namespace

void add_compression_option(CLI::App& app, std::string& compression, const std::string& help) {
  OptionTable(app).text("-z,--compression", compression, "auto|off|LEVEL", help, check_packing);
}

void add_job_options(CLI::App& app, JobOptions& o) {
  OptionTable table(app);
  table.number("-n,--nodes", o.nodes, 1, 100000,
               "A round starts when this many nodes wait; all is well when as many are done");
  table.number("-T,--start-after", o.start_after, 0, 1000000,
               "A round starts at the latest this many seconds after the first node came");
  table.number("--linger", o.linger, 0, 1000000, "After a round, wait this many seconds for nodes that are missing");
  table.text("--racks", o.racks, "FILE", "Which nodes shall be neighbours: lines RACK ADDRESS...");
  table.text("--only", o.only, "FILE", "Which machines may take part: addresses and hardware addresses, as in --racks");
  table.number("--sink-limit", o.sink_limit, 0, 1000000,
               "A node that accepts no data for this many seconds has failed; 0: no limit");
  table.number("-w,--window", o.window_mib, 0, 1u << 20,
               "MiB held for nodes that are behind; 0: by the number of nodes and the memory");
  table.flag("--encrypt", o.encrypt, "Encrypt what goes through the chain, so that only its members can read it");
  add_compression_option(app, o.compression,
                         "Pack with zstd on the way: auto, where it pays; off; or a level from 1 to 19");
  table.text("-i,--interface,--listen", o.interface, "NAME|ADDRESS",
             "Serve on this network interface only, or on this address");
  table.number("--control-port", o.control_port, 1, 65535, "Discovery (UDP) and control (TCP)");
  table.number("--data-port", o.data_port, 1, 65535, "Data (TCP)");
  table.text("--key", o.key, "FILE", "The key that nodes know this server by: only those that do are served");
  table.flag("--open", o.open, "Use no key: whoever is on the network can be a node, or a server");
  table.text("--json", o.json, "FILE", "Write the result to FILE, for programs");
  table.text("--events", o.events, "FILE|-", "Write what happens to FILE, or to standard output, a JSON object a line");
  table.text("--on-event", o.on_event, "PROGRAM", "Run PROGRAM for what happens, with its JSON on standard input");
  table.text("--web", o.web, "[ADDRESS:]PORT", "Show the job to browsers at this port; 0: any that is free",
             check_web_address);
}

void add_plan_options(CLI::App& app, CloneOptions& o) {
  OptionTable table(app);
  table.text("--config", o.conf, "FILE", "Read FILE instead of " + std::string(default_conf))->configurable(false);
  table.list("-x,--exclude", o.excluded, "DIR", "Leave out what is in DIR; the directory itself is made again");
  table.list("-X,--exclude-drive", o.excluded_drives, "DRIVE", "Leave out a drive (sdb)");
  table.list("-m,--mbr", o.mbr_drives, "DRIVE", "Copy the boot code of DRIVE's master boot record (other systems)");
  table.list("-M,--mbr-file", o.mbr_files, "DRIVE FILE", "Use FILE, 446 bytes, as boot code for DRIVE");
  table.list("-D,--raw", o.raw_partitions, "PARTITION", "Also copy PARTITION (sda3), byte for byte");
  table.list("-p,--desc", o.descs, "DRIVE DESC", "Partition DRIVE as the file DESC says; without it, as it is here")
      ->configurable(false);
  table.text("-r,--boot-loader", o.boot_loader, "'LOADER ...'",
             "Boot loader and modules for the initrd: 'grub --with=ata_piix', or none");
  table.text("--boot-order", o.boot_order, "disk-first|pxe-first|leave",
             "Where the clone's entry goes in the boot order of a node's UEFI firmware", check_boot_order);
  table.number("--step-limit", o.step_limit, 0, 1000000,
               "A node on which one program or other step takes longer than this many seconds has failed; 0: no limit");
  table.text("--verify", o.verify, "boot|all", "What a node reads back from its disk: the files of /boot, or all files",
             check_verify);
  table.list("--target", o.targets, "DRIVE=SELECTOR",
             "Which disk of a node takes DRIVE's place: sda=path:pci-0000:00:1f.2-ata-1");
  table.list("--keep", o.keep, "ITEM", "Leave this of the golden machine's identity on the clones (machine-id, ...)",
             wire::why_not_keep);
  table.list("--renew", o.renew, "ITEM",
             "Make this new on the clones, which is only reported otherwise (salt-minion, ...)", wire::why_not_renew);
  table.flag("--allow-removable", o.allow_removable, "Removable drives too, here and on the nodes");
  table.flag("--degraded", o.degraded,
             "Nodes with fewer disks too: arrays that can do without a leg are made without it there");
  table.flag("--shrink", o.shrink, "On smaller disks, partitions with files shrink to what is used and a tenth");
  table.text("--session", o.session, "NAME", "Name of this clone, for logs");
  table.text("--stage2", o.stage2, "FILE", "Stage2 (squashfs), or a directory to make it of");
  table.text("--hooks", o.hooks, "DIR", "Scripts to run inside each clone");
  table.text("--log-directory", o.log_directory, "DIR", "Where a clone keeps the log of its making");
}

void add_serving_options(CLI::App& app, CloneOptions& o) {
  OptionTable table(app);
  add_job_options(app, o);
  table.number("-d,--delay", o.release_delay, 0, 36000, "Tenths of a second between the release of two nodes");
  table.list(
      "--luks-key", o.luks_keys, "[DEVICE=]FILE|ask|generate",
      "What opens the encrypted devices of the clones: a passphrase in FILE, of one or of all; asked for at each "
      "node; or one made for each");
  table.text("--store-log", o.store_log, "URL",
             "Store each node's log there with curl: ftp://, sftp://, http:// (PUT)");
  table.flag("--confirm", o.confirm, "Show the nodes' disks and ask here, before the first of them is written to");
  table.flag("--pxe", o.pxe, "Answer machines that boot by PXE, beside the DHCP server that is there");
  table.text("--dhcp", o.dhcp, "FIRST,LAST",
             "With --pxe: give addresses, too, out of this range; refused where a DHCP server answers");
  table.text("--pxe-values", o.pxe_values, "FILE", "Values for --pxe, as ka-server pxe-config has them: NAME = VALUE");
  table.text("--uki", o.uki, "FILE",
             "With --pxe: a signed image of make uki, boot file of UEFI machines in place of shim and GRUB");
  table.text("--pxelinux-dir", o.pxelinux_dir, "DIR",
             "Keep a file for each machine in the pxelinux.cfg/ or beside the grub.cfg of another boot server");
  table.number("--boot-port", o.boot_port, 1, 65535, "Boot files by HTTP (TCP), with --pxe");
  table.number("--tries", o.tries, 1, 1000,
               "A machine that has failed this often is shown why when it boots again, and waits");
}

void add_clone_options(CLI::App& app, CloneOptions& o) {
  OptionTable table(app);
  add_serving_options(app, o);
  add_plan_options(app, o);
  table.flag("--check", o.check, "Check this machine, print the plan, and end")->configurable(false);
}

namespace {

std::vector<ConfEntry> entries_of(std::string_view text, const std::string& file) {
  try {
    return parse_conf(text, file);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

}  // namespace

std::string read_conf(const std::string& named, std::string& file) {
  file = named.empty() ? default_conf : named;
  if (named.empty() && ::access(file.c_str(), F_OK) != 0) return {};
  return read_file(file);
}

std::vector<ConfEntry> apply_conf(CLI::App& app, std::string_view text, const std::string& file, const CLI::App* also) {
  // Whether the command line gave an option is asked before the first line is applied.
  std::set<const CLI::Option*> given, in_file;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) given.insert(option);
  }
  std::vector<ConfEntry> applied;
  for (const ConfEntry& entry : entries_of(text, file)) {
    std::string where = file + ":" + std::to_string(entry.line);
    CLI::Option* option = app.get_option_no_throw("--" + entry.key);
    const CLI::Option* elsewhere = also != nullptr ? also->get_option_no_throw("--" + entry.key) : nullptr;
    if (option == nullptr && elsewhere != nullptr && elsewhere->get_configurable()) continue;
    if (option == nullptr || !option->get_configurable())
      throw UsageError(where, "no such key: " + entry.key + " (each key is the long name of an option of ka-server)");
    bool list = option->get_expected_max() > 1;
    if (!in_file.insert(option).second && !list) throw UsageError(where, entry.key + " is given twice");
    if (!list && given.count(option) > 0) continue;  // the command line wins
    try {
      if (option->get_type_size_max() == 0) {
        option->add_result(option->get_flag_value(entry.key, entry.value));
      } else if (option->get_type_size_max() == 2) {
        for (std::string_view word : words(entry.value)) option->add_result(std::string(word));
      } else {
        option->add_result(entry.value);
      }
      option->run_callback();
      applied.push_back(entry);
    } catch (const std::exception& error) {
      throw UsageError(where, "not a value for " + entry.key + ": " + entry.value + " (" + error.what() + ")");
    }
  }
  return applied;
}

}  // namespace ka::server
