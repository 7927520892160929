#include "agent/identity/early_host_key.h"

#include "base/error.h"
#include "net/signal.h"

namespace ka::agent {

namespace {

const char* const file = "/tmp/ka-early-host-key";  // in stage2: a tmpfs

}  // namespace

struct EarlyHostKey::State {
  explicit State(asio::io_context& io) : news(io) {}

  net::Signal news;  // at the end
  asio::cancellation_signal cancel;
  bool ended = false, made = false;
};

EarlyHostKey::EarlyHostKey(asio::io_context& io, Machine& machine, CloneTree& stage2, Log& log)
    : io_(io), machine_(machine), stage2_(stage2), log_(log) {}

void EarlyHostKey::start(const std::string& host_name) {
  if (!stage2_.has_program("ssh-keygen")) return;
  state_ = std::make_shared<State>(io_);
  Command command({"ssh-keygen", "-q", "-t", "rsa", "-N", "", "-C", "root@" + host_name, "-f", file});
  command.root = stage2_.root();
  command.niceness = 19;  // the files come first, and a machine may have one processor
  auto ended = [state = state_](std::exception_ptr failure) {
    state->made = !failure;
    state->ended = true;
    state->news.notify();
  };
  asio::co_spawn(io_, make(std::move(command)), asio::bind_cancellation_slot(state_->cancel.slot(), ended));
}

Awaitable<void> EarlyHostKey::make(Command command) {
  try {
    co_await machine_.run(command);
  } catch (const Error& error) {
    log_.line(" - No RSA key was made ahead: " + std::string(error.what()));
    throw;
  }
}

Awaitable<std::optional<EarlyHostKey::Pair>> EarlyHostKey::take() {
  if (!state_) co_return std::nullopt;
  while (!state_->ended) {
    co_await state_->news.wait();
    const asio::cancellation_state asked = co_await asio::this_coro::cancellation_state;
    if (asked.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
  const bool made = state_->made;
  state_.reset();
  const std::string public_file = std::string(file) + ".pub";
  auto key = stage2_.read(file), public_key = stage2_.read(public_file);
  stage2_.remove(file);
  stage2_.remove(public_file);
  if (!made || !key || !public_key || key->empty() || public_key->empty()) co_return std::nullopt;
  Pair pair{std::move(*key), std::move(*public_key)};
  co_return pair;
}

Awaitable<void> EarlyHostKey::stop() {
  while (state_ && !state_->ended) {
    state_->cancel.emit(asio::cancellation_type::terminal);
    co_await state_->news.wait();
  }
  state_.reset();
}

}  // namespace ka::agent
