#include "agent/client/client_main.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "agent/client/client_options.h"
#include "agent/client/client_talk.h"
#include "agent/client/client_target.h"
#include "agent/link/server_link.h"
#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using Clock = std::chrono::steady_clock;

enum Status { status_ok = 0, status_failed = 1, status_usage = 2, status_no_server = 3, status_signal = 128 };

constexpr auto one_try = std::chrono::seconds(5);
constexpr auto talk_every = std::chrono::milliseconds(500);

std::string host_name() {
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  return name;
}

/// From looking for a server to the last byte, through all servers and rounds that it takes.
class Client {
 public:
  Client(asio::io_context& io, const ClientOptions& options)
      : io_(io),
        options_(options),
        talk_(io, options.discovery.session, options.quiet),
        target_(io, options.command, options.file, [this](std::string_view line) { talk_.of_command(line); }) {}

  ClientTalk& talk() { return talk_; }
  /// The exit status.
  Awaitable<int> run();

 private:
  Awaitable<std::vector<ServerAddress>> find_servers();
  Awaitable<ReceiveStats> receive(ServerLink& link);
  Awaitable<void> tell_progress();
  void check_not_spent(const Error& why) const;

  asio::io_context& io_;
  const ClientOptions& options_;
  ClientTalk talk_;
  ClientTarget target_;
  bool connected_ = false;
};

Awaitable<std::vector<ServerAddress>> Client::find_servers() {
  std::vector<ServerAddress> found;
  if (options_.server) {
    found.push_back({*options_.server, options_.discovery.port});
    co_return found;
  }
  net::Discovery question = options_.discovery;
  question.timeout = one_try;
  found = co_await discover(io_, std::move(question), "name one with -H", !options_.keys.empty());
  if (found.empty())
    throw ServerLost("look for the KA server of session " + options_.discovery.session, "nobody answers");
  co_return found;
}

// Another round would be written behind what went out already.
void Client::check_not_spent(const Error& why) const {
  if (target_.spent())
    throw Error(
        "the stream is cut after " + format_size(target_.taken()) + ", which went where they cannot be taken back from",
        why.what());
}

// Round after round, until one was received whole.
Awaitable<ReceiveStats> Client::receive(ServerLink& link) {
  for (;;) {
    std::unique_ptr<Sink> sink = target_.sink();
    talk_.waits();
    try {
      co_return co_await link.receive(options_.discovery.session, *sink);
    } catch (const PutOut& out) {
      check_not_spent(out);
      talk_.trouble(std::string(out.what()) + "; waiting for the next round");
    }
  }
}

Awaitable<void> Client::tell_progress() {
  asio::steady_timer timer(io_);
  for (;;) {
    timer.expires_after(talk_every);
    co_await timer.async_wait(asio::use_awaitable);
    if (connected_) talk_.moved(target_.taken());
  }
}

Awaitable<int> Client::run() {
  asio::co_spawn(io_, tell_progress(), asio::detached);
  for (unsigned attempt = 1;; ++attempt) {
    const auto began = Clock::now();
    std::string why;
    try {
      std::vector<ServerAddress> servers = co_await find_servers();
      NodeIdentity identity;
      identity.host_name = host_name();
      identity.clones = false;
      identity.starts_round = options_.go;
      identity.server_keys = options_.keys;
      const std::function<void(const std::string&)> say = [this](const std::string& text) { talk_.trouble(text); };
      MetServer met = co_await meet(io_, std::move(servers), identity, say);
      talk_.news("joining session " + options_.discovery.session + " of " + met.server.address.to_string());
      connected_ = true;
      const ReceiveStats stats = co_await receive(*met.link);
      const double seconds = std::max(stats.elapsed.count(), 1e-6);
      char text[32];
      std::snprintf(text, sizeof text, "%.1f s", seconds);
      talk_.news("received " + format_size(stats.bytes) + " in " + text + ", " +
                 format_size(static_cast<std::uint64_t>(static_cast<double>(stats.bytes) / seconds)) + "/s");
      co_return status_ok;
    } catch (const ServerLost& lost) {
      check_not_spent(lost);
      why = lost.what();
    }
    // One that served for a while and was lost is looked for as if it had never been there. One that takes connections
    // and drops them is not.
    const bool served = connected_ && (target_.taken() > 0 || Clock::now() - began > one_try);
    connected_ = false;
    if (served) attempt = 0;
    if (attempt >= options_.tries) {
      talk_.trouble("Can't reach a valid KA server: " + why);
      co_return status_no_server;
    }
    talk_.trouble(why + "; looking for it again (Try " + std::to_string(attempt + 1) + "/" +
                  std::to_string(options_.tries) + ")");
    asio::steady_timer rest(io_, served ? Clock::now() + std::chrono::seconds(1) : began + one_try);
    co_await rest.async_wait(asio::use_awaitable);
  }
}

int run(const ClientOptions& options) {
  asio::io_context io(1);
  reap_children(io);
  Client client(io, options);
  int status = status_failed;
  auto ended = [&](std::exception_ptr error, int result) {
    status = result;
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::exception& why) {
      client.talk().trouble(words_of(why));
      status = status_failed;
    }
    io.stop();
  };
  asio::co_spawn(io, client.run(), ended);
  // The command must not take the end of this program for the end of its input: it is killed first (CommandSink).
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  auto stop = [&](boost::system::error_code error, int number) {
    if (error) return;
    client.talk().trouble("stopped by a signal");
    status = status_signal + number;
    io.stop();
  };
  signals.async_wait(stop);
  io.run();
  return status;
}

}  // namespace

int client_main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {
    std::optional<ClientOptions> options = parse_client_options(argc, argv);
    return options ? run(*options) : status_ok;
  } catch (const WrongUsage& wrong) {
    if (*wrong.what() != '\0') std::fprintf(stderr, "ka-client: %s\n", printable(wrong.what()).c_str());
    std::fputs(client_usage, stderr);
    return status_usage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ka-client: %s\n", printable(words_of(error)).c_str());
    return status_failed;
  }
}

}  // namespace ka::agent
