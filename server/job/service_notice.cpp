#include "server/job/service_notice.h"

#include <algorithm>
#include <map>

#include "base/service_manager.h"
#include "base/text.h"
#include "server/job/status_table.h"

namespace ka::server {

namespace {

using namespace std::chrono_literals;

// A line of status at most this often.
constexpr std::chrono::microseconds status_every = 1s;

}  // namespace

struct ServiceNotice::State {
  State(asio::io_context& io, unsigned wanted) : wanted(wanted), timer(io) {}

  static Awaitable<void> keep_telling(std::shared_ptr<State> self);
  std::string status() const;
  void tell();

  ServiceManager manager;
  unsigned wanted;
  asio::steady_timer timer;
  std::map<std::size_t, NodeStatus::State> nodes;
  std::string session;  // "kainstall2, round 1"; empty: none runs
  std::uint64_t expected = 0, bytes = 0;
  std::string told;  // the last status
  bool ready = false, ready_told = false, over = false;
};

// "kainstall2, round 1: 57 % of 2.1 GiB; 1 done, 2 running; 3 wanted"
std::string ServiceNotice::State::status() const {
  std::map<std::string, unsigned> counts;
  for (const auto& [number, state] : nodes) ++counts[state_name(state)];
  std::string text = session.empty() ? "" : session;
  if (!session.empty() && expected > 0)
    text +=
        ": " + std::to_string(std::min<std::uint64_t>(100, bytes * 100 / expected)) + " % of " + format_size(expected);
  std::string states;
  for (const auto& [state, count] : counts)
    states += (states.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  for (const std::string& part : {states.empty() ? "no node yet" : states, std::to_string(wanted) + " wanted"})
    text += (text.empty() ? "" : "; ") + part;
  return text;
}

void ServiceNotice::State::tell() {
  std::string lines = manager.watchdog() ? "WATCHDOG=1\n" : "";
  const bool now_ready = ready && !ready_told;
  if (now_ready) lines += "READY=1\n";
  const std::string line = status();
  if (line != told) lines += "STATUS=" + line + "\n";
  if (lines.empty() || !manager.tell(lines)) return;
  ready_told = ready_told || now_ready;
  told = line;
}

// What the manager did not take is told the next time.
Awaitable<void> ServiceNotice::State::keep_telling(std::shared_ptr<State> self) {
  const auto half = self->manager.watchdog().value_or(2 * status_every) / 2;
  while (!self->over) {
    self->tell();
    self->timer.expires_after(std::min(status_every, half));
    co_await self->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

ServiceNotice::ServiceNotice(asio::io_context& io, unsigned wanted) : state_(std::make_shared<State>(io, wanted)) {
  if (state_->manager.is_there()) asio::co_spawn(io, State::keep_telling(state_), asio::detached);
}

ServiceNotice::~ServiceNotice() {
  state_->over = true;
  state_->timer.cancel();
  state_->manager.tell("STOPPING=1\nSTATUS=" + state_->status() + "\n");
}

void ServiceNotice::listens() {
  state_->ready = true;
  state_->tell();
}

void ServiceNotice::node(const NodeStatus& status) { state_->nodes[status.number] = status.state; }

void ServiceNotice::session_started(const Session& session, unsigned round, unsigned) {
  state_->session = session.name + ", round " + std::to_string(round);
  state_->expected = session.expected;
  state_->bytes = 0;
}

void ServiceNotice::session_progress(const Session&, const Progress& progress) { state_->bytes = progress.bytes; }

void ServiceNotice::session_ended(const Session&, std::uint64_t, std::chrono::duration<double>,
                                  const std::vector<std::string>&) {
  state_->session.clear();
}

void ServiceNotice::session_failed(const Session&) { state_->session.clear(); }

}  // namespace ka::server
