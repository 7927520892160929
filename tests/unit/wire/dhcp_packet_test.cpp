#include "wire/dhcp/packet.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "base/files.h"
#include "tests/unit/dhcp_fixture.h"

namespace ka::dhcp {
namespace {

using asio::ip::make_address_v4;
using test::client_mac;
using test::ServerMessage;

ServerMessage good_ack() {
  ServerMessage message(0x01020304);
  message.your_address("10.0.1.35").type(Type::ack).address(54, "10.0.1.1").seconds(51, 600);
  message.address(1, "255.255.255.0").address(3, "10.0.1.254").option(6, {10, 0, 1, 2, 10, 0, 1, 3});
  message.text(12, "node35").text(15, "guibland.com");
  return message;
}

TEST(DhcpPacket, ABootFileIsInItsOptionOrInItsFieldUnlessThatHasOptions) {
  std::string why;
  auto field = parse(good_ack().set(108, {'/', 'a', 0, 'x'}).end().bytes(), why);
  ASSERT_TRUE(field) << why;
  EXPECT_EQ(field->boot_file, "/a");
  auto option = parse(good_ack().set(108, {'/', 'a'}).text(67, "/b").text(60, "PXEClient").end().bytes(), why);
  ASSERT_TRUE(option) << why;
  EXPECT_EQ(option->boot_file, "/b");
  EXPECT_EQ(option->vendor_class, "PXEClient");
  auto overloaded = parse(good_ack().set(108, {43, 1, 255, 255}).option(52, {1}).end().bytes(), why);
  ASSERT_TRUE(overloaded) << why;
  EXPECT_EQ(overloaded->boot_file, "");
  EXPECT_EQ(overloaded->vendor_options, Bytes{255});
}

TEST(DhcpPacket, FirmwareSaysWhatItIs) {
  Question question;
  question.mac = client_mac;
  question.vendor_class = "PXEClient:Arch:00007:UNDI:003000";
  question.architecture = 7;
  const Bytes message = build(question);
  EXPECT_EQ(test::option_of(message, 93), (Bytes{0, 7}));
  EXPECT_EQ(test::option_of(message, 94), (Bytes{1, 3, 0}));
  EXPECT_EQ(test::option_of(message, 97).size(), 17u);
  question.architecture.reset();
  EXPECT_TRUE(test::option_of(build(question), 93).empty()) << "a node's own question is no firmware's";
}

TEST(DhcpPacket, AnAckIsReadWhole) {
  std::string why;
  auto ack = parse(good_ack().seconds(58, 200).seconds(59, 500).end().bytes(), why);
  ASSERT_TRUE(ack) << why;
  EXPECT_EQ(ack->type, Type::ack);
  EXPECT_EQ(ack->xid, 0x01020304u);
  EXPECT_EQ(ack->mac, client_mac);
  EXPECT_EQ(ack->address, make_address_v4("10.0.1.35"));
  EXPECT_EQ(ack->server, make_address_v4("10.0.1.1"));
  EXPECT_EQ(ack->prefix, 24u);
  EXPECT_EQ(ack->lease_seconds, 600u);
  EXPECT_EQ(ack->renewal_seconds, 200u);
  EXPECT_EQ(ack->rebinding_seconds, 500u);
  ASSERT_EQ(ack->routers.size(), 1u);
  ASSERT_EQ(ack->dns.size(), 2u);
  EXPECT_EQ(ack->dns[1], make_address_v4("10.0.1.3"));
  EXPECT_EQ(ack->host_name, "node35");
  EXPECT_EQ(ack->domain, "guibland.com");
  EXPECT_EQ(ack->search, std::vector<std::string>{"guibland.com"});
}

TEST(DhcpPacket, MissingOptionsAreMissingAndNoError) {
  std::string why;
  auto offer = parse(ServerMessage(1).type(Type::offer).bytes(), why);
  ASSERT_TRUE(offer) << why;
  EXPECT_FALSE(offer->server);
  EXPECT_FALSE(offer->prefix);
  EXPECT_FALSE(offer->lease_seconds);
  EXPECT_TRUE(offer->routers.empty());
}

TEST(DhcpPacket, OptionsGoOnInFileThenInSname) {
  auto message = ServerMessage(1).type(Type::ack).option(52, {3}).end();
  message.set(108, {54, 4, 10, 0, 1, 1, 255});  // file
  message.set(44, {51, 4, 0, 0, 2, 88, 255});   // sname
  std::string why;
  auto ack = parse(message.bytes(), why);
  ASSERT_TRUE(ack) << why;
  EXPECT_EQ(ack->server, make_address_v4("10.0.1.1"));
  EXPECT_EQ(ack->lease_seconds, 600u);
}

TEST(DhcpPacket, NamesAsPeopleGiveThem) {
  for (auto [sent, taken] : {std::pair{"lab_pc_07", "lab_pc_07"},
                             {"node7.example.org.", "node7.example.org"},
                             {"NODE-7", "NODE-7"},
                             {" node7 ", "node7"}}) {
    std::string why;
    auto ack = parse(ServerMessage(1).type(Type::ack).text(12, sent).bytes(), why);
    ASSERT_TRUE(ack) << why;
    EXPECT_EQ(ack->host_name, taken);
    EXPECT_TRUE(ack->refused.empty());
  }
}

TEST(DhcpPacket, ANameThatIsNotTakenIsNamedWithTheReason) {
  const std::string long_label(64, 'x');
  for (auto [sent, reason] : {std::pair<std::string, std::string>{"lab pc", "letters"},
                              {"lab\x1b[2J", "letters"},
                              {"-x", "begins with"},
                              {"a..b", "empty part"},
                              {long_label, "63"},
                              {std::string(254, 'a'), "253"}}) {
    std::string why;
    auto ack = parse(ServerMessage(1).type(Type::ack).text(12, sent).bytes(), why);
    ASSERT_TRUE(ack) << why;
    EXPECT_EQ(ack->host_name, "");
    ASSERT_EQ(ack->refused.size(), 1u) << sent;
    EXPECT_NE(ack->refused[0].find("option 12"), std::string::npos);
    EXPECT_NE(ack->refused[0].find(reason), std::string::npos) << ack->refused[0];
    for (char c : ack->refused[0]) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  }
}

TEST(DhcpPacket, AQualifiedNameThatIsTooLongForTheKernelIsCutAtItsFirstDot) {
  std::string why;
  auto ack = parse(ServerMessage(1).type(Type::ack).text(12, "node7." + std::string(60, 'x') + ".org").bytes(), why);
  ASSERT_TRUE(ack) << why;
  EXPECT_EQ(ack->host_name, "node7");
  EXPECT_EQ(ack->refused.size(), 1u);
}

TEST(DhcpPacket, DomainsOfBothOptions) {
  using Names = std::vector<std::string>;
  std::string why;
  auto several = parse(ServerMessage(1).type(Type::ack).text(15, "a.org b_c.net").bytes(), why);
  EXPECT_EQ(several->search, (Names{"a.org", "b_c.net"}));
  ServerMessage search(1);
  search.type(Type::ack).text(15, "old.org");
  search.option(119, {3, 'e', 'n', 'g',  5, 'a',  'p', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0,  //
                      2, 'h', 'r', 0xc0, 4, 0xc0, 4});
  EXPECT_EQ(parse(search.bytes(), why)->search, (Names{"eng.apple.com", "hr.apple.com", "apple.com"}));
}

TEST(DhcpPacket, ABrokenSearchListIsNoErrorAndNoEndlessLoop) {
  using List = std::initializer_list<std::uint8_t>;
  for (List list : {List{0xc0, 0}, List{0xc0}, List{5, 'a'}, List{1, 'a', 0xc0, 2}, List{1, 'a'}, List{0x80, 1, 0},
                    List{1, 'a', 0xc0, 0}}) {
    std::string why;
    auto ack = parse(ServerMessage(1).type(Type::ack).text(15, "old.org").option(119, list).bytes(), why);
    ASSERT_TRUE(ack) << why;
    EXPECT_EQ(ack->search, std::vector<std::string>{"old.org"});
    EXPECT_EQ(ack->refused.size(), 1u);
  }
}

TEST(DhcpPacket, FileIsNoOptionsWithoutOverload) {
  auto message = ServerMessage(1).type(Type::ack).end();
  message.set(108, {54, 4, 10, 0, 1, 1, 255});
  std::string why;
  auto ack = parse(message.bytes(), why);
  ASSERT_TRUE(ack);
  EXPECT_FALSE(ack->server);
}

// RFC 3396: an option longer than 255 bytes comes in pieces.
TEST(DhcpPacket, PiecesOfAnOptionAreJoined) {
  std::string why;
  auto ack = parse(ServerMessage(1).type(Type::ack).option(6, {10, 0}).option(6, {1, 2}).end().bytes(), why);
  ASSERT_TRUE(ack) << why;
  ASSERT_EQ(ack->dns.size(), 1u);
  EXPECT_EQ(ack->dns[0], make_address_v4("10.0.1.2"));
}

TEST(DhcpPacket, ANameThatIsNoneIsDropped) {
  for (const char* name : {"../../etc", "a b", "node;reboot", "-x", ".x", "n\x1b[2J"}) {
    std::string why;
    auto ack = parse(ServerMessage(1).type(Type::ack).text(12, name).end().bytes(), why);
    ASSERT_TRUE(ack);
    EXPECT_EQ(ack->host_name, "") << name;
  }
}

TEST(DhcpPacket, ANamesEndOfStringIsNotPartOfIt) {
  std::string why;
  auto ack = parse(ServerMessage(1).type(Type::ack).text(12, std::string_view("node\0", 5)).bytes(), why);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->host_name, "node");
}

struct Hostile {
  const char* name;
  std::function<ServerMessage()> make;
};

class HostileDhcp : public testing::TestWithParam<Hostile> {};

TEST_P(HostileDhcp, IsRefusedWithAReason) {
  std::string why;
  EXPECT_FALSE(parse(GetParam().make().bytes(), why));
  EXPECT_FALSE(why.empty());
}

ServerMessage ack() { return ServerMessage(1).type(Type::ack); }

INSTANTIATE_TEST_SUITE_P(DhcpPacket, HostileDhcp,
                         testing::Values(Hostile{"ARequest", [] { return ack().set(0, {1}); }},
                                         Hostile{"TokenRing", [] { return ack().set(1, {6}); }},
                                         Hostile{"LongHardwareAddress", [] { return ack().set(2, {16}); }},
                                         Hostile{"NoCookie", [] { return ack().set(236, {0}); }},
                                         Hostile{"NoType", [] { return ServerMessage(1).end(); }},
                                         Hostile{"TypeOfAClient", [] { return ServerMessage(1).type(Type::discover); }},
                                         Hostile{"UnknownType", [] { return ServerMessage(1).option(53, {77}); }},
                                         Hostile{"TypeOfTwoBytes",
                                                 [] {
                                                   return ServerMessage(1).option(53, {5, 5});
                                                 }},
                                         Hostile{"OptionWithoutLength", [] { return ack().raw({51}); }},
                                         Hostile{"OptionOverTheEnd",
                                                 [] {
                                                   return ack().raw({51, 4, 0, 0, 0});
                                                 }},
                                         Hostile{"LongestOptionOverTheEnd",
                                                 [] {
                                                   return ack().raw({12, 255});
                                                 }},
                                         Hostile{"ShortLease",
                                                 [] {
                                                   return ack().option(51, {0, 1});
                                                 }},
                                         Hostile{"LongLease",
                                                 [] {
                                                   return ack().option(51, {0, 0, 0, 1, 0});
                                                 }},
                                         Hostile{"LeaseTwice", [] { return ack().seconds(51, 1).seconds(51, 1); }},
                                         Hostile{"ShortServer",
                                                 [] {
                                                   return ack().option(54, {10, 0, 1});
                                                 }},
                                         Hostile{"EmptyServer", [] { return ack().option(54, {}); }},
                                         Hostile{"OddRouters",
                                                 [] {
                                                   return ack().option(3, {10, 0, 1, 1, 10});
                                                 }},
                                         Hostile{"EmptyDns", [] { return ack().option(6, {}); }},
                                         Hostile{"MaskWithHoles", [] { return ack().address(1, "255.0.255.0"); }},
                                         Hostile{"MaskOfNothing", [] { return ack().address(1, "0.0.0.0"); }},
                                         Hostile{"UnknownOverload", [] { return ack().option(52, {4}); }},
                                         Hostile{"OverloadOfTwoBytes",
                                                 [] {
                                                   return ack().option(52, {1, 1});
                                                 }},
                                         Hostile{"OptionOverTheEndOfFile",
                                                 [] {
                                                   return ack().option(52, {1}).end().set(234, {12, 1});
                                                 }},
                                         Hostile{"OptionOverTheEndOfSname",
                                                 [] {
                                                   return ack().option(52, {2}).end().set(106, {12, 200});
                                                 }}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(DhcpPacket, EveryShorterMessageIsReadWithoutHarm) {
  const Bytes whole = good_ack().end().bytes();
  std::string why;
  for (std::size_t size = 0; size < 240; ++size) EXPECT_FALSE(parse(std::span(whole).first(size), why));
  for (std::size_t size = 240; size < whole.size(); ++size) {
    parse(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)), why);
  }
}

TEST(DhcpPacket, AQuestionSaysWhoAsksAndIsLongEnoughForOldRelays) {
  Question question;
  question.type = Type::request;
  question.xid = 0xdeadbeef;
  question.mac = client_mac;
  question.seconds = 7;
  question.broadcast = true;
  question.requested_address = make_address_v4("10.0.1.35");
  question.server = make_address_v4("10.0.1.1");
  const Bytes bytes = build(question);
  EXPECT_GE(bytes.size(), 300u);
  EXPECT_EQ(test::xid_of(bytes), 0xdeadbeefu);
  EXPECT_EQ(bytes[9], 7);
  EXPECT_EQ(bytes[10], 0x80);
  EXPECT_EQ(test::option_of(bytes, 53), Bytes{3});
  EXPECT_EQ(test::option_of(bytes, 61), (Bytes{1, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56}));
  EXPECT_EQ(test::option_of(bytes, 60), (Bytes{'K', 'A'}));
  EXPECT_EQ(test::option_of(bytes, 50), (Bytes{10, 0, 1, 35}));
  EXPECT_EQ(test::option_of(bytes, 54), (Bytes{10, 0, 1, 1}));
}

// What a server sends, as the interface gives it: an IPv4 packet to port 68.
Bytes from_server(Bytes packet) {
  std::swap(packet[20], packet[22]);
  std::swap(packet[21], packet[23]);  // the ports: the sum stays right
  return packet;
}

class IpPacket : public testing::Test {
 protected:
  Bytes message_ = good_ack().end().bytes();
  Bytes packet_ = from_server(wrap_for_broadcast(message_));
};

TEST_F(IpPacket, TheMessageComesOutAsItWentIn) {
  auto inside = unwrap(packet_, true);
  EXPECT_EQ(Bytes(inside.begin(), inside.end()), message_);
}

TEST_F(IpPacket, PaddingOfEthernetIsNotPartOfIt) {
  packet_.resize(packet_.size() + 18);
  EXPECT_EQ(unwrap(packet_, true).size(), message_.size());
}

TEST_F(IpPacket, IpOptionsAreSteppedOver) {
  packet_.insert(packet_.begin() + 20, {1, 1, 1, 1});  // four no-operations
  packet_[0] = 0x46;
  packet_[3] = static_cast<std::uint8_t>(packet_[3] + 4);
  packet_[10] = packet_[11] = 0;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 24; i += 2) sum += static_cast<std::uint32_t>(packet_[i] << 8 | packet_[i + 1]);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  packet_[10] = static_cast<std::uint8_t>(~sum >> 8);
  packet_[11] = static_cast<std::uint8_t>(~sum);
  EXPECT_EQ(unwrap(packet_, true).size(), message_.size());
}

