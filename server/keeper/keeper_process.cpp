#include "server/keeper/keeper_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>

#include "base/error.h"
#include "base/open_files.h"
#include "base/process.h"
#include "server/keeper/datagram.h"
#include "server/keeper/errand.h"

namespace ka::server {

namespace {

// A source, its packing, some logs and an event; whoever asks for more means no good.
constexpr std::size_t most_at_once = 32;

class KeeperProcess {
 public:
  KeeperProcess(int socket, const KeeperWork& work, const NetworkUser& user)
      : work_(work), user_(user), socket_(io_, socket), parent_(::getppid()) {
    reap_children_after_fork(io_);
    sessions_ = work.sessions(io_);
  }

  /// Until the other process has gone.
  void run() {
    asio::co_spawn(io_, listen(), asio::detached);
    io_.run();
    end_all();
    // What comes later under that name is root's again.
    if (logs_.valid() && !user_.name.empty()) (void)!::fchown(logs_.get(), ::geteuid(), ::getegid());
    if (work_.at_end) work_.at_end(parent_);
  }

 private:
  Awaitable<void> listen();
  void begin(const Request& request);
  void stop(std::uint64_t id);
  void refuse(const std::string& why);
  void end_all();
  Awaitable<void> do_errand(Request request);
  Awaitable<std::vector<std::string>> done(const Request& request);
  Awaitable<std::vector<std::string>> give_source(std::uint64_t id, std::size_t session);
  Awaitable<std::vector<std::string>> give_filter(std::uint64_t id, Command command);
  Awaitable<std::vector<std::string>> give_log_folder(std::uint64_t id);
  Awaitable<std::vector<std::string>> give_dnsmasq(std::uint64_t id, bool open);
  Awaitable<std::vector<std::string>> store_log(std::string name);
  const Session& session(const Request& request) const;
  void tell(Reply::What what, std::uint64_t id, std::vector<std::string> words, const std::vector<int>& files = {});

