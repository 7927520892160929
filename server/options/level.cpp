#include "server/options/level.h"

#include <unistd.h>

#include "base/error.h"
#include "server/options/key_file.h"

namespace ka::server {

namespace {

constexpr const char* remedies = " (--key FILE names another one, which ka-server key FILE makes; --open does without)";

}  // namespace

Level choose_level(const JobOptions& options, bool changes_nothing) {
  const bool by_default = options.key == default_key_file;
  if (options.open && !by_default)
    throw UsageError("--open and --key " + options.key, "contradict each other, on the command line or in ka.conf");
  if (options.open && options.encrypt)
    throw UsageError("--encrypt", "needs a key by which nodes know this server; at --open anybody would be told how");
  Level level;
  if (options.open) return level;
  const bool there = ::access(options.key.c_str(), F_OK) == 0 || errno != ENOENT;
  if (!there && by_default && changes_nothing) return level;
  try {
    level.made = !there && by_default;
    level.key = level.made ? make_key_file(options.key) : read_key_file(options.key);
  } catch (const Error& error) {
    throw Error(words_of(error) + remedies);
  }
  return level;
}

void note_level(const Level& level, Report& report) {
  report.level = level.name();
  if (level.key) report.key = wire::to_text(level.key->public_key());
}

std::string level_text(const Level& level) {
  if (!level.key)
    return "Level open: anybody on the network can be a node of this job, and anybody a server; nothing is encrypted";
  const wire::PublicKey& key = level.key->public_key();
  return "Level pinned: only nodes that know the key " + wire::fingerprint(key) + " (" + wire::to_text(key) +
         ") are served" + (level.made ? std::string("; it was made now, ") + default_key_file : "");
}

}  // namespace ka::server
