#include "agent/clone/passphrases.h"

#include <algorithm>

#include "base/error.h"

namespace ka::agent {

namespace {

std::vector<const storage::Node*> encrypted(const Work& work) {
  return storage::all<storage::Crypt>(work.manifest.storage);
}

std::string names_of(const Work& work) {
  std::string names;
  for (const storage::Node* node : encrypted(work)) names += (names.empty() ? "" : ", ") + node->id;
  return names;
}

// Of the one that is meant, else the one for all.
const Secret* find(const std::vector<wire::DevicePassphrase>& sent, const storage::Id& device) {
  const Secret* for_all = nullptr;
  for (const wire::DevicePassphrase& one : sent) {
    if (one.device == device) return &one.passphrase;
    if (one.device.empty()) for_all = &one.passphrase;
  }
  return for_all;
}

}  // namespace

Awaitable<void> ask_for_passphrases(Work& work) {
  if (encrypted(work).empty() || work.manifest.passphrases != wire::Passphrases::asked) co_return;
  work.stage("waiting for its passphrase at its console");
  work.log.line(" - " + names_of(work) + ": the passphrase is asked for here");
  try {
    std::string what = "the passphrase of " + names_of(work);
    const Secret typed = co_await work.context.person.ask(std::move(what));
    for (const storage::Node* node : encrypted(work)) work.build.set_passphrase(node->id, typed);
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + ". Nothing was written");
  }
}

void take_passphrases(Work& work, std::vector<wire::DevicePassphrase> sent) {
  if (encrypted(work).empty()) return;
  if (work.manifest.passphrases != wire::Passphrases::asked) {
    for (const storage::Node* node : encrypted(work)) {
      const Secret* passphrase = find(sent, node->id);
      if (!passphrase || passphrase->empty())
        throw Error("encrypt " + node->id, "the server sent no passphrase for it. Nothing was written");
      work.build.set_passphrase(node->id, *passphrase);
    }
  }
  work.log.line(" - " + names_of(work) + ": encrypted with a master key that is made here, and is no other machine's");
  show_passphrases(work);
}

void show_passphrases(Work& work) {
  if (encrypted(work).empty() || work.manifest.passphrases != wire::Passphrases::made) return;
  const Secret& passphrase = work.build.passphrase(encrypted(work).front()->id);
  work.context.person.show("The passphrase of " + names_of(work) + " is: " + std::string(passphrase.text()));
}

}  // namespace ka::agent
