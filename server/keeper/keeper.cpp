#include "server/keeper/keeper.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>

#include "base/error.h"
#include "net/signal.h"
#include "server/keeper/datagram.h"
#include "server/keeper/keeper_process.h"
#include "server/keeper/seclusion.h"

namespace ka::server {

namespace {

constexpr std::size_t longest_reply = 64u << 10;
constexpr auto farewell = std::chrono::seconds(5);
constexpr const char* gone =
    "the keeper has ended, the process of ka-server that has root's rights: nothing can be read without it";

/// What the keeper does at the moment for somebody here.
struct UnderWay {
  explicit UnderWay(asio::io_context& io) : moved(io) {}

  std::uint64_t id = 0;
  bool given = false, ended = false, stopped = false;
  std::string why;                 // it did not end well
  std::vector<std::string> words;  // when it has ended
  std::vector<UniqueFd> files;
  net::Signal moved;

  Awaitable<void> until_given() {
    while (!given && !ended && !stopped) co_await moved.wait();
    if (stopped) throw Error("it was stopped");
    if (!given) throw Error(why);
  }
  Awaitable<void> until_ended() {
    while (!ended && !stopped) co_await moved.wait();
    if (stopped) throw Error("it was stopped");
    if (!why.empty()) throw Error(why);
  }
};
using Each = std::shared_ptr<UnderWay>;

}  // namespace

struct Keeper::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, NetworkUser whom)
      : io(context), socket(context), user(std::move(whom)), end(context) {}

  static Awaitable<void> listen(std::shared_ptr<State> self);
  Each ask(Request request);
  void stop(UnderWay& errand);
  void hear();
  void hear(Reply reply, std::vector<UniqueFd> files);
  void lose(const std::string& why);
  void wait_here(const UnderWay& errand);
  void finish();

  asio::io_context& io;
  asio::posix::stream_descriptor socket;
  NetworkUser user;
  std::map<std::uint64_t, Each> errands;
  std::uint64_t last_id = 0;
  std::string trouble;  // why there is no keeper any more, but for the report
  bool closed = false;  // not for that either
  net::Signal end;
};

Each Keeper::State::ask(Request request) {
  if (closed || (!trouble.empty() && request.errand != Errand::keep_report)) throw Error(trouble);
  request.id = ++last_id;
  const std::string datagram = encode(request);
  if (datagram.size() > longest_errand)
    throw Error("it is longer than the " + std::to_string(longest_errand) + " bytes that the keeper takes");
  auto errand = std::make_shared<UnderWay>(io);
  errand->id = request.id;
  errands[request.id] = errand;
  closed = !send_datagram(socket.native_handle(), datagram, {});
  if (closed) lose(gone);
  return errand;
}

void Keeper::State::stop(UnderWay& errand) {
  errand.stopped = true;
  errand.files.clear();
  errand.moved.notify();
  if (errands.erase(errand.id) == 0 || closed) return;
  Request request;
  request.errand = Errand::stop;
  request.id = errand.id;
  send_datagram(socket.native_handle(), encode(request), {});
}

void Keeper::State::lose(const std::string& why) {
  if (trouble.empty()) trouble = why;
  for (auto& [id, errand] : errands) {
    errand->ended = true;
    errand->why = why;
    errand->moved.notify();
  }
  errands.clear();
  end.notify();
}

void Keeper::State::hear(Reply reply, std::vector<UniqueFd> files) {
  if (reply.what == Reply::What::refused) return lose("the keeper refused what it was asked for: " + reply.words[0]);
  const auto found = errands.find(reply.id);
  if (found == errands.end()) return;
  const Each errand = found->second;
  errand->words = std::move(reply.words);
  if (reply.what == Reply::What::given) {
    errand->given = true;
    errand->files = std::move(files);
  } else {
    errand->ended = true;
    if (reply.what == Reply::What::failed) errand->why = errand->words[0];
    errands.erase(found);
  }
  errand->moved.notify();
}

// All that is there.
void Keeper::State::hear() {
  while (!closed) {
    std::optional<Datagram> datagram = receive_datagram(socket.native_handle(), longest_reply);
    if (!datagram) return;
    closed = datagram->bytes.empty();
    if (closed) return lose(gone);
    hear(parse_reply(datagram->bytes), std::move(datagram->files));
  }
}

