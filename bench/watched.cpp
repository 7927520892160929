// What --web costs: a thousand nodes of a job tell their positions ten times a second each, and three browsers follow.
// Prints the share of a processor core that this process takes for it, as JSON.
//
//     ka_watched [NODES] [SECONDS]

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "server/view/watch.h"

namespace {

using namespace ka;
using namespace ka::server;
using Clock = std::chrono::steady_clock;

constexpr auto update_every = std::chrono::milliseconds(100), progress_every = std::chrono::milliseconds(250);
constexpr unsigned browsers = 3;

// A browser that takes all it is told, in a process of its own.
pid_t follow(const std::string& link) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  const std::size_t colon = link.rfind(':'), slash = link.find('/', colon);
  const auto port = static_cast<std::uint16_t>(std::atoi(link.c_str() + colon + 1));
  boost::system::error_code error;
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  asio::write(socket, asio::buffer("GET " + link.substr(slash) + "events HTTP/1.1\r\n\r\n"), error);
  std::vector<char> room(1 << 20);
  while (!error) socket.read_some(asio::buffer(room), error);
  ::_exit(0);
}

NodeStatus node(std::size_t number) {
  NodeStatus status;
  status.number = number;
  status.address = "10.0." + std::to_string(number / 250) + "." + std::to_string(number % 250 + 1);
  status.host_name = "node" + std::to_string(number);
  status.hardware_address = "52:54:00:00:00:01";
  status.state = NodeStatus::State::running;
  status.stage = "kainstall2";
  status.round = 1;
  status.order = static_cast<unsigned>(number) + 1;
  status.rate = 100e6;
  return status;
}

Awaitable<void> play(asio::io_context& io, JobObserver& job, std::size_t count, std::chrono::seconds length) {
  Session session;
  session.name = "kainstall2";
  session.expected = 100ull << 30;
  job.session_started(session, 1, static_cast<unsigned>(count));
  std::vector<NodeStatus> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back(node(i));
  Progress progress;
  asio::steady_timer timer(io);
  Clock::time_point told;
  for (const auto end = Clock::now() + length; Clock::now() < end;) {
    timer.expires_after(update_every);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    for (NodeStatus& one : nodes) {
      one.received += 10'000'000;
      one.sunk = one.received;
      job.node(one);
    }
    progress.bytes += 10'000'000;
    if (Clock::now() - told < progress_every) continue;
    told = Clock::now();
    job.session_progress(session, progress);
  }
}

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + time.tv_usec / 1e6; };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t nodes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000;
  const std::chrono::seconds length(argc > 2 ? std::atoi(argv[2]) : 20);
  asio::io_context io(1);
  WatchOptions options;
  options.session = "bench";
  options.wanted = static_cast<unsigned>(nodes);
  options.web_port = 0;
  options.web_address = asio::ip::address_v4::loopback();
  Watch watch(io, options);
  Observers observers;
  watch.begin(observers);
  std::vector<pid_t> children;
  for (unsigned i = 0; i < browsers; ++i) children.push_back(follow(watch.link()));
  const double before = processor_seconds();
  const auto began = Clock::now();
  asio::co_spawn(io, play(io, observers, nodes, length), [&io](std::exception_ptr) { io.stop(); });
  io.run();
  const double used = processor_seconds() - before;
  const double share = used / std::chrono::duration<double>(Clock::now() - began).count();
  for (const pid_t child : children) {
    if (::waitpid(child, nullptr, WNOHANG) != 0) {
      std::fprintf(stderr, "a browser was cut off\n");
      return 1;
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  std::printf("{\"nodes\": %zu, \"browsers\": %u, \"share_of_a_core\": %.4f}\n", nodes, browsers, share);
}
