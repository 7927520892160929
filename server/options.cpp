#include "server/options.h"

#include <CLI/CLI.hpp>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "server/chunk_source.h"
#include "server/conf.h"

namespace ka::server {

namespace {

template <typename Number>
void assign(Number& value, std::uint64_t number) {
  value = static_cast<Number>(number);
}
template <typename Number>
void assign(std::optional<Number>& value, std::uint64_t number) {
  value = static_cast<Number>(number);
}

// Decimal numbers only: CLI11 alone would take "010" for eight.
template <typename Number>
CLI::Option* add_number(CLI::App& app, const std::string& name, Number& value, const std::string& help,
                        std::uint64_t least, std::uint64_t most) {
  CLI::callback_t parse = [&value, least, most](const CLI::results_t& results) {
    auto number = parse_unsigned(results.back());
    if (!number || *number < least || *number > most) return false;
    assign(value, *number);
    return true;
  };
  return app.add_option(name, parse, help)->type_name(std::to_string(least) + ".." + std::to_string(most))->expected(1);
}

}  // namespace

void add_clone_options(CLI::App& app, CloneOptions& o) {
  // A list option takes one value each time it is given, so that what follows it is never swallowed.
  auto list = [&app](const std::string& name, auto& value, const std::string& type, const std::string& help) {
    return app.add_option(name, value, help)->type_name(type)->allow_extra_args(false);
  };
  app.add_option("--config", o.conf, std::string("Read FILE instead of ") + default_conf)
      ->type_name("FILE")
      ->configurable(false);
  add_number(app, "-n,--nodes", o.nodes, "Number of nodes to clone to (1)", 1, 100000);
  list("-x,--exclude", o.excluded, "DIR", "Leave out what is in DIR; the directory itself is made again");
  list("-X,--exclude-drive", o.excluded_drives, "DRIVE", "Leave out a drive (sdb)");
  list("-m,--mbr", o.mbr_drives, "DRIVE", "Copy the boot code of DRIVE's master boot record (other systems)");
  list("-M,--mbr-file", o.mbr_files, "DRIVE FILE", "Use FILE, 446 bytes, as boot code for DRIVE");
  list("-D,--raw", o.raw_partitions, "PARTITION", "Also copy PARTITION (sda3), byte for byte");
  list("-p,--desc", o.descs, "DRIVE DESC", "Partition DRIVE as the file DESC says; without it, as it is here")
      ->configurable(false);
  add_number(app, "-d,--delay", o.release_delay, "Tenths of a second between the release of two nodes (0)", 0, 36000);
  app.add_option("-r,--boot-loader", o.boot_loader,
                 "Boot loader and modules for the initrd: 'grub --with=ata_piix', or none")
      ->type_name("'LOADER …'");
  add_number(app, "--start-after", o.start_after, "Start at latest so long after the first node came", 0, 1000000);
  add_number(app, "--linger", o.linger, "End so long after a round in which nodes failed", 0, 1000000);
  app.add_option("--racks", o.racks, "Which nodes shall be neighbours: lines RACK ADDRESS...")->type_name("FILE");
  add_number(app, "--sink-limit", o.sink_limit,
             "A node that writes nothing for so many seconds has failed (600; 0: no limit)", 0, 1000000);
  list("--target", o.targets, "DRIVE=SELECTOR", "Which disk of a node takes DRIVE's place: sda=name:vda");
  app.add_flag("--allow-removable", o.allow_removable, "Removable drives too, here and on the nodes");
  app.add_option("--session", o.session, "Name of this clone, for logs")->type_name("NAME");
  app.add_option("--stage2", o.stage2, "Stage2 (squashfs), or a directory to make it of")->type_name("FILE");
  app.add_option("--hooks", o.hooks, "Scripts to run inside each clone")->type_name("DIR");
  app.add_option("--interface", o.interface, "Serve on this network interface only")->type_name("NAME");
  app.add_option("--log-directory", o.log_directory, "Where a clone keeps the log of its making")->type_name("DIR");
  add_number(app, "--control-port", o.control_port, "Discovery (UDP) and control (TCP)", 1, 65535);
  add_number(app, "--data-port", o.data_port, "Data (TCP)", 1, 65535);
  add_number(app, "--window", o.window_mib, "MiB held for nodes that are behind (0: by this machine's memory)", 0,
             1u << 20);
  add_compression_option(app, o.compression);
  app.add_option("--json", o.json, "Write the result there, for programs")->type_name("FILE");
  app.add_flag("--check", o.check, "Check and print the plan, and end")->configurable(false);
}

void add_compression_option(CLI::App& app, std::string& value) {
  auto check = [](const std::string& given) -> std::string {
    try {
      check_compression(given);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  app.add_option("-z,--compression", value,
                 "Pack with zstd on the way: auto, where it pays; off; or a level from 1 to 19")
      ->type_name("auto|off|LEVEL")
      ->check(check)
      ->capture_default_str();
}

std::vector<ConfEntry> apply_conf(CLI::App& app, std::string_view text, const std::string& file) {
  // Whether the command line gave an option is asked before the first line is applied.
  std::set<const CLI::Option*> given, in_file;
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) given.insert(option);
  }
  std::vector<ConfEntry> applied;
  for (const ConfEntry& entry : parse_conf(text, file)) {
    std::string where = file + ":" + std::to_string(entry.line);
    CLI::Option* option = app.get_option_no_throw("--" + entry.key);
    if (option == nullptr || !option->get_configurable())
      throw Error(where, "no such key: " + entry.key + " (each key is the long name of an option of ka-server)");
    bool list = option->get_expected_max() > 1;
    if (!in_file.insert(option).second && !list) throw Error(where, entry.key + " is given twice");
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
      throw Error(where, "not a value for " + entry.key + ": " + entry.value + " (" + error.what() + ")");
    }
  }
  return applied;
}

}  // namespace ka::server