Awaitable<void> Keeper::State::listen(std::shared_ptr<State> self) {
  while (!self->closed && self->socket.is_open()) {
    auto [error] =
        co_await self->socket.async_wait(asio::posix::descriptor_base::wait_read, asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    try {
      self->hear();
    } catch (const std::exception& why) {
      self->closed = true;
      self->lose(words_of(why));
    }
  }
}

void Keeper::State::wait_here(const UnderWay& errand) {
  while (!errand.ended && !closed) {
    pollfd readable{socket.native_handle(), POLLIN, 0};
    ::poll(&readable, 1, -1);
    try {
      hear();
    } catch (const Error& error) {
      closed = true;
      lose(error.what());
    }
  }
  if (!errand.why.empty()) throw Error(errand.why);
}

// It stops what it does, and closes its end when it is done with that.
void Keeper::State::finish() {
  using Clock = std::chrono::steady_clock;
  closed = true;
  lose("the job has ended");
  const int fd = socket.native_handle();
  if (fd < 0) return;
  ::shutdown(fd, SHUT_WR);
  const auto deadline = Clock::now() + farewell;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd readable{fd, POLLIN, 0};
    if (left <= 0 || (::poll(&readable, 1, static_cast<int>(left)) <= 0 && errno != EINTR)) break;
    try {
      const std::optional<Datagram> datagram = receive_datagram(fd, longest_reply);
      if (datagram && datagram->bytes.empty()) break;
    } catch (const std::exception&) {
      break;
    }
  }
  boost::system::error_code ignored;
  socket.close(ignored);
}

namespace {

class KeptSource final : public Source {
 public:
  KeptSource(asio::io_context& io, Each errand, std::function<void(UnderWay&)> stop, std::string name)
      : state_(std::make_shared<State>(io, std::move(errand), std::move(name))), stop_(std::move(stop)) {}
  ~KeptSource() override {
    stop_(*state_->errand);
    boost::system::error_code ignored;
    state_->pipe.close(ignored);
  }

  Awaitable<std::size_t> read(std::span<std::byte> room) override {
    auto state = state_;
    if (!state->pipe.is_open()) {
      co_await state->errand->until_given();
      state->pipe.assign(state->errand->files.at(0).release());
    }
    auto buffer = asio::buffer(room.data(), room.size());
    auto [error, size] = co_await state->pipe.async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof) co_return 0;
    if (error) throw Error("read the source of session " + state->name, error.message());
    co_return size;
  }

  Awaitable<std::vector<std::string>> finish() override {
    auto state = state_;
    co_await state->errand->until_ended();
    co_return state->errand->words;
  }

 private:
  struct State {
    State(asio::io_context& io, Each what, std::string text)
        : errand(std::move(what)), name(std::move(text)), pipe(io) {}
    Each errand;
    std::string name;
    asio::posix::stream_descriptor pipe;
  };
  std::shared_ptr<State> state_;
  std::function<void(UnderWay&)> stop_;
};

class KeptFilter final : public Filter {
 public:
  KeptFilter(asio::io_context& io, Each errand, std::function<void(UnderWay&)> stop)
      : errand_(std::move(errand)), stop_(std::move(stop)), in_(io), out_(io) {}

  Awaitable<void> started() override {
    if (taken_) co_return;
    const Each errand = errand_;
    co_await errand->until_given();
    if (std::exchange(taken_, true)) co_return;
    in_.assign(errand->files.at(0).release());
    out_.assign(errand->files.at(1).release());
  }
  asio::posix::stream_descriptor& in() override { return in_; }
  asio::posix::stream_descriptor& out() override { return out_; }
  Awaitable<void> wait_for_success() override {
    const Each errand = errand_;
    co_await errand->until_ended();
  }
  void stop() noexcept override {
    try {
      stop_(*errand_);
      boost::system::error_code ignored;
      in_.close(ignored);
      out_.close(ignored);
    } catch (const std::exception&) {
      // There is nobody who could be told.
    }
  }

