#include "server/run_job.h"

#include <csignal>

#include "base/error.h"
#include "base/files.h"

namespace ka::server {

namespace {

Awaitable<void> watch_signals(asio::io_context& io, asio::signal_set& signals, Job& job, Display& display) {
  for (bool first = true;; first = false) {
    auto [error, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
    (void)number;
    if (error) co_return;
    if (!first) {
      io.stop();
      continue;
    }
    display.event("Ending the round and telling the nodes; once more ends at once");
    job.stop();
  }
}

}  // namespace

wire::Racks read_racks(const std::string& file) {
  constexpr std::size_t largest = 1 << 20;
  return file.empty() ? wire::Racks() : wire::Racks::parse(read_file(file, largest), file);
}

std::optional<wire::Racks> read_only(const std::string& file) {
  if (file.empty()) return std::nullopt;
  wire::Racks only = read_racks(file);
  if (only.empty()) throw Error("--only " + file, "names no machine, so nobody could come");
  return only;
}

Awaitable<JobResult> run_job(asio::io_context& io, JobPlan plan, Display& display) {
  std::unique_ptr<Job> job = make_job(io, std::move(plan), display);
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  JobResult result;
  std::exception_ptr trouble;  // kept: || would wait for the signals instead
  auto run = [&]() -> Awaitable<void> {
    try {
      result = co_await job->run();
    } catch (...) {
      trouble = std::current_exception();
    }
  };
  using namespace asio::experimental::awaitable_operators;
  co_await (run() || watch_signals(io, signals, *job, display));
  if (trouble) std::rethrow_exception(trouble);
  co_return result;
}

}  // namespace ka::server