  const KeeperWork& work_;
  const NetworkUser& user_;
  asio::io_context io_;
  asio::posix::stream_descriptor socket_;
  const pid_t parent_;
  std::vector<Session> sessions_;
  std::map<std::uint64_t, std::unique_ptr<Source>> sources_;
  std::map<std::uint64_t, std::shared_ptr<Filter>> filters_;
  std::map<std::uint64_t, Process> dnsmasq_;
  std::size_t at_work_ = 0;
  std::uint64_t last_id_ = 0;
  bool refuses_ = false;
  UniqueFd logs_;
};

Awaitable<void> KeeperProcess::listen() {
  for (;;) {
    auto [error] =
        co_await socket_.async_wait(asio::posix::descriptor_base::wait_read, asio::as_tuple(asio::use_awaitable));
    std::string trouble;
    try {
      const std::optional<Datagram> datagram = receive_datagram(socket_.native_handle(), longest_errand);
      if (error || (datagram && datagram->bytes.empty())) break;
      if (datagram) begin(parse_request(datagram->bytes));
      continue;
    } catch (const std::exception& why) {
      trouble = words_of(why);
    }
    if (refuses_) break;
    refuse(trouble);
  }
  io_.stop();
}

// The job ends with that, and what it has to report was written by it: nothing else is done for it any more.
void KeeperProcess::refuse(const std::string& why) {
  refuses_ = true;
  tell(Reply::What::refused, last_id_, {why});
  end_all();
}

void KeeperProcess::end_all() {
  for (auto& [id, filter] : filters_) filter->stop();
  for (auto& [id, dnsmasq] : dnsmasq_) dnsmasq.kill(SIGKILL);
  sources_.clear();
}

void KeeperProcess::begin(const Request& request) {
  if (refuses_ && request.errand != Errand::keep_report) return;
  if (request.errand == Errand::stop) return stop(request.id);
  if (request.id <= last_id_ && !refuses_) throw Error("errand " + std::to_string(request.id) + " was there already");
  if (at_work_ == most_at_once) throw Error("there are " + std::to_string(at_work_) + " errands at once");
  const bool of_session = request.errand == Errand::source || request.errand == Errand::pack;
  if (of_session && request.session >= sessions_.size())
    throw Error("there is no session of number " + std::to_string(request.session));
  last_id_ = request.id;
  ++at_work_;
  asio::co_spawn(io_, do_errand(request), asio::detached);
}

// What waits for it learns from its end.
void KeeperProcess::stop(std::uint64_t id) {
  sources_.erase(id);
  if (const auto filter = filters_.find(id); filter != filters_.end()) filter->second->stop();
  if (const auto dnsmasq = dnsmasq_.find(id); dnsmasq != dnsmasq_.end()) dnsmasq->second.kill(SIGKILL);
}

Awaitable<void> KeeperProcess::do_errand(Request request) {
  std::vector<std::string> words;
  auto how = Reply::What::ended;
  try {
    words = co_await done(request);
  } catch (const std::exception& error) {
    how = Reply::What::failed;
    words = {words_of(error)};
  }
  sources_.erase(request.id);
  filters_.erase(request.id);
  dnsmasq_.erase(request.id);
  --at_work_;
  tell(how, request.id, std::move(words));
}

Awaitable<std::vector<std::string>> KeeperProcess::done(const Request& request) {
  const std::vector<std::string> nothing;
  const auto refuse_if = [](bool lacking) {
    if (lacking) throw Error("it is no errand of this job");
  };
  switch (request.errand) {
    case Errand::source: co_return co_await give_source(request.id, static_cast<std::size_t>(request.session));
    case Errand::pack:
      co_return co_await give_filter(request.id,
                                     packing_command(sessions_[static_cast<std::size_t>(request.session)].compression));
    case Errand::unpack: co_return co_await give_filter(request.id, unpacking_command());
    case Errand::event:
      refuse_if(!work_.event);
      co_await work_.event(io_, request.words[0], request.words[1]);
      break;
    case Errand::store_log: co_return co_await store_log(request.words[0]);
    case Errand::dnsmasq: co_return co_await give_dnsmasq(request.id, request.words[0] == "open");
    case Errand::boot_file:
      refuse_if(!work_.boot_file);
      work_.boot_file(request.words);
      break;
    case Errand::log_folder: co_return co_await give_log_folder(request.id);
    case Errand::keep_report:
      refuse_if(!work_.keep_report);
      work_.keep_report();
      break;
    case Errand::keep_warnings:
      refuse_if(!work_.keep_warnings);
      work_.keep_warnings();
      break;
    case Errand::stop: break;
  }
  co_return nothing;
}

Awaitable<std::vector<std::string>> KeeperProcess::give_source(std::uint64_t id, std::size_t session) {
  sources_[id] = sessions_[session].open();
  UniqueFd pipe = co_await sources_.at(id)->hand_over();
  const auto source = sources_.find(id);
  if (source == sources_.end()) throw Error("it was stopped");
  tell(Reply::What::given, id, {}, {pipe.get()});
  pipe.reset();
  co_return co_await source->second->finish();
}

Awaitable<std::vector<std::string>> KeeperProcess::give_filter(std::uint64_t id, Command command) {
  const std::shared_ptr<Filter> filter = filters_[id] = own_filter(io_, command);
  {
    const UniqueFd in(filter->in().release()), out(filter->out().release());
    tell(Reply::What::given, id, {}, {in.get(), out.get()});
  }
  co_await filter->wait_for_success();
  co_return std::vector<std::string>();
}

Awaitable<std::vector<std::string>> KeeperProcess::give_log_folder(std::uint64_t id) {
  if (!work_.log_folder || logs_.valid()) throw Error("it is no errand of this job");
  LogFolder logs = work_.log_folder();
  // EINVAL: a user namespace does not have that user, so it is not the other process's either.
  if (!user_.name.empty() && ::fchown(logs.folder.get(), user_.uid, user_.gid) != 0 && errno != EINVAL)
    throw Error::from_errno("give " + logs.path + " to the user " + user_.name);
  logs_ = std::move(logs.folder);
  tell(Reply::What::given, id, {}, {logs_.get()});
  co_return std::vector<std::string>{logs.path};
}

// Of two, one would find no ports.
Awaitable<std::vector<std::string>> KeeperProcess::give_dnsmasq(std::uint64_t id, bool open) {
  if (!work_.dnsmasq) throw Error("it is no errand of this job");
  Process& dnsmasq = dnsmasq_.try_emplace(id, io_, work_.dnsmasq(open), Process::err_pipe).first->second;
  {
    const UniqueFd said(dnsmasq.err().release());
    tell(Reply::What::given, id, {}, {said.get()});
  }
  const ExitStatus status = co_await dnsmasq.wait();
  co_return std::vector<std::string>{status.text()};
}

// What lies in that folder is made by the other process. Only what is a file there, and belongs to it alone, is read:
// no link leads to anything else.
Awaitable<std::vector<std::string>> KeeperProcess::store_log(std::string name) {
  if (!work_.store_log || !logs_.valid()) throw Error("it is no errand of this job");
  const UniqueFd file(::openat(logs_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) throw Error::from_errno("open " + name);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw Error::from_errno("open " + name);
  const bool own = status.st_uid == ::geteuid() || (!user_.name.empty() && status.st_uid == user_.uid);
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || !own)
    throw Error("open " + name, "it is no log that was kept here");
  const std::string why = co_await work_.store_log(io_, file.get(), name);
  if (!why.empty()) throw Error(why);
  co_return std::vector<std::string>();
}

// Waits until it is taken: the other process reads as long as it lives.
void KeeperProcess::tell(Reply::What what, std::uint64_t id, std::vector<std::string> words,
                         const std::vector<int>& files) {
  Reply reply;
  reply.what = what;
  reply.id = id;
  reply.words = std::move(words);
  if (!send_datagram(socket_.native_handle(), encode(reply), files)) io_.stop();
}

}  // namespace

void be_the_keeper(int socket, const KeeperWork& work, const NetworkUser& user) {
  int status = 1;
  try {
    ::prctl(PR_SET_NAME, "ka-keeper");
    // The operator ends the other process, which ends this one.
    ::setsid();
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_IGN);
    close_all_but({STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, socket});
    KeeperProcess(socket, work, user).run();
    status = 0;
  } catch (const std::exception& error) {
    Reply reply;
    reply.words = {words_of(error)};
    send_datagram(socket, encode(reply), {});
  }
  ::_exit(status);
}

}  // namespace ka::server
