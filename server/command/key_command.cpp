#include "server/command/key_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/output.h"
#include "server/options/key_file.h"
#include "server/options/option_table.h"

namespace ka::server {

namespace {

struct KeyCommand {
  std::string file = default_key_file;
  bool only_public = false;
};

int run_key(const KeyCommand& command) {
  const bool there = ::access(command.file.c_str(), F_OK) == 0 || errno != ENOENT;
  const wire::KeyPair key = there ? read_key_file(command.file) : make_key_file(command.file);
  const std::string text = wire::to_text(key.public_key());
  if (command.only_public) {
    write_at_the_end(STDOUT_FILENO, text + "\n");
    return 0;
  }
  write_at_the_end(STDOUT_FILENO,
                   "+ Key         : " + command.file + (there ? "" : ", made now") + "\n+ Public      : " + text +
                       "\n+ Fingerprint : " + wire::fingerprint(key.public_key()) + "\nNodes know it by kakey=" + text +
                       "\non their kernel command line: ka-server --pxe and pxe-config write it there.\n");
  return 0;
}

}  // namespace

void add_key_command(CLI::App& app, std::function<int()>& chosen) {
  auto command = std::make_shared<KeyCommand>();
  CLI::App* key = app.add_subcommand("key", "Make the key that nodes know this site by, or show it");
  add_help_and_version(*key);
  OptionTable table(*key);
  table.text("FILE", command->file, "FILE", "Where it is");
  table.flag("--public", command->only_public, "Print the public key and nothing else, for scripts");
  key->callback([command, &chosen] { chosen = [command] { return run_key(*command); }; });
}

}  // namespace ka::server
