#include "agent/identity/ssh_host_keys.h"

#include <algorithm>
#include <set>
#include <vector>

#include "agent/machine/rewritten.h"
#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr auto item = wire::IdentityItem::ssh_host_keys;
const char* const configuration = "/etc/ssh/sshd_config";
const char* const new_key = "/run/ka-ssh-host-key";  // a tmpfs of this machine's

// The files that HostKey lines of `file` name, and of those that it includes from the usual folder.
void read_configuration(const CloneTree& clone, const std::string& file, std::set<std::string>& keys) {
  const std::string text = clone.read(file).value_or("");
  for (std::string_view line : split(text, '\n')) {
    auto fields = words(line);
    if (fields.size() < 2 || lowered(fields[0]) != "hostkey") continue;
    std::string key(unquoted(fields[1]));
    if (key.starts_with('/')) keys.insert(std::move(key));
  }
}

std::set<std::string> configured_keys(const CloneTree& clone) {
  std::set<std::string> keys;
  read_configuration(clone, configuration, keys);
  for (const std::string& name : clone.list("/etc/ssh/sshd_config.d"))
    if (name.ends_with(".conf")) read_configuration(clone, "/etc/ssh/sshd_config.d/" + name, keys);
  return keys;
}

// What sshd loads when no HostKey line says otherwise.
bool used_by_default(const std::string& file) {
  for (const char* type : {"rsa", "ecdsa", "ed25519"})
    if (file == std::string("/etc/ssh/ssh_host_") + type + "_key") return true;
  return false;
}

// ssh-keygen's words for a key of the same type: by the golden public key, else by the file's name.
std::vector<std::string> type_words(const std::string& file, const std::string& public_key) {
  auto fields = words(public_key);
  const std::string name(fields.empty() ? std::string_view() : fields[0]);
  if (name == "ssh-rsa") return {"-t", "rsa"};
  if (name == "ssh-dss") return {"-t", "dsa"};
  if (name == "ssh-ed25519") return {"-t", "ed25519"};
  const std::string ecdsa = "ecdsa-sha2-nistp";
  if (name.starts_with(ecdsa)) return {"-t", "ecdsa", "-b", name.substr(ecdsa.size())};
  for (const char* type : {"ed25519", "ecdsa", "rsa", "dsa"})
    if (file.find(type) != std::string::npos) return {"-t", type};
  return {};
}

// The second word is the key itself, the third only a comment.
std::string material(const std::string& public_key) {
  auto parts = words(public_key);
  return parts.size() > 1 ? std::string(parts[1]) : public_key;
}

class HostKeys {
 public:
  HostKeys(Machine& machine, CloneTree& clone, Log& log, IdentityRecord& record, EarlyHostKey& early,
           std::string host_name)
      : machine_(machine), clone_(clone), log_(log), record_(record), early_(early), host_name_(std::move(host_name)) {}

  Awaitable<void> renew() {
    find();
    if (!record_.renews(item)) {
      for (const std::string& file : keys_) record_.add(wire::IdentityClass::kept, item, file);
      co_return;
    }
    remove_others();
    if (keys_.empty()) co_return;
    const bool can_make = clone_.has_program("ssh-keygen");
    bool used_one_made = false;
    std::string reasons;
    for (const std::string& file : keys_) {
      std::string why = can_make ? "" : "the clone has no ssh-keygen";
      if (can_make) co_await make(file, why);
      if (why.empty()) {
        used_one_made = used_one_made || used(file);
        log_.line(" - New SSH host key " + file);
        record_.add(wire::IdentityClass::renewed, item, file);
        continue;
      }
      reasons += "; " + file + ": " + why;
      clone_.remove(file);
      clone_.remove(file + ".pub");
      record_.add(wire::IdentityClass::renewed, item, file);
      log_.line(" - WARNING: removed the golden SSH host key " + file + " without a new one: " + why);
    }
    if (can_make && !used_one_made && clone_.has_program("sshd"))
      throw Error("make SSH host keys", "sshd would have none that it uses" + reasons);
  }

