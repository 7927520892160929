#pragma once
/// The passphrases of what a clone encrypts: asked for here, or sent with the server's yes.

#include <vector>

#include "agent/clone/work.h"
#include "wire/passphrase.h"

namespace ka::agent {

/// Those that a person here has to type. Before the server is asked whether this node may write, so that nobody waits
/// for an answer with a disk that is half made. Throws Error.
Awaitable<void> ask_for_passphrases(Work& work);

/// Those that came with the yes. Throws Error if one is missing. Nothing was written yet.
void take_passphrases(Work& work, std::vector<wire::DevicePassphrase> sent);

/// At the console, where the server made them: what opens this clone. Nowhere else on this machine.
void show_passphrases(Work& work);

}  // namespace ka::agent
