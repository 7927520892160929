#include "server/command/shell_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.h"
#include "server/command/called_node.h"
#include "server/command/run_task.h"
#include "server/operator/remote_shell.h"
#include "server/options/option_table.h"

namespace ka::server {

namespace {

struct ShellRequest {
  std::string node, key_file;
};

Awaitable<void> shell_on(asio::io_context& io, const ShellRequest& request, RemoteEnd& end) {
  const wire::KeyPair key = key_for_commands(request.key_file);
  try {
    const asio::ip::tcp::endpoint there = co_await find_called_node(io, request.node);
    end = co_await run_remote_shell(io, there, key);
  } catch (const Error& error) {
    end.trouble = error.what();
  }
}

int run_shell(const ShellRequest& request) {
  asio::io_context io(1);
  RemoteEnd end;
  run_task(io, shell_on(io, request, end));
  // What a shell ends with by itself is no trouble, and told by the status.
  if (end.status == RemoteEnd::no_status && !end.trouble.empty()) say_trouble(request.node, end.trouble);
  return end.status;
}

}  // namespace

void add_shell_command(CLI::App& app, std::function<int()>& chosen) {
  auto request = std::make_shared<ShellRequest>();
  CLI::App* shell = app.add_subcommand("shell", "A shell on a node");
  add_help_and_version(*shell);
  OptionTable table(*shell);
  shell->add_option("NODE", request->node, "Its name, address or hardware address")->type_name("")->required();
  table.text("--key", request->key_file, "FILE", "The key that nodes were given (/etc/ka/key)");
  shell->callback([request, &chosen] { chosen = [request] { return run_shell(*request); }; });
}

}  // namespace ka::server
