#include "server/view/follow.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/text.h"
#include "net/signal.h"
#include "server/http/http_server.h"
#include "server/view/status_json.h"
#include "wire/ports.h"

namespace ka::server {

namespace {

using Clock = std::chrono::steady_clock;
using Text = std::shared_ptr<const std::string>;

// A machine that is done needs longer than that to boot again. Of many nodes, a document is long.
constexpr auto pause = std::chrono::milliseconds(500), long_pause = std::chrono::milliseconds(1000);
constexpr std::size_t many_nodes = 200;
// So that both ends notice when the other one is gone.
constexpr auto sign_of_life = std::chrono::seconds(2);

HttpServer::Limits limits() {
  HttpServer::Limits limits;
  limits.connections = 64;
  limits.of_address = 8;
  return limits;
}

HttpAnswer found(const std::string& type) {
  HttpAnswer answer;
  answer.status = 200;
  answer.type = type;
  answer.fields = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
  return answer;
}

// To somebody with a browser, most of all.
HttpAnswer where_else() {
  HttpAnswer answer = found("text/plain");
  answer.status = 404;
  answer.content = std::make_shared<const std::string>(
      "This is the port of a ka-server's nodes. Its job is at /status.json, and again and again at /follow;\n"
      "with --web, ka-server prints the link of a page.\n");
  return answer;
}

}  // namespace

JobPlace job_place(const std::string& place) {
  const std::size_t colon = place.find(':');
  const std::string host = place.substr(0, colon), port = colon == place.npos ? "" : place.substr(colon + 1);
  const std::uint64_t number = colon == place.npos ? wire::control_port : parse_unsigned(port).value_or(0);
  const auto is_odd = [](unsigned char c) { return !std::isalnum(c) && c != '.' && c != '-' && c != '_'; };
  if (host.empty() || std::any_of(host.begin(), host.end(), is_odd) || number == 0 || number > 65535)
    throw UsageError(escape_bytes(place), "HOST or HOST:PORT is needed, such as 10.0.1.1 or golden:30765");
  return {host, static_cast<std::uint16_t>(number)};
}

std::string job_url(const std::string& text, const std::string& path) {
  const JobPlace place = job_place(text);
  return "http://" + place.host + ":" + std::to_string(place.port) + path;
}

struct Follow::State : std::enable_shared_from_this<Follow::State> {
  State(asio::io_context& io, const JobState& job) : io(io), job(job), moved(io), timer(io) {}

  static Awaitable<void> keep_looking(std::shared_ptr<State> self);
  HttpAnswer answer(const HttpRequest& request);
  Text document();
  void end();

  asio::io_context& io;
  const JobState& job;
  net::Signal moved;
  asio::steady_timer timer;
  Text last;  // made once for all who ask at a time
  Clock::time_point made;
  std::uint64_t version = 0;  // of the job, as `last` has it
  std::uint64_t steps = 0;    // how often there was something new
  unsigned streams = 0;
  bool looking = false, over = false;
  std::optional<HttpServer> server;
};

/// One document after the other. Who reads slowly gets fewer of them: nothing piles up for anybody.
class Follow::Documents final : public HttpStream {
 public:
  explicit Documents(std::shared_ptr<State> state) : state_(std::move(state)) { ++state_->streams; }
  ~Documents() override { --state_->streams; }
  Documents(const Documents&) = delete;
  Documents& operator=(const Documents&) = delete;

  Awaitable<Text> next() override {
    if (ended_) co_return nullptr;
    while (begun_ && seen_ == state_->steps && !state_->over) co_await state_->moved.wait();
    begun_ = true;
    seen_ = state_->steps;
    ended_ = state_->over;
    co_return state_->document();
  }

 private:
  std::shared_ptr<State> state_;
  std::uint64_t seen_ = 0;
  bool begun_ = false, ended_ = false;
};

// As long as anybody follows.
Awaitable<void> Follow::State::keep_looking(std::shared_ptr<State> self) {
  while (!self->over && self->streams > 0) {
    self->timer.expires_after(self->job.nodes.size() > many_nodes ? long_pause : pause);
    co_await self->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (self->over) break;
    if (self->job.version == self->version && Clock::now() - self->made < sign_of_life) continue;
    self->last.reset();
    ++self->steps;
    self->moved.notify();
  }
  self->looking = false;
}

Text Follow::State::document() {
  if (!over && (!last || Clock::now() - made >= pause)) {
    last = std::make_shared<const std::string>(status_json(job).dump() + "\n");
    made = Clock::now();
    version = job.version;
  }
  return last;
}

HttpAnswer Follow::State::answer(const HttpRequest& request) {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (path == status_path) {
    HttpAnswer once = found("application/json");
    once.content = document();
    return once;
  }
  if (path != follow_path) return where_else();
  HttpAnswer again = found("application/x-ndjson");
  again.stream = std::make_shared<Documents>(shared_from_this());
  if (!std::exchange(looking, true)) asio::co_spawn(io, keep_looking(shared_from_this()), asio::detached);
  return again;
}

void Follow::State::end() {
  if (over) return;
  last.reset();
  document();
  over = true;
  timer.cancel();
  moved.notify();
}

Follow::Follow(asio::io_context& io, const JobState& state) : state_(std::make_shared<State>(io, state)) {
  auto answer = [self = state_.get()](const HttpRequest& request) { return self->answer(request); };
  state_->server.emplace(io, limits(), answer);
}

Follow::~Follow() {
  state_->end();
  state_->server.reset();
}

std::function<void(asio::ip::tcp::socket)> Follow::door() const {
  return [state = std::weak_ptr<State>(state_)](asio::ip::tcp::socket socket) {
    const std::shared_ptr<State> here = state.lock();
    if (here && here->server) here->server->take(std::move(socket));
  };
}

Awaitable<void> Follow::finish() {
  auto state = state_;
  state->end();
  if (state->server) co_await state->server->farewell();
}

}  // namespace ka::server
