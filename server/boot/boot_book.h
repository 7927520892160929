#pragma once
/// What each machine is told at its next PXE boot while a job runs, by its hardware address: made of what the job says
/// of its nodes. No I/O.
///
/// A machine that nobody knows yet becomes a clone. One that is one gets no answer: its firmware goes on with its own
/// disk, whatever comes first in its order, and nobody has to change a default before and after. One that fails comes
/// again, so many times; then it is shown why, and waits for somebody.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/job/job.h"

namespace ka::server {

class BootBook {
 public:
  enum class Next {
    clone,     ///< the label kamethod
    own_disk,  ///< silence
    stopped,   ///< a screen with the reason
  };

  struct Entry {
    Next next = Next::clone;
    unsigned failures = 0;  ///< how often it has failed
    std::string host_name, address, reason;
    std::string token;  ///< of its next boot (wire/boot_tokens.h); empty: machines need none
  };

  /// `tries`: how often a machine may fail before it is stopped; at least 1.
  explicit BootBook(unsigned tries) : tries_(tries) {}

  /// What the job says of a node. The entry of its machine if what it is told has changed, else nullptr; it stays where
  /// it is.
  const Entry* heard(const NodeStatus& node);

  /// Another job is there. If the one before `ended`, its machines may become clones of the new one. If it vanished,
  /// the new one is taken for its continuation: who was a clone stays one, and so does who had all of its files and may
  /// have come to its end alone. Returns what machines are told now.
  std::map<std::string, Entry> next_job(bool ended);

  /// Of a machine that may not have been heard of.
  Entry entry(const std::string& hardware_address) const;

 private:
  struct Machine {
    Entry entry;
    bool finishing = false;  ///< when it was last heard of
    bool guessed = false;    ///< nobody has said that it is a clone
  };

  unsigned tries_;
  std::map<std::string, Machine> machines_;  // by hardware address
};

/// A machine and its entry as words, for another process, and back. Throws Error for words that are none.
std::vector<std::string> words_of_entry(const std::string& hardware_address, const BootBook::Entry& entry);
std::pair<std::string, BootBook::Entry> parse_entry(const std::vector<std::string>& words);

}  // namespace ka::server
