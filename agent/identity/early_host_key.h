#pragma once
/// An SSH host key that is made while the files come: the prime numbers of an RSA key take a machine its time, and
/// there is time as long as the network is what all wait for.

#include <memory>
#include <optional>
#include <string>

#include "agent/machine/clone_tree.h"
#include "agent/machine/log.h"
#include "agent/machine/machine.h"
#include "base/asio.h"

namespace ka::agent {

class EarlyHostKey {
 public:
  struct Pair {
    std::string key, public_key;  ///< the content of both files
  };

  EarlyHostKey(asio::io_context& io, Machine& machine, CloneTree& stage2, Log& log);
  EarlyHostKey(const EarlyHostKey&) = delete;

  /// Begins to make an RSA key with stage2's ssh-keygen, as long as that makes them. Nothing if stage2 has none.
  void start(const std::string& host_name);
  /// The key, once: waits until it is made. nullopt if none was begun, or if it could not be made, which is said and no
  /// error: whoever wants one makes it then.
  Awaitable<std::optional<Pair>> take();
  /// Ends what still goes on; must be awaited before this is destroyed.
  Awaitable<void> stop();

 private:
  struct State;
  Awaitable<void> make(Command command);

  asio::io_context& io_;
  Machine& machine_;
  CloneTree& stage2_;
  Log& log_;
  std::shared_ptr<State> state_;  // none: not begun, or taken
};

}  // namespace ka::agent
