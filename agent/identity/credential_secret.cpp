#include "agent/identity/credential_secret.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"

namespace ka::agent {

namespace {

using wire::IdentityClass;

// Units name their encrypted credentials, or hold them.
std::vector<std::string> named_in_unit(const CloneTree& clone, const std::string& unit) {
  std::vector<std::string> found;
  if (!clone.is_file(unit)) return found;
  const std::string text = clone.read(unit).value_or("");
  for (std::string_view line : split(text, '\n')) {
    line = trim(line);
    const std::size_t colon = line.find(':');
    if (line.starts_with("SetCredentialEncrypted=") && colon != std::string_view::npos) found.push_back(unit);
    if (!line.starts_with("LoadCredentialEncrypted=") || colon == std::string_view::npos) continue;
    std::string file(trim(line.substr(colon + 1)));
    // Without a path it lies in one of the folders; with one that is not there, nothing is lost.
    if (file.starts_with('/') && clone.exists(file)) found.push_back(std::move(file));
  }
  return found;
}

std::vector<std::string> named_in_units(const CloneTree& clone) {
  std::vector<std::string> found;
  auto add = [&](const std::string& unit) {
    const std::vector<std::string> more = named_in_unit(clone, unit);
    found.insert(found.end(), more.begin(), more.end());
  };
  for (const std::string folder :
       {"/etc/systemd/system/", "/usr/local/lib/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"}) {
    for (const std::string& name : clone.list(folder)) {
      if (!clone.is_directory(folder + name)) {
        add(folder + name);
      } else if (name.ends_with(".d")) {
        for (const std::string& part : clone.list(folder + name)) add(folder + name + "/" + part);
      }
    }
  }
  return found;
}

// Which key a credential is encrypted with stands in it, but in the words of systemd's release; so each counts, also
// one of the TPM or of no key. /run is not among the folders: what is there is gone at each start, and what fills it
// then comes from the ESP, which is, or from outside (a hypervisor, the firmware), where nobody has this key.
std::vector<std::string> encrypted_credentials(const CloneTree& clone) {
  std::vector<std::string> folders = {"/etc/credstore.encrypted", "/usr/local/lib/credstore.encrypted",
                                      "/usr/lib/credstore.encrypted", "/root/.config/credstore.encrypted"};
  for (const char* esp : {"/boot", "/efi", "/boot/efi"}) folders.push_back(std::string(esp) + "/loader/credentials");
  for (const std::string& user : clone.list("/home"))
    folders.push_back("/home/" + user + "/.config/credstore.encrypted");
  std::vector<std::string> found = named_in_units(clone);
  for (const std::string& folder : folders)
    for (const std::string& name : clone.list(folder)) found.push_back(folder + "/" + name);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace

void renew_credential_secret(CloneTree& clone, Log& log, IdentityRecord& record) {
  const auto item = wire::IdentityItem::credential_secret;
  const std::string file = "/var/lib/systemd/credential.secret";
  if (!clone.exists(file)) return;
  if (!record.renews(item)) return record.add(IdentityClass::kept, item, file);
  const std::vector<std::string> encrypted = encrypted_credentials(clone);
  const bool stays = !encrypted.empty() && !record.is_forced(item);
  for (const std::string& credential : encrypted)
    log.line(" - " + credential +
             (stays ? " may be encrypted with " + file : " cannot be read any more, if it is encrypted with " + file));
  if (stays) return record.add(IdentityClass::reported, item, file);
  if (!clone.remove(file)) return;
  log.line(" - Removed " + file);
  record.add(IdentityClass::renewed, item, file);
}

}  // namespace ka::agent
