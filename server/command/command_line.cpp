#include "server/command/command_line.h"

#include <unistd.h>

#include "base/error.h"
#include "base/output.h"
#include "base/text.h"
#include "server/command/boot_command.h"
#include "server/command/deploy_command.h"
#include "server/command/desc_command.h"
#include "server/command/diff_command.h"
#include "server/command/exec_command.h"
#include "server/command/key_command.h"
#include "server/command/log_command.h"
#include "server/command/probe_command.h"
#include "server/command/save_command.h"
#include "server/command/send_command.h"
#include "server/command/shell_command.h"
#include "server/command/status_command.h"
#include "server/options/option_table.h"
#include "server/pxe/pxe_config.h"

namespace ka::server {

CommandLine::CommandLine()
    : app("Clones this machine, the golden node, onto any number of nodes that boot by PXE (KA method).\n"
          "For example: ka-server -n 3 -X sdb --check",
          "ka-server") {
  app.require_subcommand(0, 1);
  app.get_formatter()->column_width(36);
  add_help_and_version(app);
  add_clone_options(app, clone);
  add_boot_command(app, chosen);
  add_save_command(app, chosen);
  add_deploy_command(app, chosen);
  add_desc_command(app, chosen);
  add_diff_command(app, chosen);
  add_exec_command(app, behind_dashes, chosen);
  add_key_command(app, chosen);
  add_log_command(app, chosen);
  add_send_command(app, chosen);
  add_shell_command(app, chosen);
  add_status_command(app, chosen);
  add_pxe_config_command(app, chosen);
  add_probe_command(app, chosen);
}

void say_why(const std::exception& error) {
  std::string safe = "ka-server: ";
  const std::string words = words_of(error);
  for (std::string_view line : split(words, '\n')) safe += printable(line) + "\n";
  write_at_the_end(STDERR_FILENO, safe);
}

}  // namespace ka::server