 private:
  Each errand_;
  std::function<void(UnderWay&)> stop_;
  bool taken_ = false;
  asio::posix::stream_descriptor in_, out_;
};

// It is heard to its end, which stop() brings about.
class KeptProgram final : public Keeper::Program, public std::enable_shared_from_this<KeptProgram> {
 public:
  KeptProgram(asio::io_context& io, Each errand, std::function<void(UnderWay&)> stop)
      : errand_(std::move(errand)), stop_(std::move(stop)), said_(io) {}

  Awaitable<std::string> listen(std::function<void(std::string_view)> line) override {
    const auto self = shared_from_this();
    co_await errand_->until_given();
    said_.assign(errand_->files.at(0).release());
    co_await for_each_line(said_, std::move(line));
    co_await errand_->until_ended();
    co_return errand_->words.at(0);
  }
  void stop() override { stop_(*errand_); }

 private:
  Each errand_;
  std::function<void(UnderWay&)> stop_;
  asio::posix::stream_descriptor said_;
};

}  // namespace

Keeper::Keeper(asio::io_context& io, const KeeperWork& work) : state_(std::make_shared<State>(io, network_user())) {
  DatagramPair pair(longest_errand);
  const pid_t child = ::fork();
  if (child < 0) throw Error::from_errno("fork the keeper of root's rights");
  if (child == 0) be_the_keeper(pair.second.release(), work, state_->user);
  state_->socket.assign(pair.first.release());
  asio::co_spawn(io, State::listen(state_), asio::detached);
}

Keeper::~Keeper() { state_->finish(); }

std::vector<Session> Keeper::served(std::vector<Session> sessions) const {
  const std::shared_ptr<State> state = state_;
  const std::function<void(UnderWay&)> stop = [state](UnderWay& errand) { state->stop(errand); };
  const auto ask = [state](Errand errand, std::size_t number) {
    Request request;
    request.errand = errand;
    request.session = number;
    return state->ask(std::move(request));
  };
  for (std::size_t number = 0; number < sessions.size(); ++number) {
    Session& session = sessions[number];
    session.open = [=, name = session.name]() -> std::unique_ptr<Source> {
      return std::make_unique<KeptSource>(state->io, ask(Errand::source, number), stop, name);
    };
    session.pack = [=] { return std::make_shared<KeptFilter>(state->io, ask(Errand::pack, number), stop); };
    session.unpack = [=] { return std::make_shared<KeptFilter>(state->io, ask(Errand::unpack, number), stop); };
  }
  return sessions;
}

Awaitable<std::string> Keeper::lost() const {
  const std::shared_ptr<State> state = state_;
  while (state->trouble.empty()) co_await state->end.wait();
  co_return state->trouble;
}

Awaitable<std::vector<std::string>> Keeper::have_done(Errand errand, std::vector<std::string> words) const {
  Request request;
  request.errand = errand;
  request.words = std::move(words);
  const Each under_way = state_->ask(std::move(request));
  co_await under_way->until_ended();
  co_return under_way->words;
}

LogFolder Keeper::log_folder() const {
  Request request;
  request.errand = Errand::log_folder;
  const Each errand = state_->ask(std::move(request));
  state_->wait_here(*errand);
  LogFolder folder;
  folder.folder = std::move(errand->files.at(0));
  folder.path = errand->words.at(0);
  return folder;
}

void Keeper::do_now(Errand what, std::vector<std::string> words) const {
  Request request;
  request.words = std::move(words);
  request.errand = what;
  state_->wait_here(*state_->ask(std::move(request)));
}

std::shared_ptr<Keeper::Program> Keeper::dnsmasq(bool open) const {
  Request request;
  request.errand = Errand::dnsmasq;
  request.words = {open ? "open" : "shut"};
  const std::function<void(UnderWay&)> stop = [state = state_](UnderWay& errand) { state->stop(errand); };
  return std::make_shared<KeptProgram>(state_->io, state_->ask(std::move(request)), stop);
}

std::vector<std::string> Keeper::seclude(std::vector<std::string> folders) const {
  return server::seclude({state_->user, std::move(folders)});
}

}  // namespace ka::server
