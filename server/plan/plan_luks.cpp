// What opens the encrypted devices of the clones.
#include "server/plan/plan_draft.h"
#include "wire/passphrase.h"
#include "wire/storage/rule.h"

namespace ka::server {

namespace {

using Way = LuksKeys::Way;

constexpr const char* ways =
    "--luks-key ask: each node asks at its console, before it writes; --luks-key FILE: this one for all, with "
    "--insecure-luks-key; --luks-key generate: another one for each node, written to the report (--json), with "
    "--insecure-luks-key";

std::string names_of(const std::vector<const storage::Node*>& devices) {
  std::string names;
  for (const storage::Node* device : devices)
    names += (names.empty() ? "" : ", ") + device->id + " (" + storage::rule(*device).text(*device) + ")";
  return names;
}

void check_files(PlanDraft& draft, const std::vector<const storage::Node*>& devices) {
  const auto& keys = draft.input.luks.by_device;
  for (const storage::Node* device : devices)
    if (!keys.count(device->id) && !keys.count(""))
      draft.refuse("--luks-key: there is none for " + device->id + "; " + device->id +
                   "=FILE gives it one, FILE alone all that have none");
  for (const auto& [name, passphrase] : keys) {
    const storage::Node* device = draft.plan.manifest.storage.find(name);
    if (!name.empty() && !storage::get<storage::Crypt>(device))
      draft.not_there("luks-key", name + "=", "--luks-key: nothing that is cloned is encrypted and called " + name);
  }
  if (keys.size() > wire::most_passphrases)
    draft.refuse("--luks-key: more than " + std::to_string(wire::most_passphrases) + " passphrases");
}

}  // namespace

void check_luks(PlanDraft& draft) {
  const auto devices = storage::all<storage::Crypt>(draft.plan.manifest.storage);
  const Way way = draft.input.luks.way;
  if (devices.empty()) {
    if (way != Way::none) draft.warn("--luks-key is of no use: nothing that is cloned is encrypted");
    return;
  }
  if (way == Way::none)
    return draft.refuse(names_of(devices) + ": what is encrypted here is encrypted anew on each node, and needs a " +
                        "passphrase there. " + ways);
  draft.plan.manifest.passphrases = way == Way::ask     ? wire::Passphrases::asked
                                    : way == Way::files ? wire::Passphrases::sent
                                                        : wire::Passphrases::made;
  if (way == Way::files) check_files(draft, devices);
  if (way == Way::generate && draft.options.json.empty())
    draft.refuse("--luks-key generate needs --json FILE: what is made for each node is written there");
  if (way != Way::ask && !draft.options.insecure_luks_key)
    draft.refuse(
        "--luks-key: the connections to the nodes are not encrypted, so whoever listens on the network would know the "
        "passphrase; --insecure-luks-key sends it all the same, --luks-key ask sends none");
}

}  // namespace ka::server
