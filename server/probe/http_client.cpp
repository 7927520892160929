#include "server/probe/http_client.h"

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto patience = std::chrono::seconds(10);  // for all of it
constexpr std::size_t enough = 64 << 10;             // to see what it is

struct Place {
  tcp::endpoint server;
  std::string host, path;
};

std::optional<Place> place_of(const std::string& url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return std::nullopt;
  const std::size_t slash = std::min(url.find('/', scheme.size()), url.size());
  Place place;
  place.host = url.substr(scheme.size(), slash - scheme.size());
  place.path = slash < url.size() ? url.substr(slash) : "/";
  const std::vector<std::string_view> parts = split(place.host, ':');
  const auto address = parse_address(parts[0]);
  const auto port = parts.size() > 1 ? parse_unsigned(parts[1]) : std::uint64_t{80};
  if (!address || !port || *port == 0 || *port > 65535 || parts.size() > 2) return std::nullopt;
  place.server = tcp::endpoint(asio::ip::address_v4(*address), static_cast<std::uint16_t>(*port));
  return place;
}

Awaitable<void> load(beast::tcp_stream& stream, const Place& place, Fetched& file) {
  stream.expires_after(patience);
  co_await stream.async_connect(place.server, asio::use_awaitable);
  http::request<http::empty_body> request(http::verb::get, place.path, 11);
  request.set(http::field::host, place.host);
  request.set(http::field::connection, "close");
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer(enough);
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  co_await http::async_read_header(stream, buffer, parser, asio::use_awaitable);
  file.how = Fetched::How::refused;
  file.why = "it answers " + std::to_string(parser.get().result_int());
  if (parser.get().result() != http::status::ok) co_return;
  if (const auto length = parser.content_length()) file.size = *length;
  std::array<char, 8192> room;
  while (!parser.is_done() && file.content.size() < enough) {
    parser.get().body().data = room.data();
    parser.get().body().size = room.size();
    parser.get().body().more = true;
    const auto [error, size] = co_await http::async_read(stream, buffer, parser, asio::as_tuple(asio::use_awaitable));
    (void)size;
    if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
    file.content.append(room.data(), room.size() - parser.get().body().size);
  }
  file.how = Fetched::How::there;
  file.why.clear();
}

}  // namespace

Awaitable<Fetched> http_fetch(asio::io_context& io, std::string url) {
  Fetched file;
  const std::optional<Place> place = place_of(url);
  if (!place) {
    file.how = Fetched::How::refused;
    file.why = "the address is none that can be asked here: http://ADDRESS[:PORT]/PATH";
    co_return file;
  }
  try {
    beast::tcp_stream stream(io);
    co_await load(stream, *place, file);
  } catch (const std::exception& error) {
    file.why = words_of(error);
    if (file.how != Fetched::How::silent) file.how = Fetched::How::stalls;
  }
  co_return file;
}

}  // namespace ka::server
