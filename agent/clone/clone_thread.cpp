#include "agent/clone/clone_thread.h"

#include "agent/machine/linux_machine.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"

namespace ka::agent {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A program is ended when its limit is over; a call of the kernel's can only be given up.
constexpr auto time_to_end_by_itself = 60s;

// The two loops, and when the clone last did something that could be seen from outside. `home` is touched there only.
struct Threads {
  explicit Threads(asio::io_context& loop) : home(loop) {}

  asio::io_context& home;
  asio::io_context own;
  std::string step = "begin";
  Clock::time_point last_sign = Clock::now();
  unsigned waiting_for_others = 0;  // the server, drivers: no step of its own
  std::chrono::seconds limit{0};
  bool abandoned = false;  // nothing at home may be used for the clone any more

  bool hangs() const {
    return limit.count() > 0 && waiting_for_others == 0 && Clock::now() - last_sign > limit + time_to_end_by_itself;
  }
};
using ThreadsPtr = std::shared_ptr<Threads>;

// While it lives, the clone waits for somebody else. On the loop at home.
class Waiting {
 public:
  explicit Waiting(ThreadsPtr threads) : threads_(std::move(threads)) { ++threads_->waiting_for_others; }
  ~Waiting() {
    --threads_->waiting_for_others;
    threads_->last_sign = Clock::now();
  }
  Waiting(const Waiting&) = delete;

 private:
  ThreadsPtr threads_;
};

template <typename T>
Awaitable<T> wait_for_others(ThreadsPtr threads, Awaitable<T> task) {
  if (threads->abandoned) throw Error(threads->step, "it came to its end too late");
  Waiting waiting(threads);
  co_return co_await std::move(task);
}

// For the clone's thread: as `task`, on the loop at home.
template <typename T>
Awaitable<T> at_home(ThreadsPtr threads, Awaitable<T> task) {
  auto waiting = wait_for_others(threads, std::move(task));
  co_return co_await run_on(threads->own, threads->home, std::move(waiting));
}

class HomeLog final : public Log {
 public:
  HomeLog(ThreadsPtr threads, Log& log) : threads_(std::move(threads)), log_(log) {}
  void line(std::string_view text) override {
    auto write = [threads = threads_, &log = log_, text = std::string(text)] {
      threads->last_sign = Clock::now();
      if (!threads->abandoned) log.line(text);
    };
    asio::post(threads_->home, std::move(write));
  }

 private:
  ThreadsPtr threads_;
  Log& log_;
};

// At home, in front of a sink of the clone's thread.
class SinkOfThread final : public Sink {
 public:
  SinkOfThread(ThreadsPtr threads, Sink& inner) : threads_(std::move(threads)), inner_(inner) {}

  Awaitable<void> write(std::span<const std::byte> bytes) override {
    auto task = inner_.write(bytes);
    co_await run_on(threads_->home, threads_->own, std::move(task));
  }
  Awaitable<void> close() override {
    auto task = inner_.close();
    co_await run_on(threads_->home, threads_->own, std::move(task));
  }
  // Its owner gets to know of this end later than the sink: by the same road.
  void abort() noexcept override {
    asio::post(threads_->own, [&inner = inner_] { inner.abort(); });
  }

 private:
  ThreadsPtr threads_;
  Sink& inner_;
};

class HomeLink final : public ServerLink {
 public:
  HomeLink(ThreadsPtr threads, ServerLink& link) : threads_(std::move(threads)), link_(link) {}

  Awaitable<ReceiveStats> receive(std::string session, Sink& sink) override {
    auto there = std::make_shared<SinkOfThread>(threads_, sink);
    auto task = receive_at_home(std::move(session), there);
    co_return co_await at_home(threads_, std::move(task));
  }
  Awaitable<std::vector<wire::DevicePassphrase>> ask_to_write(std::vector<wire::DiskOffer> disks) override {
    auto task = ask_at_home(std::move(disks));
    co_return co_await at_home(threads_, std::move(task));
  }
  void report(std::string stage) override {
    auto tell = [threads = threads_, &link = link_, stage = std::move(stage)] {
      threads->last_sign = Clock::now();
      threads->step = stage;
      if (!threads->abandoned) link.report(stage);
    };
    asio::post(threads_->home, std::move(tell));
  }
  void tell_identity(std::vector<wire::IdentityNote> notes) override {
    auto tell = [threads = threads_, &link = link_, notes = std::move(notes)] {
      if (!threads->abandoned) link.tell_identity(notes);
    };
    asio::post(threads_->home, std::move(tell));
  }
  Awaitable<void> done() override {
    auto task = done_at_home();
    co_await at_home(threads_, std::move(task));
  }
  Awaitable<void> failed(std::string reason) override {
    auto task = failed_at_home(std::move(reason));
    co_await at_home(threads_, std::move(task));
  }

