#pragma once
/// The other half of a job's process. A job forks before it listens to the network: its child, the keeper, stays root
/// and never reads a byte from there; the job's own process becomes a user without rights (seclusion.h) and asks the
/// keeper for what takes any. What the keeper does is written down before the two part (keeper_work.h); a request only
/// names it. Whichever of the two ends, the other one ends with it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/asio.h"
#include "base/unique_fd.h"
#include "server/job/job.h"
#include "server/keeper/errand.h"
#include "server/keeper/keeper_work.h"

namespace ka::server {

class Keeper {
 public:
  /// Forks. `work` is used in the child alone. `io` must outlive this, or run no more when this is destroyed. Throws
  /// Error.
  Keeper(asio::io_context& io, const KeeperWork& work);
  /// Ends it, and waits until it has ended; some seconds at most.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  /// The same sessions, whose sources and packing the keeper starts; by number, they are those of its work.
  std::vector<Session> served(std::vector<Session> sessions) const;
  /// Until the keeper has ended, or has refused what it was asked; returns why. Does not return before.
  Awaitable<std::string> lost() const;

  /// Has it done and waits for the end, while the loop goes on. Returns what it says; throws Error if it failed.
  Awaitable<std::vector<std::string>> have_done(Errand errand, std::vector<std::string> words) const;
  /// The same without the loop: for what is short, and for the time when the loop has ended.
  LogFolder log_folder() const;
  void do_now(Errand errand, std::vector<std::string> words = {}) const;

  /// A program that the keeper runs, until stop() or its own end.
  class Program {
   public:
    virtual ~Program() = default;
    /// Hears each line that it says, to its end, which is returned in words. Throws Error if it could not be run.
    virtual Awaitable<std::string> listen(std::function<void(std::string_view)> line) = 0;
    virtual void stop() = 0;
  };
  std::shared_ptr<Program> dnsmasq(bool open) const;

  /// This process becomes who may have the network; `folders` stay visible to it. Returns what could not be had, in
  /// words. Throws Error.
  std::vector<std::string> seclude(std::vector<std::string> folders) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
