#pragma once
/// What this server and its nodes prove to each other (docs/security.md): the key of --key, or nothing (--open).

#include <optional>
#include <string>

#include "server/job/report.h"
#include "server/options/options.h"
#include "wire/trust/key.h"

namespace ka::server {

struct Level {
  std::optional<wire::KeyPair> key;  ///< nothing: level open
  bool made = false;                 ///< the file was not there before

  /// "pinned" or "open".
  const char* name() const { return key ? "pinned" : "open"; }
};

/// Of --key and --open. A default key that is not there is made, unless this run is to change nothing. Throws
/// UsageError if they contradict each other, Error with the remedy.
Level choose_level(const JobOptions& options, bool changes_nothing = false);

/// For programs, in the report.
void note_level(const Level& level, Report& report);

/// For whoever starts a job: what holds, in a line; and that the key is new, if it is.
std::string level_text(const Level& level);

}  // namespace ka::server