 private:
  // The link itself is touched at home only.
  Awaitable<ReceiveStats> receive_at_home(std::string session, std::shared_ptr<Sink> sink) {
    co_return co_await link_.receive(std::move(session), *sink);
  }
  Awaitable<std::vector<wire::DevicePassphrase>> ask_at_home(std::vector<wire::DiskOffer> disks) {
    co_return co_await link_.ask_to_write(std::move(disks));
  }
  Awaitable<void> done_at_home() { co_await link_.done(); }
  Awaitable<void> failed_at_home(std::string reason) { co_await link_.failed(std::move(reason)); }

  ThreadsPtr threads_;
  ServerLink& link_;
};

class HomePerson final : public Person {
 public:
  HomePerson(ThreadsPtr threads, Person& person) : threads_(std::move(threads)), person_(person) {}

  Awaitable<Secret> ask(std::string what) override {
    auto task = ask_at_home(std::move(what));
    co_return co_await at_home(threads_, std::move(task));
  }
  void show(std::string_view text) override {
    auto show = [threads = threads_, &person = person_, secret = Secret(text)] {
      if (!threads->abandoned) person.show(secret.text());
    };
    asio::post(threads_->home, std::move(show));
  }

 private:
  Awaitable<Secret> ask_at_home(std::string what) { co_return co_await person_.ask(std::move(what)); }

  ThreadsPtr threads_;
  Person& person_;
};

// All that the clone's thread uses; it stays as long as the thread runs.
struct CloneRun {
  explicit CloneRun(CloneContext given)
      : threads(std::make_shared<Threads>(given.io)),
        machine(threads->own),
        log(threads, given.log),
        link(threads, given.link),
        person(threads, given.person),
        context{given,
                threads->own,
                machine,
                log,
                link,
                person,
                [this](std::string name) { return load_module(std::move(name)); },
                [this] { return settle_drivers(); },
                [this](std::chrono::seconds limit) { limit_steps(limit); }},
        home(std::move(given)),
        news(home.io) {}

  Awaitable<void> load_module(std::string name) {
    auto task = home.load_module(std::move(name));
    co_await at_home(threads, std::move(task));
  }
  Awaitable<SettledDrivers> settle_drivers() {
    auto task = home.settle_drivers();
    co_return co_await at_home(threads, std::move(task));
  }
  void limit_steps(std::chrono::seconds limit) {
    machine.limit_programs(limit);
    asio::post(threads->home, [threads = threads, limit] { threads->limit = limit; });
  }

  ThreadsPtr threads;
  LinuxMachine machine;
  HomeLog log;
  HomeLink link;
  HomePerson person;
  CloneContext context;  // of the thread
  CloneContext home;

  asio::steady_timer news;           // these are used at home
  bool ended = false;                // the thread is done with all of this
  std::exception_ptr failure;        // the thread's until then
  asio::cancellation_signal cancel;  // used by the thread
};

Awaitable<void> run_clone(std::shared_ptr<CloneRun> run) { co_await clone(run->context); }

}  // namespace

Awaitable<void> clone_beside(CloneContext context) {
  auto run = std::make_shared<CloneRun>(std::move(context));
  auto threads = run->threads;
  auto keep = [run](std::exception_ptr failure) { run->failure = failure; };
  auto task = run_clone(run);
  asio::co_spawn(threads->own, std::move(task), asio::bind_cancellation_slot(run->cancel.slot(), std::move(keep)));
  auto busy_at_home = asio::make_work_guard(threads->home);
  // What is used at home must be destroyed there: the thread gives up the last it holds of the run with the news.
  start_thread([run]() mutable {
    run->threads->own.run();
    asio::io_context& home = run->threads->home;
    auto tell = [run = std::move(run)] {
      run->ended = true;
      run->news.cancel();
    };
    asio::post(home, std::move(tell));
  });
  while (!run->ended) {
    run->news.expires_after(1s);
    co_await run->news.async_wait(asio::as_tuple(asio::use_awaitable));
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
      // It still has to unmount.
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      asio::post(threads->own, [run] { run->cancel.emit(asio::cancellation_type::terminal); });
    }
    if (run->ended || !threads->hangs()) continue;
    threads->abandoned = true;
    throw Error(threads->step, "no sign of life for " +
                                   std::to_string((threads->limit + time_to_end_by_itself).count()) +
                                   " s: a disk of this machine does not answer (--step-limit is " +
                                   std::to_string(threads->limit.count()) + " s)");
  }
  if (run->failure) std::rethrow_exception(run->failure);
}

}  // namespace ka::agent
