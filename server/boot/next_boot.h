#pragma once
/// Whoever tells machines how to boot next, by the book (boot_book.h): KA's own boot side, or files in somebody else's
/// tree.

#include <functional>
#include <optional>
#include <string>

#include "base/asio.h"
#include "base/process.h"
#include "server/boot/boot_book.h"
#include "wire/boot_tokens.h"

namespace ka::server {

/// What of it another process does, for one that has no rights any more (server/keeper/).
struct BootHands {
  using Line = std::function<void(std::string_view)>;
  /// As NextBoot::write(). Throws Error.
  std::function<void(const std::string& hardware_address, const BootBook::Entry& entry)> write;
  /// Runs dnsmasq to its end, which it returns in words; hears each line that it says. `open`: whether machines are
  /// told to become clones. Throws Error.
  std::function<Awaitable<std::string>(bool open, Line line)> dnsmasq;
  std::function<void()> end_dnsmasq;
};

class NextBoot : public JobObserver {
 public:
  using Say = std::function<void(const std::string&)>;

  explicit NextBoot(unsigned tries) : book_(tries) {}

  /// Answers, from now until end(). `say` hears what an operator should. Throws Error if it cannot.
  virtual Awaitable<void> start(Say say) = 0;
  /// False: no job is known to run now, so every machine is left to its own disk, until it is true again.
  virtual void serve(bool on) = 0;
  /// Nobody is told anything any more.
  virtual void end() = 0;

  void node(const NodeStatus& status) override;
  /// Why a machine that shows this may not take part in the job; "": it may.
  std::string admit(const std::string& hardware_address, const std::string& token);
  /// Before start(): all that takes root's rights is done by these.
  void act_by(BootHands hands) { hands_ = std::move(hands); }
  /// What these do, in the process that they are of. Throws Error.
  virtual void write(const std::string& hardware_address, const BootBook::Entry& entry) = 0;
  virtual Command dnsmasq(bool open) const = 0;
  /// Nothing of it is left on this machine.
  virtual void remove_files() = 0;

  /// Another job, as BootBook::next_job() has it. While it does not serve.
  void next_job(bool ended);

 protected:
  /// One machine's next boot is another than before. Throws Error.
  virtual void tell(const std::string& hardware_address, const BootBook::Entry& entry);
  /// False: it could not be told, and why has been said.
  bool told(const std::string& hardware_address, const BootBook::Entry& entry);
  /// The same, and says so when it is to wait for somebody.
  void try_to_tell(const std::string& hardware_address, const BootBook::Entry& entry);
  /// "node35, 52:54:00:12:34:56"
  static std::string name_of(const std::string& hardware_address, const BootBook::Entry& entry);

  /// Each machine is given a token by its boot configuration, from now on.
  void give_tokens();
  BootBook book_;
  BootHands hands_;
  std::optional<wire::BootTokens> tokens_;
  Say say_ = [](const std::string&) {};
};

}  // namespace ka::server
