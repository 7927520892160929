#include "agent/network/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <algorithm>
#include <cstring>

namespace ka::agent {

namespace {

using asio::ip::address_v4;

// Not in every <net/if.h>.
constexpr unsigned lower_up = 1u << 16;

class Builder {
 public:
  template <typename Body>
  Builder(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, const Body& body) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = sequence;
    append(&header, sizeof header);
    append(&body, sizeof body);
  }
  Builder& attribute(std::uint16_t type, const void* value, std::size_t size) {
    rtattr header{};
    header.rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    header.rta_type = type;
    append(&header, sizeof header);
    append(value, size);
    return *this;
  }
  Builder& attribute(std::uint16_t type, address_v4 address) {
    const auto octets = address.to_bytes();
    return attribute(type, octets.data(), octets.size());
  }
  Builder& attribute(std::uint16_t type, std::uint32_t value) { return attribute(type, &value, sizeof value); }

  NetlinkBytes take() {
    const auto size = static_cast<std::uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof size);  // nlmsg_len is the first field
    return std::move(bytes_);
  }

 private:
  void append(const void* data, std::size_t size) {
    const auto* first = static_cast<const std::uint8_t*>(data);
    bytes_.insert(bytes_.end(), first, first + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }

  NetlinkBytes bytes_;
};

NetlinkBytes change_address(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence, int index,
                            address_v4 address, unsigned prefix) {
  ifaddrmsg body{};
  body.ifa_family = AF_INET;
  body.ifa_prefixlen = static_cast<std::uint8_t>(prefix);
  body.ifa_scope = RT_SCOPE_UNIVERSE;
  body.ifa_index = static_cast<std::uint32_t>(index);
  Builder builder(type, static_cast<std::uint16_t>(NLM_F_ACK | flags), sequence, body);
  builder.attribute(IFA_LOCAL, address).attribute(IFA_ADDRESS, address);
  // RFC 3021: networks of 31 and 32 bits have no broadcast address.
  if (prefix < 31) builder.attribute(IFA_BROADCAST, address_v4(address.to_uint() | 0xffffffffu >> prefix));
  return builder.take();
}

// Reads a struct that need not be aligned.
template <typename T>
T load(std::span<const std::uint8_t> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// nullopt-like: index 0 is no interface.
Link parse_link(std::span<const std::uint8_t> body) {
  Link link;
  if (body.size() < sizeof(ifinfomsg)) return link;
  const auto info = load<ifinfomsg>(body);
  link.up = (info.ifi_flags & IFF_UP) != 0;
  link.carrier = (info.ifi_flags & lower_up) != 0;
  bool has_address = false;
  body = body.subspan(NLMSG_ALIGN(sizeof info));
  while (body.size() >= sizeof(rtattr)) {
    const auto attribute = load<rtattr>(body);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > body.size()) return Link();
    const auto value = body.subspan(sizeof attribute, attribute.rta_len - sizeof attribute);
    if (attribute.rta_type == IFLA_IFNAME) {
      const auto end = std::find(value.begin(), value.end(), 0);
      link.name.assign(value.begin(), end);
    } else if (attribute.rta_type == IFLA_ADDRESS && value.size() == link.address.octets.size()) {
      std::copy(value.begin(), value.end(), link.address.octets.begin());
      has_address = true;
    }
    body = body.subspan(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), body.size()));
  }
  link.ethernet = info.ifi_type == ARPHRD_ETHER && has_address;
  link.index = link.name.empty() ? 0 : info.ifi_index;
  return link;
}

}  // namespace

NetlinkBytes ask_for_links(std::uint32_t sequence) {
  ifinfomsg body{};
  body.ifi_family = AF_UNSPEC;
  return Builder(RTM_GETLINK, NLM_F_DUMP, sequence, body).take();
}

NetlinkBytes switch_on(std::uint32_t sequence, int index) {
  ifinfomsg body{};
  body.ifi_family = AF_UNSPEC;
  body.ifi_index = index;
  body.ifi_flags = IFF_UP;
  body.ifi_change = IFF_UP;
  return Builder(RTM_NEWLINK, NLM_F_ACK, sequence, body).take();
}

NetlinkBytes add_address(std::uint32_t sequence, int index, address_v4 address, unsigned prefix) {
  return change_address(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sequence, index, address, prefix);
}

NetlinkBytes remove_address(std::uint32_t sequence, int index, address_v4 address, unsigned prefix) {
  return change_address(RTM_DELADDR, 0, sequence, index, address, prefix);
}

NetlinkBytes add_default_route(std::uint32_t sequence, int index, address_v4 gateway, std::uint32_t metric) {
  rtmsg body{};
  body.rtm_family = AF_INET;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_BOOT;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  // On-link: a /32 lease, as some providers give, has its gateway outside of its network.
  body.rtm_flags = RTNH_F_ONLINK;
  Builder builder(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sequence, body);
  builder.attribute(RTA_GATEWAY, gateway).attribute(RTA_OIF, static_cast<std::uint32_t>(index));
  builder.attribute(RTA_PRIORITY, metric);
  return builder.take();
}

std::vector<NetlinkAnswer> parse_netlink(std::span<const std::uint8_t> datagram) {
  std::vector<NetlinkAnswer> answers;
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto header = load<nlmsghdr>(datagram);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) break;
    const auto body = datagram.subspan(sizeof header, header.nlmsg_len - sizeof header);
    NetlinkAnswer answer;
    answer.sequence = header.nlmsg_seq;
    if (header.nlmsg_type == RTM_NEWLINK || header.nlmsg_type == RTM_DELLINK) {
      answer.link = parse_link(body);
      answer.kind = header.nlmsg_type == RTM_NEWLINK ? NetlinkAnswer::Kind::link : NetlinkAnswer::Kind::link_gone;
      if (answer.link.index <= 0) answer.kind = NetlinkAnswer::Kind::other;
    } else if (header.nlmsg_type == NLMSG_DONE) {
      answer.kind = NetlinkAnswer::Kind::done;
    } else if (header.nlmsg_type == NLMSG_ERROR && body.size() >= sizeof(int)) {
      answer.kind = NetlinkAnswer::Kind::error;
      answer.error = -load<int>(body);
    }
    answers.push_back(std::move(answer));
    datagram = datagram.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
  return answers;
}

}  // namespace ka::agent
