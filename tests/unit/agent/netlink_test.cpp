#include "agent/network/netlink.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <cstring>
#include <random>

#include "agent/network/links.h"
#include "base/error.h"

namespace ka::agent {
namespace {

using asio::ip::make_address_v4;
using Kind = NetlinkAnswer::Kind;

/// What the kernel sends about a link.
class LinkMessage {
 public:
  LinkMessage(std::uint16_t type, int index, unsigned flags, std::uint16_t hardware = ARPHRD_ETHER) {
    bytes_.resize(sizeof(nlmsghdr) + sizeof(ifinfomsg));
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_seq = 7;
    ifinfomsg info{};
    info.ifi_index = index;
    info.ifi_flags = flags;
    info.ifi_type = hardware;
    std::memcpy(bytes_.data(), &header, sizeof header);
    std::memcpy(bytes_.data() + sizeof header, &info, sizeof info);
  }
  LinkMessage& attribute(std::uint16_t type, std::string_view value, int length_error = 0) {
    rtattr header{};
    header.rta_type = type;
    header.rta_len = static_cast<std::uint16_t>(static_cast<int>(RTA_LENGTH(value.size())) + length_error);
    const auto* first = reinterpret_cast<const std::uint8_t*>(&header);
    bytes_.insert(bytes_.end(), first, first + sizeof header);
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
    return *this;
  }
  LinkMessage& name(std::string_view name) { return attribute(IFLA_IFNAME, std::string(name) + '\0'); }
  LinkMessage& address() { return attribute(IFLA_ADDRESS, std::string_view("\x52\x54\x00\x01\x02\x03", 6)); }
  NetlinkBytes bytes() const {
    NetlinkBytes bytes = bytes_;
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(bytes.data(), &size, sizeof size);
    return bytes;
  }

 private:
  NetlinkBytes bytes_;
};

constexpr unsigned lower_up = 1u << 16;

TEST(Netlink, ALinkIsReadWhole) {
  auto answers = parse_netlink(LinkMessage(RTM_NEWLINK, 3, IFF_UP | lower_up).name("eth0").address().bytes());
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].kind, Kind::link);
  EXPECT_EQ(answers[0].sequence, 7u);
  const Link& link = answers[0].link;
  EXPECT_EQ(link.index, 3);
  EXPECT_EQ(link.name, "eth0");
  EXPECT_EQ(link.address.text(), "52:54:00:01:02:03");
  EXPECT_TRUE(link.ethernet);
  EXPECT_TRUE(link.up);
  EXPECT_TRUE(link.carrier);
}

// IFF_UP says that we switched it on, not that anybody is at the other end of the cable.
TEST(Netlink, TheCarrierIsLowerUpAndNotUp) {
  auto answers = parse_netlink(LinkMessage(RTM_NEWLINK, 3, IFF_UP | IFF_RUNNING).name("eth0").address().bytes());
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_TRUE(answers[0].link.up);
  EXPECT_FALSE(answers[0].link.carrier);
}

TEST(Netlink, WhatIsNotEthernetIsTold) {
  auto lo = parse_netlink(LinkMessage(RTM_NEWLINK, 1, IFF_UP, ARPHRD_LOOPBACK).name("lo").address().bytes());
  ASSERT_EQ(lo.size(), 1u);
  EXPECT_FALSE(lo[0].link.ethernet);
  auto infiniband = LinkMessage(RTM_NEWLINK, 2, 0, ARPHRD_INFINIBAND).name("ib0");
  infiniband.attribute(IFLA_ADDRESS, std::string(20, 'x'));
  EXPECT_FALSE(parse_netlink(infiniband.bytes())[0].link.ethernet);
}

TEST(Netlink, ManyMessagesInOneDatagram) {
  NetlinkBytes all = LinkMessage(RTM_NEWLINK, 3, 0).name("eth0").address().bytes();
  for (const NetlinkBytes& more : {LinkMessage(RTM_DELLINK, 4, 0).name("eth1").address().bytes(), ask_for_links(9)}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  auto answers = parse_netlink(all);
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[1].kind, Kind::link_gone);
  EXPECT_EQ(answers[1].link.name, "eth1");
  EXPECT_EQ(answers[2].kind, Kind::other);
}

TEST(Netlink, BrokenLinksAreNoLinks) {
  for (int error : {-1, -3, 1, 100}) {
    auto answers = parse_netlink(LinkMessage(RTM_NEWLINK, 3, 0).attribute(IFLA_IFNAME, "", error).bytes());
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].kind, Kind::other) << error;
  }
  auto nameless = parse_netlink(LinkMessage(RTM_NEWLINK, 3, 0).address().bytes());
  EXPECT_EQ(nameless[0].kind, Kind::other);
}

TEST(Netlink, NoMutationReadsOutOfBounds) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const NetlinkBytes good = LinkMessage(RTM_NEWLINK, 3, IFF_UP).name("eth0").address().bytes();
  for (int round = 0; round < 20000; ++round) {
    NetlinkBytes bytes = good;
    for (unsigned n = 1 + random() % 4; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    bytes.resize(random() % 3 == 0 ? random() % bytes.size() : bytes.size());
    bytes.shrink_to_fit();
    for (const NetlinkAnswer& answer : parse_netlink(bytes)) {
      EXPECT_TRUE(answer.kind != Kind::link || answer.link.index > 0);
    }
  }
}

/// What the kernel itself makes of our messages; a request for a link that is not there changes nothing.
TEST(Links, TheKernelKnowsItsLoopbackAndRefusesWhatIsNotThere) {
  asio::io_context io;
  std::vector<Link> seen;
  auto changed = [&](const Link& link, bool) {
    seen.push_back(link);
    if (link.name == "lo") io.stop();
  };
  Links links(io, changed);
  links.start();
  io.run_for(std::chrono::seconds(60));
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(links.all().begin()->second.name, "lo");

  Link missing;
  missing.index = 999999;
  missing.name = "none0";
  Lease lease;
  lease.address = make_address_v4("10.9.8.7");
  try {
    links.set(missing, lease, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("none0"), std::string::npos);
  }
}

}  // namespace
}  // namespace ka::agent
