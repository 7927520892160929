#include "server/command/status_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/output.h"
#include "base/text.h"
#include "server/command/run_task.h"
#include "server/http/fetch.h"
#include "server/options/option_table.h"
#include "server/view/follow.h"
#include "server/view/link_file.h"
#include "server/view/status_json.h"

namespace ka::server {

namespace {

constexpr unsigned unlimited = 1'000'000;

struct StatusOptions {
  std::string url;
  bool json = false;
};

// One with a --web may have another control port.
std::string link_here() {
  const std::vector<std::string> links = links_here();
  if (links.empty()) return job_url("localhost", status_path);
  if (links.size() > 1) throw Error("several run on this machine, so give the link", joined(links, ", "));
  return links.front();
}

// The page's address is what people have; what is asked for lies beside it.
std::string status_address(std::string url) {
  if (url.find("://") == std::string::npos) return job_url(url, status_path);
  if (const std::size_t extra = url.find_first_of("?#"); extra != std::string::npos) url.resize(extra);
  if (url.ends_with("/status.json")) return url;
  return url + (url.ends_with('/') ? "" : "/") + "status.json";
}

// 0: nobody is in trouble; 1: somebody is, or the job has failed.
int status_of(const JobState& state) {
  const bool trouble = count_of(state, NodeStatus::State::failed) + count_of(state, NodeStatus::State::put_out) > 0;
  return trouble || (!state.result.empty() && state.result != "done") ? 1 : 0;
}

int run_status(const StatusOptions& options) {
  const std::string url = status_address(options.url.empty() ? link_here() : options.url);
  asio::io_context io(1);
  std::string text;
  auto ask = [&]() -> Awaitable<void> { text = co_await fetch(io, url); };
  run_task(io, ask());
  const JobState state = parse_status(text);
  if (!options.json) {
    text.clear();
    for (const std::string& line : live_table(state.running, state.nodes, state.plan.wanted, unlimited, unlimited))
      text += line + "\n";
  }
  write_at_the_end(STDOUT_FILENO, text);
  return status_of(state);
}

}  // namespace

void add_status_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* status = app.add_subcommand("status", "Show how far a job is, from any machine");
  add_help_and_version(*status);
  OptionTable table(*status);
  table.text(
      "HOST", options->url, "",
      "Where it runs, HOST or HOST:PORT (its --control-port), or the link of its --web; without it, this machine");
  table.flag("--json", options->json, "Print what /status.json has, for programs");
  status->callback([options, &chosen] { chosen = [options] { return run_status(*options); }; });
}

}  // namespace ka::server
