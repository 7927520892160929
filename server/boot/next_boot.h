#pragma once
/// Whoever tells machines how to boot next, by the book (boot_book.h): KA's own boot side, or files in somebody else's
/// tree.

#include <functional>
#include <string>

#include "server/boot/boot_book.h"

namespace ka::server {

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
  /// Another job, as BootBook::next_job() has it. While it does not serve.
  void next_job(bool ended);

 protected:
  /// One machine's next boot is another than before. Throws Error.
  virtual void tell(const std::string& hardware_address, const BootBook::Entry& entry) = 0;
  void try_to_tell(const std::string& hardware_address, const BootBook::Entry& entry);
  /// "node35, 52:54:00:12:34:56"
  static std::string name_of(const std::string& hardware_address, const BootBook::Entry& entry);

  BootBook book_;
  Say say_ = [](const std::string&) {};
};

}  // namespace ka::server
