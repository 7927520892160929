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

void check(const Url& url, boost::system::error_code error) {
  if (error) throw Error(url.place(), error == beast::error::timeout ? "no answer within 20 s" : error.message());
}

}  // namespace

Awaitable<std::string> fetch(asio::io_context& io, std::string text) {
  const Url url = parse(text);
  tcp::resolver resolver(io);
  auto [unknown, places] = co_await resolver.async_resolve(url.host, url.port, asio::as_tuple(asio::use_awaitable));
  check(url, unknown);
  beast::tcp_stream stream(io);
  stream.expires_after(limit);
  auto [away, at] = co_await stream.async_connect(places, asio::as_tuple(asio::use_awaitable));
  (void)at;
  check(url, away);
  http::request<http::empty_body> request(http::verb::get, url.path, 11);
  request.set(http::field::host, url.host);
  request.keep_alive(false);
  auto [unsent, sent] = co_await http::async_write(stream, request, asio::as_tuple(asio::use_awaitable));
  (void)sent;
  check(url, unsent);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(largest);
  auto [unread, size] = co_await http::async_read(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
  (void)size;
  check(url, unread);
  if (parser.get().result() != http::status::ok)
    throw Error(url.place(), "it answers with status " + std::to_string(parser.get().result_int()) +
                                 ": the link must be whole, as ka-server prints it");
  co_return std::move(parser.get().body());
}

}  // namespace ka::server
