#include "server/view/watch.h"

#include "server/view/event_file.h"
#include "server/view/event_program.h"
#include "server/view/event_teller.h"
#include "server/view/follow.h"
#include "server/view/web_view.h"

namespace ka::server {

struct Watch::State {
  State(asio::io_context& io, const WatchOptions& o)
      : options(o), follow(io, keeper.state()), teller(o.session, o.wanted, hear()) {
    if (!o.events.empty()) file.emplace(io, o.events);
    if (!o.on_event.empty()) program.emplace(io, o.on_event);
    if (o.web_port) web.emplace(io, o.web_address, o.web_reached, *o.web_port, keeper.state());
  }

  EventTeller::Hear hear() {
    return [this](const Event& event) {
      if (file) file->write(event);
      if (program) program->run(event);
    };
  }

  // Their troubles are said to nobody any more.
  void mute() {
    auto nobody = [](const std::string&) {};
    if (file) file->on_trouble(nobody);
    if (program) program->on_trouble(nobody);
  }

  WatchOptions options;
  ViewPlan plan;
  StateKeeper keeper;
  Follow follow;
  EventTeller teller;
  std::optional<EventFile> file;
  std::optional<EventProgram> program;
  std::optional<WebView> web;
  bool begun = false, ended = false;
};

Watch::Watch(asio::io_context& io, const WatchOptions& options) : state_(std::make_unique<State>(io, options)) {
  state_->plan.session = options.session;
  state_->plan.wanted = options.wanted;
  state_->keeper.plan(state_->plan);
}

Watch::~Watch() {
  state_->mute();
  if (!state_->begun || state_->ended) return;
  Report cut_off;
  cut_off.wanted = state_->options.wanted;
  cut_off.result.interrupted = true;
  cut_off.error = "ended at once by a signal";
  state_->program.reset();
  state_->teller.ended(cut_off);
}

void Watch::plan(std::vector<std::string> text, std::vector<std::string> tree) {
  state_->plan.text = std::move(text);
  state_->plan.tree = std::move(tree);
  state_->keeper.plan(state_->plan);
}

void Watch::knows(const std::vector<Session>& sessions) {
  state_->plan.sessions.clear();
  for (const Session& session : sessions) state_->plan.sessions.push_back(session.name);
  state_->keeper.plan(state_->plan);
}

void Watch::logs(OpenLog log_of) {
  if (state_->web) state_->web->logs(std::move(log_of));
}

void Watch::begin(Observers& observers) {
  State& state = *state_;
  auto say = [&observers](const std::string& text) { observers.event(text); };
  if (state.file) state.file->on_trouble(say);
  if (state.program) state.program->on_trouble(say);
  observers.add(state.keeper);
  if (state.file || state.program) observers.add(state.teller);
  state.begun = true;
  state.teller.began();
}

void Watch::open() {
  if (state_->web) state_->web->begin();
}

void Watch::programs_by(std::function<Awaitable<void>(const Event&)> run) {
  if (state_->program) state_->program->run_by(std::move(run));
}

std::function<void(asio::ip::tcp::socket)> Watch::followers() const { return state_->follow.door(); }

std::string Watch::link() const { return state_->web ? state_->web->link() : ""; }

void Watch::hurry() {
  if (state_->program) state_->program->give_up();
}

Awaitable<void> Watch::finish(const Report& report) {
  State& state = *state_;
  state.ended = true;
  state.keeper.ended(report);
  state.teller.ended(report);
  co_await state.follow.finish();
  if (state.web) co_await state.web->finish();
  if (state.program) co_await state.program->finish();
  if (state.file) state.file->finish();
  state.mute();
}

}  // namespace ka::server
