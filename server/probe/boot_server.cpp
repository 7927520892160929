#include "server/probe/boot_server.h"

#include <map>

#include "base/random.h"

namespace ka::server {

namespace {

using asio::ip::udp;

constexpr std::uint16_t boot_server_port = 4011;
constexpr unsigned most_tries = 3;
constexpr auto patience = std::chrono::seconds(1);

// Options in option 43 (PXE 2.1, 2.1): the boot servers of each type, the menu, what is chosen.
constexpr std::uint8_t option_servers = 8, option_menu = 9, option_item = 71, option_end = 255;

std::map<std::uint8_t, dhcp::Bytes> options_in(const dhcp::Bytes& bytes) {
  std::map<std::uint8_t, dhcp::Bytes> options;
  for (std::size_t at = 0; at + 1 < bytes.size() && bytes[at] != option_end;) {
    if (bytes[at] == 0) {
      ++at;
      continue;
    }
    const std::size_t size = bytes[at + 1];
    if (size > bytes.size() - at - 2) break;
    options[bytes[at]].assign(bytes.begin() + static_cast<std::ptrdiff_t>(at + 2),
                              bytes.begin() + static_cast<std::ptrdiff_t>(at + 2 + size));
    at += 2 + size;
  }
  return options;
}

std::uint32_t number(const dhcp::Bytes& bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + size; ++i) value = value << 8 | bytes[i];
  return value;
}

// Type, how many addresses, the addresses; and again. Only the first is asked.
std::optional<asio::ip::address_v4> server_of(const dhcp::Bytes& list, std::uint16_t type) {
  for (std::size_t at = 0; at + 3 <= list.size();) {
    const std::size_t count = list[at + 2];
    if (at + 3 + 4 * count > list.size()) break;
    if (number(list, at, 2) == type && count > 0) return asio::ip::address_v4(number(list, at + 3, 4));
    at += 3 + 4 * count;
  }
  return std::nullopt;
}

// The type, and layer 0 of it.
dhcp::Bytes choice(std::uint16_t type) {
  return {option_item, 4, static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type), 0, 0, option_end};
}

// A machine asks from port 68, which a DHCP client of this one may have; servers answer to where the question came
// from.
udp::socket socket_at(asio::io_context& io, asio::ip::address_v4 own) {
  udp::socket socket(io, udp::v4());
  socket.set_option(asio::socket_base::reuse_address(true));
  boost::system::error_code taken;
  socket.bind(udp::endpoint(own, dhcp::client_port), taken);
  if (taken) socket.bind(udp::endpoint(own, 0));
  return socket;
}

}  // namespace

std::optional<BootItem> boot_item(const DhcpOffer& offer) {
  const auto options = options_in(offer.answer.vendor_options);
  BootItem item;
  item.server = offer.server();
  const auto menu = options.find(option_menu);
  if (menu == options.end() || menu->second.size() < 2) return item;
  item.type = static_cast<std::uint16_t>(number(menu->second, 0, 2));
  if (*item.type == 0) return std::nullopt;
  const auto servers = options.find(option_servers);
  if (servers != options.end()) item.server = server_of(servers->second, *item.type).value_or(item.server);
  return item;
}

Awaitable<std::optional<dhcp::Answer>> ask_boot_server(asio::io_context& io, asio::ip::address_v4 own, BootItem item,
                                                       dhcp::Question question) {
  question.type = dhcp::Type::request;
  question.xid = static_cast<std::uint32_t>(random_number());
  question.client_address = own;
  if (item.type) question.vendor_options = choice(*item.type);
  udp::socket socket = socket_at(io, own);
  asio::steady_timer timer(io);
  const dhcp::Bytes message = dhcp::build(question);
  constexpr std::size_t room = 2048;
  dhcp::Bytes answer(room);
  for (unsigned tries = 0; tries < most_tries; ++tries) {
    const auto out = asio::buffer(message);
    const udp::endpoint to(item.server, boot_server_port);
    co_await socket.async_send_to(out, to, asio::as_tuple(asio::use_awaitable));
    timer.expires_after(patience);
    timer.async_wait([&socket](boost::system::error_code late) {
      if (!late) socket.cancel();
    });
    for (;;) {
      udp::endpoint from;
      const auto in = asio::buffer(answer);
      const auto [failed, size] = co_await socket.async_receive_from(in, from, asio::as_tuple(asio::use_awaitable));
      if (failed) break;
      std::string why;
      auto said = dhcp::parse(std::span<const std::uint8_t>(answer).first(size), why);
      if (said && said->xid == question.xid && said->type != dhcp::Type::nak) co_return said;
    }
    timer.cancel();
  }
  co_return std::nullopt;
}

}  // namespace ka::server