// virtio between two machines of one host never fills the UDP checksum in.
TEST_F(IpPacket, AChecksumThatIsNotFilledInIsAcceptedOnlyWhenTheKernelSaysSo) {
  packet_[26] ^= 0x55;
  EXPECT_TRUE(unwrap(packet_, true).empty());
  EXPECT_EQ(unwrap(packet_, false).size(), message_.size());
}

TEST_F(IpPacket, NoChecksumAtAllIsAllowedByUdp) {
  packet_[26] = packet_[27] = 0;
  EXPECT_EQ(unwrap(packet_, true).size(), message_.size());
}

TEST_F(IpPacket, WhatIsNotForUsIsLeft) {
  auto spoiled = [this](std::size_t at, std::uint8_t value) {
    Bytes packet = packet_;
    packet[at] = value;
    return unwrap(packet, false).size();
  };
  EXPECT_EQ(spoiled(0, 0x65), 0u);   // IPv6
  EXPECT_EQ(spoiled(0, 0x44), 0u);   // header shorter than it can be
  EXPECT_EQ(spoiled(0, 0x4f), 0u);   // header longer than what it should be
  EXPECT_EQ(spoiled(2, 0xff), 0u);   // longer than what came
  EXPECT_EQ(spoiled(6, 0x20), 0u);   // a fragment
  EXPECT_EQ(spoiled(9, 6), 0u);      // TCP
  EXPECT_EQ(spoiled(10, 0x12), 0u);  // IP checksum
  EXPECT_EQ(spoiled(23, 69), 0u);    // another port
  EXPECT_EQ(spoiled(24, 0xff), 0u);  // UDP longer than IP
  Bytes packet = packet_;
  packet[24] = 0;
  packet[25] = 7;  // UDP shorter than its header
  EXPECT_EQ(unwrap(packet, false).size(), 0u);
  for (std::size_t size = 0; size < packet_.size(); ++size) {
    EXPECT_TRUE(unwrap(Bytes(packet_.begin(), packet_.begin() + size), false).empty());
  }
}

TEST_F(IpPacket, NoMutationReadsOutOfBounds) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 50000; ++round) {
    Bytes packet = packet_;
    for (unsigned n = random() % 6; n > 0; --n) packet[random() % packet.size()] = static_cast<std::uint8_t>(random());
    packet.resize(random() % 4 == 0 ? random() % packet.size() : packet.size());
    packet.shrink_to_fit();
    unwrap(packet, round % 2 == 0);

    Bytes message = message_;
    for (unsigned n = 1 + random() % 6; n > 0; --n) {
      message[random() % message.size()] = static_cast<std::uint8_t>(random());
    }
    message.resize(random() % 4 == 0 ? random() % message.size() : message.size());
    message.shrink_to_fit();
    std::string why;
    if (auto answer = parse(message, why); answer && answer->prefix) {
      EXPECT_TRUE(*answer->prefix >= 1 && *answer->prefix <= 32);
    }
  }
}

}  // namespace
}  // namespace ka::dhcp
