// What opens the encrypted devices of the clones.
#include "server/plan/plan_draft.h"
#include "wire/passphrase.h"
#include "wire/storage/rule.h"

namespace ka::server {

namespace {

using Way = LuksKeys::Way;

constexpr const char* ways =
    "--luks-key ask: each node asks at its console, before it writes; --luks-key FILE: this one for all; "
    "--luks-key generate: another one for each node, written to the report (--json)";

std::string names_of(const std::vector<const storage::Node*>& devices) {
  std::string names;
  for (const storage::Node* device : devices)
    names += (names.empty() ? "" : ", ") + device->id + " (" + storage::rule(*device).text(*device) + ")";
  return names;
}

bool is_encrypted(const storage::Storage& storage, const std::string& name) {
  return storage::get<storage::Crypt>(storage.find(name)) != nullptr;
}

}  // namespace

LuksChoice luks_choice(const storage::Storage& storage, const LuksKeys& luks, const CloneOptions& options) {
  LuksChoice choice;
  const auto devices = storage::all<storage::Crypt>(storage);
  if (devices.empty()) return choice;
  auto refuse = [&choice](const std::string& why) { choice.refusals.push_back(why); };
  const Way way = luks.way;
  if (way == Way::none) {
    refuse(names_of(devices) + ": what is encrypted here is encrypted anew on each node, and needs a " +
           "passphrase there. " + ways);
    return choice;
  }
  choice.passphrases = way == Way::ask     ? wire::Passphrases::asked
                       : way == Way::files ? wire::Passphrases::sent
                                           : wire::Passphrases::made;
  for (const storage::Node* device : devices)
    if (way == Way::files && !luks.by_device.count(device->id) && !luks.by_device.count(""))
      refuse("--luks-key: there is none for " + device->id + "; " + device->id +
             "=FILE gives it one, FILE alone all that have none");
  if (luks.by_device.size() > wire::most_passphrases)
    refuse("--luks-key: more than " + std::to_string(wire::most_passphrases) + " passphrases");
  if (way == Way::generate && options.json.empty())
    refuse("--luks-key generate needs --json FILE: what is made for each node is written there");
  if (way != Way::ask && options.open)
    refuse(
        "--luks-key: with --open the connections to the nodes are not encrypted, so whoever listens on the network "
        "would "
        "know the passphrase; without --open it is sent, --luks-key ask sends none");
  return choice;
}

void check_luks(PlanDraft& draft) {
  const storage::Storage& storage = draft.plan.manifest.storage;
  LuksKeys keys = draft.input.luks;
  if (storage::all<storage::Crypt>(storage).empty()) {
    if (keys.way != Way::none) draft.warn("--luks-key is of no use: nothing that is cloned is encrypted");
    return;
  }
  // An image holds no passphrase: whoever deploys it says how its clones are opened.
  if (!draft.options.shelf.empty()) keys.way = Way::ask;
  const LuksChoice choice = luks_choice(storage, keys, draft.options);
  draft.plan.manifest.passphrases = choice.passphrases;
  for (const std::string& why : choice.refusals) draft.refuse(why);
  for (const auto& [name, passphrase] : keys.by_device)
    if (!name.empty() && !is_encrypted(storage, name))
      draft.not_there("luks-key", name + "=", "--luks-key: nothing that is cloned is encrypted and called " + name);
}

}  // namespace ka::server
