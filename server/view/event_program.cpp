#include "server/view/event_program.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "net/signal.h"

namespace ka::server {

namespace {

constexpr std::size_t most_waiting = 10'000;
constexpr auto limit = std::chrono::seconds(30);  // of one run, and of the wait at the end
constexpr unsigned failures_said = 3;             // in a row; an address that is away fails every time

void check_program(const std::string& program) {
  struct stat status {};
  if (::stat(program.c_str(), &status) != 0) throw Error::from_errno("--on-event " + program);
  if (!S_ISREG(status.st_mode) || ::access(program.c_str(), X_OK) != 0)
    throw Error("--on-event " + program, "it is no program that can be executed (chmod +x?)");
}

}  // namespace

Awaitable<void> run_event_program(asio::io_context& io, std::string program, Event event) {
  Command command({std::move(program)});
  command.environment = {"KA_EVENT=" + event.name};
  command.input = Secret(event.line + "\n");
  command.limit = limit;
  command.new_session = true;
  co_await run_checked(io, command);
}

struct EventProgram::State {
  State(asio::io_context& context, const std::string& name)
      : io(context),
        program(name),
        run([&context, name](const Event& event) { return run_event_program(context, name, event); }),
        moved(context) {}

  static Awaitable<void> run_all(std::shared_ptr<State> self);
  Awaitable<void> run_one(const Event& event);
  void failed(const std::string& why);

  asio::io_context& io;
  std::string program;
  std::function<Awaitable<void>(const Event&)> run;
  std::deque<Event> waiting;  // the first one runs, if `running`
  net::Signal moved;
  std::function<void(const std::string&)> say = [](const std::string&) {};
  std::uint64_t dropped = 0;
  unsigned failures = 0;  // in a row
  bool running = false, over = false;
};

void EventProgram::State::failed(const std::string& why) {
  if (++failures > failures_said) return;
  say("--on-event " + why + (failures == failures_said ? "; further failures in a row are not said" : ""));
}

Awaitable<void> EventProgram::State::run_one(const Event& event) {
  std::string why;
  try {
    co_await run(event);
    failures = 0;
  } catch (const std::exception& error) {
    why = words_of(error);
  }
  if (!why.empty()) failed(why);
}

Awaitable<void> EventProgram::State::run_all(std::shared_ptr<State> self) {
  while (!self->over && !self->waiting.empty()) {
    const Event event = std::move(self->waiting.front());
    self->waiting.pop_front();
    co_await self->run_one(event);
    if (self->dropped > 0 && self->waiting.size() < most_waiting / 2)
      self->say("--on-event " + self->program + ": " + std::to_string(std::exchange(self->dropped, 0)) +
                " events were dropped, it is too slow");
  }
  self->running = false;
  self->moved.notify();
}

EventProgram::EventProgram(asio::io_context& io, const std::string& program) {
  check_program(program);
  state_ = std::make_shared<State>(io, program);
}

EventProgram::~EventProgram() { state_->over = true; }

void EventProgram::run_by(std::function<Awaitable<void>(const Event&)> run) { state_->run = std::move(run); }

void EventProgram::on_trouble(std::function<void(const std::string&)> say) { state_->say = std::move(say); }

void EventProgram::run(const Event& event) {
  if (event.frequent) return;
  if (state_->waiting.size() >= most_waiting) {
    ++state_->dropped;
    return;
  }
  state_->waiting.push_back(event);
  if (!std::exchange(state_->running, true)) asio::co_spawn(state_->io, State::run_all(state_), asio::detached);
}

void EventProgram::give_up() {
  state_->over = true;
  state_->moved.notify();
}

Awaitable<void> EventProgram::finish() {
  auto state = state_;
  asio::steady_timer deadline(state->io, limit);
  auto late = [this](boost::system::error_code error) {
    if (!error) give_up();
  };
  deadline.async_wait(late);
  while (state->running && !state->over) co_await state->moved.wait();
  if (state->running)
    state->say("--on-event " + state->program + ": it still runs, and " + std::to_string(state->waiting.size()) +
               " further events are not told");
}

}  // namespace ka::server
