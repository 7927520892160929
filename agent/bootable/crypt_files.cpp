#include "agent/bootable/crypt_files.h"

#include <algorithm>

#include "agent/storage/crypt.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr const char* crypttab = "/etc/crypttab";

const storage::Crypt& crypt_of(const Job& job) { return storage::as<storage::Crypt>(job.node); }

bool is_of(const CrypttabEntry& entry, const Job& job) {
  const std::string device = lowered(entry.device), &uuid = crypt_of(job).uuid;
  return entry.name == job.node.id || device == "uuid=" + uuid || device == "/dev/disk/by-uuid/" + uuid;
}

class KeyAdder {
 public:
  KeyAdder(Machine& machine, CloneTree& clone, const CloneTree& stage2, Log& log)
      : machine_(machine), clone_(clone), stage2_(stage2), log_(log) {}

  Awaitable<void> add(const Job& job, const CrypttabEntry* entry) {
    if (entry && warn_of_script(*entry)) co_return;
    if (entry) tell_of_token(job, *entry);
    std::string key = entry ? entry->key : "";
    const std::string by_name = "/etc/cryptsetup-keys.d/" + job.node.id + ".key";  // systemd takes it by itself
    if (key.empty() && clone_.is_file(by_name)) key = by_name;
    if (key.empty()) co_return;
    if (!clone_.is_file(key)) {
      log_.line(" - WARNING: " + job.node.id + " is opened by " + printable(key) +
                ", which is not in the clone: it asks for its passphrase");
      co_return;
    }
    KeyFile file{clone_.outside(key, true), "", ""};
    if (entry) {
      file.size = entry->option("keyfile-size");
      file.offset = entry->option("keyfile-offset");
    }
    Command command = add_luks_key(job, file);
    command.root = stage2_.root();
    co_await machine_.run(command);
    log_.line(" - " + job.node.id + " is opened by " + printable(key) +
              ", too. WARNING: that key is the same on every clone; on each: cryptsetup luksChangeKey --key-file " +
              printable(key) + " /dev/disk/by-uuid/" + crypt_of(job).uuid + " NEWFILE");
  }

 private:
  bool warn_of_script(const CrypttabEntry& entry) {
    const std::string script = entry.option("keyscript");
    if (script.empty()) return false;
    if (script.find("decrypt_keyctl") == std::string::npos)  // asks a person, once for all devices
      log_.line(" - WARNING: " + at(entry) + ": the key comes from " + printable(script) +
                ", and the clone's is another one: see to it that it gives the passphrase of this clone");
    return true;
  }

  void tell_of_token(const Job& job, const CrypttabEntry& entry) {
    const std::string device = " /dev/disk/by-uuid/" + crypt_of(job).uuid;
    for (const char* token : {"tpm2-device", "fido2-device", "pkcs11-uri"}) {
      if (entry.option(token).empty()) continue;
      const std::string word = token == std::string_view("pkcs11-uri") ? "pkcs11-token-uri" : token;
      log_.line(" - " + at(entry) + ": no key of this clone is in such a device (" + token +
                "), so it asks for its passphrase; to enrol one: systemd-cryptenroll --" + word + "=auto" + device);
    }
  }

  static std::string at(const CrypttabEntry& entry) {
    return std::string(crypttab) + " line " + std::to_string(entry.line);
  }

  Machine& machine_;
  CloneTree& clone_;
  const CloneTree& stage2_;
  Log& log_;
};

}  // namespace

std::string CrypttabEntry::option(std::string_view wanted) const {
  for (const std::string& word : options)
    if (word.starts_with(std::string(wanted) + "=")) return word.substr(wanted.size() + 1);
  return "";
}

std::vector<CrypttabEntry> parse_crypttab(std::string_view text) {
  std::vector<CrypttabEntry> entries;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    const auto fields = words(line);
    if (fields.size() < 2 || fields[0].starts_with('#')) continue;
    CrypttabEntry entry;
    entry.line = number;
    entry.name = fields[0];
    entry.device = fields[1];
    if (fields.size() > 2 && fields[2].starts_with('/') && !fields[2].starts_with("/dev/"))
      entry.key = unescape_octal(fields[2]);
    if (fields.size() > 3)
      for (std::string_view option : split(fields[3], ',')) entry.options.emplace_back(option);
    entries.push_back(std::move(entry));
  }
  return entries;
}

Awaitable<void> fit_crypt_files(Machine& machine, CloneTree& clone, const CloneTree& stage2, Log& log,
                                std::vector<Job> made) {
  const std::vector<CrypttabEntry> entries = parse_crypttab(clone.read(crypttab).value_or(""));
  KeyAdder adder(machine, clone, stage2, log);
  for (const Job& job : made) {
    auto entry = std::find_if(entries.begin(), entries.end(), [&job](const auto& e) { return is_of(e, job); });
    co_await adder.add(job, entry == entries.end() ? nullptr : &*entry);
  }
}

}  // namespace ka::agent
