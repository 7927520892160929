#pragma once
/// Whoever stands in front of this machine. What is said here is in no log.

#include <string>
#include <string_view>

#include "base/asio.h"
#include "base/secret.h"

namespace ka::agent {

class Person {
 public:
  virtual ~Person() = default;

  /// Asks for a passphrase, twice, until both times are the same. `what`: "the passphrase of luks-root". Throws Error
  /// if nobody has answered after some minutes, or there is no console.
  virtual Awaitable<Secret> ask(std::string what) = 0;
  /// A line on all consoles.
  virtual void show(std::string_view text) = 0;
};

}  // namespace ka::agent
