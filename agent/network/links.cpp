#include "agent/network/links.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>

#include "base/error.h"

namespace ka::agent {

namespace {

UniqueFd open_netlink(std::uint32_t groups) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd.valid()) throw Error::from_errno("open rtnetlink");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Error::from_errno("bind rtnetlink");
  }
  return fd;
}

void send_to_kernel(int fd, const NetlinkBytes& message, const std::string& doing) {
  if (::send(fd, message.data(), message.size(), 0) != static_cast<ssize_t>(message.size())) {
    throw Error::from_errno(doing);
  }
}

}  // namespace

Links::Links(asio::io_context& io, Changed changed)
    : requests_(open_netlink(0)), news_(io, open_netlink(RTMGRP_LINK).release()), changed_(std::move(changed)) {}

void Links::start() {
  wait();
  // The answer comes by the same socket as the news, so nothing can fall between.
  send_to_kernel(news_.native_handle(), ask_for_links(++sequence_), "ask for the network interfaces");
}

void Links::wait() {
  news_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code error) {
    if (error) return;  // being destroyed
    read_all();
    wait();
  });
}

void Links::read_all() {
  std::array<std::uint8_t, 32768> buffer;
  for (;;) {
    const ssize_t size = ::recv(news_.native_handle(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {  // some news were lost: ask for all
      send_to_kernel(news_.native_handle(), ask_for_links(++sequence_), "ask for the network interfaces");
      continue;
    }
    if (size <= 0) return;
    for (const NetlinkAnswer& answer : parse_netlink(std::span(buffer).first(static_cast<std::size_t>(size)))) {
      take(answer);
    }
  }
}

void Links::take(const NetlinkAnswer& answer) {
  if (answer.kind == NetlinkAnswer::Kind::link_gone) {
    links_.erase(answer.link.index);
    changed_(answer.link, true);
  } else if (answer.kind == NetlinkAnswer::Kind::link) {
    auto [place, fresh] = links_.try_emplace(answer.link.index, answer.link);
    if (!fresh && place->second == answer.link) return;
    place->second = answer.link;
    changed_(answer.link, false);
  }
}

void Links::request(const NetlinkBytes& message, const std::string& doing) {
  send_to_kernel(requests_.get(), message, doing);
  const std::uint32_t mine = sequence_;
  std::array<std::uint8_t, 8192> buffer;
  for (;;) {
    const ssize_t size = ::recv(requests_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EAGAIN) {
      // The kernel answers while send() runs; this is for a kernel that is very busy.
      pollfd wait{requests_.get(), POLLIN, 0};
      if (::poll(&wait, 1, 5000) <= 0) throw Error(doing, "the kernel does not answer");
      continue;
    }
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Error::from_errno(doing);
    for (const NetlinkAnswer& answer : parse_netlink(std::span(buffer).first(static_cast<std::size_t>(size)))) {
      if (answer.kind != NetlinkAnswer::Kind::error || answer.sequence != mine) continue;
      if (answer.error != 0) throw Error::from_errno(doing, answer.error);
      return;
    }
  }
}

void Links::switch_on(const Link& link) {
  request(ka::agent::switch_on(++sequence_, link.index), "switch " + link.name + " on");
}

void Links::set(const Link& link, const Lease& lease, std::uint32_t metric) {
  request(add_address(++sequence_, link.index, lease.address, lease.prefix),
          "set the address " + lease.address.to_string() + " on " + link.name);
  if (!lease.gateway) return;
  request(add_default_route(++sequence_, link.index, *lease.gateway, metric),
          "set the default route by " + lease.gateway->to_string() + " on " + link.name);
}

void Links::unset(const Link& link, const Lease& lease) {
  request(remove_address(++sequence_, link.index, lease.address, lease.prefix),
          "remove the address " + lease.address.to_string() + " from " + link.name);
}

}  // namespace ka::agent