 private:
  // Private keys, and what else lies beside them.
  void find() {
    configured_ = configured_keys(clone_);
    for (const std::string& file : configured_)
      if (clone_.exists(file)) keys_.insert(file);
    const std::string directory = "/etc/ssh/";
    for (const std::string& name : clone_.list(directory)) {
      if (!name.starts_with("ssh_host_") || name.find("key") == std::string::npos) continue;
      if (name.ends_with("_key")) {
        keys_.insert(directory + name);
      } else if (!name.ends_with("_key.pub")) {
        others_.push_back(directory + name);
      }
    }
  }

  // Certificates and copies are of the golden keys.
  void remove_others() {
    for (const std::string& file : others_) {
      if (!clone_.remove(file)) continue;
      record_.add(wire::IdentityClass::renewed, item, file);
      const bool certificate = file.ends_with("-cert.pub");
      log_.line(certificate ? " - WARNING: the certificate " + file + " was for the golden key; removed"
                            : " - Removed " + file);
    }
  }

  bool used(const std::string& file) const {
    return configured_.empty() ? used_by_default(file) : configured_.count(file) != 0;
  }

  // The new key takes the golden one's place, so that owner, mode and SELinux label are as sshd wants them. `why`: this
  // type cannot be made.
  Awaitable<void> make(const std::string& file, std::string& why) {
    const std::string old = clone_.read(file).value_or(""), old_public = clone_.read(file + ".pub").value_or("");
    const std::vector<std::string> type = type_words(file, old_public);
    if (type.empty()) {
      why = "its type is not known any more";
      co_return;
    }
    std::optional<EarlyHostKey::Pair> pair;
    // In OpenSSH's own format; an sshd that has keys in another may be too old for it.
    if (type.back() == "rsa" && old.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----")) pair = co_await early_.take();
    if (!pair) pair = co_await make_in_clone(type, why);
    if (!pair) co_return;
    if (pair->key.empty() || pair->public_key.empty())
      throw Error("make the SSH host key " + file, "ssh-keygen wrote no key");
    if (material(pair->public_key) == material(old_public) || pair->key == old)
      throw Error("make the SSH host key " + file, "it is the golden node's still");
    clone_.write(file, pair->key, 0600);
    clone_.write(file + ".pub", pair->public_key);
  }

  Awaitable<std::optional<EarlyHostKey::Pair>> make_in_clone(const std::vector<std::string>& type, std::string& why) {
    Command command({"ssh-keygen", "-q"});
    command.argv.insert(command.argv.end(), type.begin(), type.end());
    for (const std::string& word : {std::string("-N"), std::string(), std::string("-C"), "root@" + host_name_,
                                    std::string("-f"), std::string(new_key)})
      command.argv.push_back(word);
    command.root = clone_.root();
    try {
      co_await machine_.run(command);
    } catch (const Error& error) {
      why = error.what();
      co_return std::nullopt;
    }
    const std::string new_public_key = std::string(new_key) + ".pub";
    EarlyHostKey::Pair pair{clone_.read(new_key).value_or(""), clone_.read(new_public_key).value_or("")};
    clone_.remove(new_key);
    clone_.remove(new_public_key);
    co_return pair;
  }

  Machine& machine_;
  CloneTree& clone_;
  Log& log_;
  IdentityRecord& record_;
  EarlyHostKey& early_;
  std::string host_name_;
  std::set<std::string> configured_, keys_;
  std::vector<std::string> others_;
};

}  // namespace

Awaitable<void> renew_ssh_host_keys(Machine& machine, CloneTree& clone, Log& log, IdentityRecord& record,
                                    EarlyHostKey& early, std::string host_name) {
  HostKeys keys(machine, clone, log, record, early, std::move(host_name));
  co_await keys.renew();
  co_await early.stop();  // nobody else wants one
}

}  // namespace ka::agent
