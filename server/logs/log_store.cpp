#include "server/logs/log_store.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <set>

#include "base/error.h"
#include "base/process.h"
#include "base/text.h"
#include "net/signal.h"

namespace ka::server {

namespace {

constexpr std::string_view schemes[] = {"ftp://", "ftps://", "sftp://", "http://", "https://"};
constexpr std::string_view option = "--store-log";
constexpr auto longest_transfer = std::chrono::seconds(60);  // curl's own limit; ours is a little later
constexpr std::size_t most_warnings = 100;

// Where "user:password" is in a URL; nothing, if it is not.
std::pair<std::size_t, std::size_t> credentials_in(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == url.npos) return {0, 0};
  const std::size_t begin = scheme + 3;
  const std::size_t at = url.substr(0, url.find_first_of("/?#", begin)).rfind('@');
  return at == url.npos || at < begin ? std::pair<std::size_t, std::size_t>{0, 0} : std::pair(begin, at - begin);
}

// A value in a file of curl's options.
std::string quoted(std::string_view text) {
  std::string safe = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') safe += '\\';
    safe += c;
  }
  return safe + "\"";
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

void check_store_url(const std::string& url) {
  const bool known = std::any_of(std::begin(schemes), std::end(schemes), [&](std::string_view scheme) {
    return lowered(url).starts_with(scheme) && url.size() > scheme.size();
  });
  if (!known) throw UsageError(option, "the URL has to begin with ftp://, ftps://, sftp://, http:// or https://");
  if (url.find_first_of("?#") != url.npos)
    throw UsageError(option, "the URL is one of a folder, in which each log gets its name: it ends before ? and #");
  if (std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c > '~'; }))
    throw UsageError(option, "the URL holds a blank or a letter that has to be written as %XX");
}

std::string without_credentials(const std::string& url) {
  const auto [begin, size] = credentials_in(url);
  return size == 0 ? url : url.substr(0, begin) + "***" + url.substr(begin + size);
}

void hide_store_url(int argc, char** argv) {
  const std::string with_value = std::string(option) + "=";
  for (int i = 1; i < argc; ++i) {
    const bool next = option == argv[i] && i + 1 < argc;
    char* url = next                                                ? argv[i + 1]
                : std::string_view(argv[i]).starts_with(with_value) ? argv[i] + with_value.size()
                                                                    : nullptr;
    if (url == nullptr) continue;
    const auto [begin, size] = credentials_in(url);
    std::memset(url + begin, '*', size);
  }
}

namespace {

Command transfer_command(const std::string& url, const std::string& file, const std::string& name) {
  // -q first: no ~/.curlrc of somebody's.
  Command curl({"curl", "-q", "--config", "-"});
  const std::string folder = url.ends_with('/') ? url : url + "/";
  curl.input = Secret("url = " + quoted(folder + name) + "\nupload-file = " + quoted(file) +
                      "\nfail\nsilent\nshow-error\nglobloff\nnetrc-optional\nftp-create-dirs\noutput = \"/dev/null\"\n"
                      "connect-timeout = 15\nmax-time = " +
                      std::to_string(longest_transfer.count()) + "\n");
  curl.limit = longest_transfer + std::chrono::seconds(10);
  curl.ends_with_parent = true;
  // Its known hosts and keys of ssh, and ~/.netrc.
  if (const char* home = std::getenv("HOME")) curl.environment.push_back(std::string("HOME=") + home);
  return curl;
}

}  // namespace

Awaitable<std::string> transfer_log(asio::io_context& io, std::string url, std::string file, std::string name) {
  std::string said;
  try {
    const Command curl = transfer_command(url, file, name);
    const std::function<void(std::string_view)> hear = [&said](std::string_view line) { said = line; };
    const ExitStatus status = co_await run(io, curl, hear);
    if (status.ok()) co_return "";
    if (said.empty()) said = "curl ended with " + status.text();
  } catch (const std::exception& error) {
    said = error.what();
  }
  // curl names hosts, and sometimes the URL.
  const auto [begin, size] = credentials_in(url);
  const std::string secret = url.substr(begin, size);
  const std::size_t colon = secret.find(':');
  for (const std::string& part : {secret, colon == secret.npos ? "" : secret.substr(colon + 1)})
    for (std::size_t at = 0; !part.empty() && (at = said.find(part, at)) != said.npos; at += 3)
      said.replace(at, part.size(), "***");
  co_return said;
}

struct LogStore::State {
  State(asio::io_context& context, const std::string& where, std::function<void(const std::string&)> hear)
      : io(context),
        url(where),
        say(std::move(hear)),
        transfer(
            [&context, where](const std::string& path) { return transfer_log(context, where, path, name_of(path)); }),
        moved(context) {}

  static Awaitable<void> work(std::shared_ptr<State> self);
  void failed(const std::string& path, const std::string& why);

  asio::io_context& io;
  std::string url;
  std::function<void(const std::string&)> say;
  std::function<Awaitable<std::string>(const std::string&)> transfer;
  net::Signal moved;
  std::deque<std::string> waiting;
  std::multiset<std::string> under_way;
  std::vector<std::string> warnings;
  unsigned workers = 0;
  bool over = false;
};

void LogStore::State::failed(const std::string& path, const std::string& why) {
  const std::string text = "The log " + name_of(path) + " is not stored at " + without_credentials(url) + ": " + why;
  if (warnings.size() < most_warnings) warnings.push_back(text);
  if (!over) say(text);
}

Awaitable<void> LogStore::State::work(std::shared_ptr<State> self) {
  while (!self->waiting.empty() && !self->over) {
    const std::string path = self->waiting.front();
    self->waiting.pop_front();
    const auto mark = self->under_way.insert(path);
    const std::string why = co_await self->transfer(path);
    if (self->over) co_return;
    self->under_way.erase(mark);
    if (!why.empty()) self->failed(path, why);
    self->moved.notify();
  }
  --self->workers;
}

LogStore::LogStore(asio::io_context& io, std::string url, std::function<void(const std::string&)> say)
    : state_(std::make_shared<State>(io, std::move(url), std::move(say))) {}

void LogStore::transfer_by(std::function<Awaitable<std::string>(const std::string& path)> other) {
  state_->transfer = std::move(other);
}

LogStore::~LogStore() { state_->over = true; }

void LogStore::store(const std::string& path) {
  State& state = *state_;
  if (std::find(state.waiting.begin(), state.waiting.end(), path) != state.waiting.end()) return;
  state.waiting.push_back(path);
  if (state.workers == most_at_once) return;
  ++state.workers;
  asio::co_spawn(state.io, State::work(state_), asio::detached);
}

Awaitable<void> LogStore::finish(std::chrono::seconds limit) {
  const std::shared_ptr<State> state = state_;
  asio::steady_timer late(state->io, limit);
  bool in_time = true;
  late.async_wait([state, &in_time](boost::system::error_code stopped) {
    if (stopped) return;
    in_time = false;
    state->moved.notify();
  });
  while (in_time && !(state->waiting.empty() && state->under_way.empty())) co_await state->moved.wait();
  if (in_time) co_return;
  state->over = true;
  for (const std::string& path : state->under_way) state->failed(path, "it took too long");
  for (const std::string& path : state->waiting) state->failed(path, "there was no more time for it");
}

const std::vector<std::string>& LogStore::warnings() const { return state_->warnings; }

}  // namespace ka::server
