#include <unistd.h>

#include <algorithm>

#include "agent/storage/crypt.h"

namespace ka::agent {

namespace {

using storage::Crypt;

std::string device(const storage::Node& node, const std::string&) { return "/dev/mapper/" + node.id; }

std::string type_of(const Crypt& crypt) { return "luks" + std::to_string(crypt.version); }

// No udev runs here that would make the devices, and nobody but the program learns the passphrase.
Command with_passphrase(std::vector<std::string> argv, const Secret& passphrase) {
  Command command(std::move(argv));
  command.environment = {"DM_DISABLE_UDEV=1"};
  command.input = passphrase;
  return command;
}

// Also where nothing is open: what was made by half, or is made once more.
Command close_if_open(const storage::Node& node) {
  const char* const close = "test ! -e \"/dev/mapper/$1\" || exec cryptsetup close \"$1\"";
  Command command({"sh", "-c", close, "close", node.id});
  command.environment = {"DM_DISABLE_UDEV=1"};
  return command;
}

// A machine opens it with what it has at its start, and another program may run beside it.
std::uint64_t key_derivation_kib() {
  constexpr std::uint64_t least = 32 << 10, most = 1 << 20;
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  const std::uint64_t memory = pages > 0 && page > 0 ? static_cast<std::uint64_t>(pages) * page : 0;
  return std::clamp(memory / 1024 / 4, least, most);
}

// The master key is made here, from the kernel's random numbers once they are (--use-random waits for that, and no
// longer): each clone has its own.
std::vector<std::string> format(const Crypt& crypt, std::uint64_t offset, std::uint32_t sector) {
  std::vector<std::string> argv = {"cryptsetup", "luksFormat", "--batch-mode", "--type", type_of(crypt)};
  auto add = [&argv](const char* option, const std::string& value) { argv.insert(argv.end(), {option, value}); };
  add("--cipher", crypt.cipher);
  add("--key-size", std::to_string(crypt.key_bits));
  add("--hash", crypt.hash);
  add("--uuid", crypt.uuid);
  add("--offset", std::to_string(offset / 512));
  if (crypt.version == 2) {
    add("--pbkdf", crypt.key_derivation);
    add("--sector-size", std::to_string(sector));
    if (!crypt.label.empty()) add("--label", crypt.label);
  }
  argv.insert(argv.end(), {"--use-random", "--key-file", "-"});
  return argv;
}

std::vector<Command> make(const Job& job) {
  const Crypt& crypt = storage::as<Crypt>(job.node);
  const std::string& below = job.below.front().device;
  std::vector<std::string> formatting = format(crypt, crypt.offset, job.ground.sector);
  if (crypt.key_derivation != "pbkdf2")
    formatting.insert(formatting.end(), {"--pbkdf-memory", std::to_string(key_derivation_kib())});
  formatting.push_back(below);
  std::vector<std::string> opening = {"cryptsetup", "open", "--type", type_of(crypt), "--key-file", "-"};
  if (crypt.discards) opening.insert(opening.end(), {"--allow-discards", "--persistent"});
  opening.insert(opening.end(), {below, job.node.id});
  std::vector<Command> commands = {close_if_open(job.node)};
  commands.push_back(with_passphrase(std::move(formatting), job.passphrase));
  commands.push_back(with_passphrase(std::move(opening), job.passphrase));
  return commands;
}

std::vector<Command> stop(const Job& job) { return {close_if_open(job.node)}; }

// The cipher and the hash are what a kernel or a library may lack. A header of 2 MiB is enough for that, and a key that
// is nobody's.
Command dry_run(const Job& job, const std::string& file) {
  const Crypt& crypt = storage::as<Crypt>(job.node);
  const std::uint64_t offset = crypt.version == 2 ? 2 * storage::mib : crypt.offset;
  const char* const on_a_file =
      "file=$1 size=$2; shift 2; truncate -s \"$size\" \"$file\" && \"$@\" \"$file\" && rm \"$file\"";
  std::vector<std::string> argv = {"sh", "-c", on_a_file, "on-a-file", file, std::to_string(offset + storage::mib)};
  for (std::string& word : format(crypt, offset, job.ground.sector)) argv.push_back(std::move(word));
  const bool memory = crypt.key_derivation != "pbkdf2";
  argv.insert(argv.end(), {"--pbkdf-force-iterations", memory ? "4" : "1000"});
  if (memory) argv.insert(argv.end(), {"--pbkdf-memory", "32", "--pbkdf-parallel", "1"});
  return with_passphrase(std::move(argv), Secret("dry run"));
}

std::vector<std::string> needed_modules(const storage::Node&) { return {"dm_crypt"}; }

}  // namespace

Command add_luks_key(const Job& job, const KeyFile& key) {
  const Crypt& crypt = storage::as<Crypt>(job.node);
  std::vector<std::string> argv = {"cryptsetup", "luksAddKey", "--batch-mode", "--key-file", "-"};
  auto add = [&argv](const char* option, const std::string& value) {
    if (!value.empty()) argv.insert(argv.end(), {option, value});
  };
  add("--new-keyfile-size", key.size);
  add("--new-keyfile-offset", key.offset);
  if (crypt.version == 2) add("--pbkdf", crypt.key_derivation);
  if (crypt.key_derivation != "pbkdf2") add("--pbkdf-memory", std::to_string(key_derivation_kib()));
  argv.insert(argv.end(), {job.below.front().device, key.path});
  return with_passphrase(std::move(argv), job.passphrase);
}

const Maker crypt_maker = {.programs = {"sh", "cryptsetup", "truncate", "rm"},
                           .longest_label = 47,
                           .device = device,
                           .make = make,
                           .stop = stop,
                           .needed_modules = needed_modules,
                           .dry_run = dry_run};

}  // namespace ka::agent
