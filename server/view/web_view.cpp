#include "server/view/web_view.h"

#include <nlohmann/json.hpp>

#include "base/random.h"
#include "base/text.h"
#include "server/http/http_server.h"
#include "server/view/feed.h"
#include "server/view/link_file.h"
#include "server/view/metrics.h"
#include "server/view/page.h"
#include "server/view/status_json.h"

namespace ka::server {

namespace {

// Browsers take six connections each; nobody needs a thousand of them.
HttpServer::Limits limits() {
  HttpServer::Limits limits;
  limits.connections = 256;
  limits.of_address = 16;
  return limits;
}

// How long it takes tells nothing of where they differ.
bool same_secret(std::string_view a, std::string_view b) {
  unsigned char difference = a.size() != b.size();
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

HttpAnswer found(const std::string& type, std::shared_ptr<const std::string> content) {
  HttpAnswer answer;
  answer.status = 200;
  answer.type = type;
  answer.content = std::move(content);
  // The address is a secret: it goes into no cache, and to no other site.
  answer.fields = {{"Cache-Control", "no-store"},
                   {"Referrer-Policy", "no-referrer"},
                   {"X-Content-Type-Options", "nosniff"},
                   {"Content-Security-Policy",
                    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
                    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}};
  return answer;
}

HttpAnswer found(const std::string& type, std::string content) {
  return found(type, std::make_shared<const std::string>(std::move(content)));
}

}  // namespace

struct WebView::State {
  State(asio::io_context& io, const JobState& job)
      : io(io),
        job(job),
        token(random_token()),
        feed(std::make_shared<Feed>(io, job)),
        page(std::make_shared<const std::string>(page_html)) {}

  HttpAnswer answer(const HttpRequest& request) const;
  HttpAnswer shown(std::string_view path, std::string_view query) const;
  HttpAnswer log(std::string_view number, std::string_view query) const;

  asio::io_context& io;
  const JobState& job;
  const std::string token;
  std::shared_ptr<Feed> feed;
  std::shared_ptr<const std::string> page;
  OpenLog log_of = [](std::size_t) { return UniqueFd(); };
  std::string link;
  std::optional<HttpServer> server;
  std::optional<LinkFile> file;
};

HttpAnswer WebView::State::answer(const HttpRequest& request) const {
  constexpr std::string_view bearer = "Bearer ";
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  const std::string_view query = request.target.substr(std::min(path.size() + 1, request.target.size()));
  if (request.authorization.starts_with(bearer) && same_secret(request.authorization.substr(bearer.size()), token))
    return shown(path, query);
  const std::size_t end = 1 + token.size();
  if (path.size() < end || path.front() != '/' || !same_secret(path.substr(1, token.size()), token)) return {};
  if (path.size() > end) return shown(path.substr(end), query);
  HttpAnswer moved;  // a link that lost its last character on the way
  moved.status = 308;
  moved.fields = {{"Location", "/" + token + "/"}};
  return moved;
}

HttpAnswer WebView::State::shown(std::string_view path, std::string_view query) const {
  constexpr std::string_view logs = "/log/";
  if (path == "/") return found("text/html; charset=utf-8", page);
  if (path == "/status.json") return found("application/json", status_json(job).dump() + "\n");
  if (path == "/metrics") return found("text/plain; version=0.0.4", metrics_text(job));
  if (path.starts_with(logs)) return log(path.substr(logs.size()), query);
  if (path != "/events") return {};
  HttpAnswer answer = found("text/event-stream", std::shared_ptr<const std::string>());
  answer.stream = feed->watch();
  return answer;
}

HttpAnswer WebView::State::log(std::string_view number, std::string_view query) const {
  constexpr std::string_view from = "from=";
  const auto node = parse_unsigned(number);
  const auto begin = query.starts_with(from) ? parse_unsigned(query.substr(from.size())) : std::nullopt;
  if (!node || *node >= job.nodes.size() || (!query.empty() && !begin)) return {};
  return found("application/json", log_piece_json(log_of(static_cast<std::size_t>(*node)), begin) + "\n");
}

WebView::WebView(asio::io_context& io, asio::ip::address_v4 address, asio::ip::address_v4 reached, std::uint16_t port,
                 const JobState& state)
    : state_(std::make_shared<State>(io, state)) {
  auto answer = [self = state_.get()](const HttpRequest& request) { return self->answer(request); };
  state_->server.emplace(io, "show the job (--web)", address, port, limits(), answer);
  state_->link =
      "http://" + reached.to_string() + ":" + std::to_string(state_->server->port()) + "/" + state_->token + "/";
  state_->file.emplace(state_->link);
}

WebView::~WebView() {
  state_->feed->end();
  state_->server.reset();
}

void WebView::begin() { state_->server->begin(); }

void WebView::logs(OpenLog log_of) { state_->log_of = std::move(log_of); }

const std::string& WebView::link() const { return state_->link; }

Awaitable<void> WebView::finish() {
  auto state = state_;
  state->feed->end();
  co_await state->server->farewell();
}

}  // namespace ka::server
