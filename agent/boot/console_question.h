#pragma once
/// The person at the consoles of a node: asked on all of them at once, answered on whichever has somebody in front of
/// it.

#include <chrono>

#include "agent/boot/console_log.h"
#include "agent/machine/person.h"

namespace ka::agent {

class ConsolePerson final : public Person {
 public:
  /// `patience`: for a passphrase that is typed twice.
  ConsolePerson(asio::io_context& io, ConsoleLog& log, std::chrono::seconds patience = std::chrono::minutes(10))
      : io_(io), log_(log), patience_(patience) {}

  Awaitable<Secret> ask(std::string what) override;
  void show(std::string_view text) override { log_.show(text); }

 private:
  asio::io_context& io_;
  ConsoleLog& log_;
  std::chrono::seconds patience_;
};

}  // namespace ka::agent
