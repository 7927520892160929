#pragma once
/// systemd's journal, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): an entry is a datagram of
/// fields. Without a journal on this machine nothing is told.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace ka {

/// In their order; a name may be there several times, and is then each of the values.
using JournalFields = std::vector<std::pair<std::string, std::string>>;

/// Names are A-Z, 0-9 and '_'. Values are any bytes; beyond 16 KiB each is cut.
std::string journal_entry(const JournalFields& fields);

class Journal {
 public:
  static constexpr const char* usual_socket = "/run/systemd/journal/socket";

  explicit Journal(std::string socket = usual_socket);

  /// Never waits: false if it was not taken, or nobody is there.
  bool tell(const JournalFields& fields) const;

 private:
  std::string path_;
  UniqueFd socket_;
};

/// Whether what is written to `fd` is lines of the journal already ($JOURNAL_STREAM, systemd.exec(5)).
bool is_journal(int fd);

}  // namespace ka
