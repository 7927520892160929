#include "server/http/fetch.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

#include "base/error.h"

namespace ka::server {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto limit = std::chrono::seconds(20);
constexpr std::size_t largest = 64u << 20;

struct Url {
  std::string host, port = "80", path = "/";

  std::string place() const { return "http://" + host + ":" + port; }
};

Url parse(std::string_view text) {
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) throw Error("an address begins with http://, as the one that ka-server --web prints");
  text.remove_prefix(scheme.size());
  Url url;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) url.path = text.substr(slash);
  std::string_view place = text.substr(0, slash);
  if (const std::size_t colon = place.rfind(':'); colon != std::string_view::npos) {
    url.port = place.substr(colon + 1);
    place = place.substr(0, colon);
  }
  url.host = place;
  if (url.host.empty() || url.port.empty()) throw Error("an address is http://HOST:PORT/...");
  return url;
}

void check(const Url& url, boost::system::error_code error, std::chrono::seconds patience = limit) {
  if (!error) return;
  if (error == http::error::end_of_stream || error == asio::error::eof || error == asio::error::connection_reset)
    throw Error(url.place(),
                "it closed the connection without an answer: an older ka-server, whose job is only seen by the link "
                "that --web prints, or one that is followed by as many as it takes, or something else");
  if (error == asio::error::connection_refused)
    throw Error(url.place(), "nobody listens there: no ka-server serves there now, or another --control-port");
  const std::string late = "no answer within " + std::to_string(patience.count()) + " s";
  throw Error(url.place(), error == beast::error::timeout ? late : error.message());
}

Awaitable<void> ask(asio::io_context& io, beast::tcp_stream& stream, const Url& url) {
  tcp::resolver resolver(io);
  auto [unknown, places] = co_await resolver.async_resolve(url.host, url.port, asio::as_tuple(asio::use_awaitable));
  check(url, unknown);
  auto [away, at] = co_await stream.async_connect(places, asio::as_tuple(asio::use_awaitable));
  (void)at;
  check(url, away);
  http::request<http::empty_body> request(http::verb::get, url.path, 11);
  request.set(http::field::host, url.host);
  request.keep_alive(false);
  auto [unsent, sent] = co_await http::async_write(stream, request, asio::as_tuple(asio::use_awaitable));
  (void)sent;
  check(url, unsent);
}

void check_status(const Url& url, http::status status) {
  if (status != http::status::ok)
    throw Error(url.place(), "it answers with status " + std::to_string(static_cast<unsigned>(status)) +
                                 ": is the link whole, as ka-server prints it?");
}

}  // namespace

Awaitable<std::string> fetch(asio::io_context& io, std::string text) {
  const Url url = parse(text);
  beast::tcp_stream stream(io);
  stream.expires_after(limit);
  co_await ask(io, stream, url);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(largest);
  auto [unread, size] = co_await http::async_read(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
  (void)size;
  check(url, unread);
  check_status(url, parser.get().result());
  co_return std::move(parser.get().body());
}

// Its end is the connection's: such a document has no length.
Awaitable<void> fetch_lines(asio::io_context& io, std::string text, std::chrono::seconds patience,
                            std::function<void(const std::string&)> line) {
  const Url url = parse(text);
  beast::tcp_stream stream(io);
  stream.expires_after(patience);
  co_await ask(io, stream, url);
  beast::flat_buffer buffer;
  http::response_parser<http::empty_body> parser;
  auto [unread, size] = co_await http::async_read_header(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
  (void)size;
  check(url, unread, patience);
  check_status(url, parser.get().result());
  std::string rest(static_cast<const char*>(buffer.data().data()), buffer.size());
  std::string room(64u << 10, '\0');
  for (std::size_t looked = 0;;) {
    for (std::size_t end; (end = rest.find('\n', looked)) != rest.npos; looked = 0) {
      line(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
    looked = rest.size();
    if (rest.size() > largest) throw Error(url.place(), "it sends a line without an end");
    stream.expires_after(patience);
    auto bytes = asio::buffer(room);
    auto [error, got] = co_await stream.async_read_some(bytes, asio::as_tuple(asio::use_awaitable));
    if (error == asio::error::eof || error == http::error::end_of_stream) co_return;
    if (error == asio::error::connection_reset) throw Error(url.place(), "the connection is broken");
    check(url, error, patience);
    rest.append(room, 0, got);
  }
}

}  // namespace ka::server
