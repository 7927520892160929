#include "agent/identity/network_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/identity/hardware_text.h"
#include "agent/machine/linux_machine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string golden_mac = "52:54:00:12:34:56", clone_mac = "02:0a:ff:00:00:07";

NetworkCard card(const std::string& address, const std::string& place) {
  NetworkCard c;
  c.address = address;
  c.place = place;
  return c;
}

const CardMap one_each({{golden_mac, "0000:00:03.0"}}, {card(clone_mac, "0000:05:00.0")}, "");
// A bridge, and two cards that have no counterparts.
const CardMap nobody({{golden_mac, "0000:00:03.0"}, {"52:54:00:99:99:99", "0000:00:04.0"}, {golden_mac, ""}},
                     {card(clone_mac, "0000:05:00.0")}, clone_mac);
const HostNames node7("golden.example.org", "node7");

Rewritten rewrite(std::string_view text, const CardMap& cards, NetworkSyntax syntax = NetworkSyntax::lines) {
  return rewrite_network_file(text, syntax, cards, node7);
}

TEST(HardwareTextTest, AllFormsAndNothingElse) {
  for (const char* text : {"HWADDR=52:54:00:12:34:56", "x 52-54-00-12-34-56,", "\"5254.0012.3456\"", "525400123456",
                           "BOOTIF=01-52-54-00-12-34-56", "1:52:54:00:12:34:56",
                           "00:01:00:01:2a:bc:de:f0:52:54:00:12:34:56", "ethernet_525400123456_cable"}) {
    auto place = find_address(text);
    ASSERT_TRUE(place) << text;
    EXPECT_EQ(place->address.text(), golden_mac) << text;
  }
  for (const char* text : {"", "52:54:00:12:34", "10.0.0.1", "fe80::5054:ff:fe12:3456", "52:54:00:12:34:5",
                           "uuid=0f2a2a5c-2a7c-4a53-9f0e-525400123456", "152:54:00:12:34:56", "5254001234567"})
    EXPECT_FALSE(find_address(text)) << text;
  EXPECT_EQ(with_address("AA-BB-CC-00-11-22", *parse_hardware_address(clone_mac)), "02-0A-FF-00-00-07");
}

TEST(CardMapTest, CardsCorrespondOnlyBeyondDoubt) {
  const HardwareAddress a{{2, 0, 0, 0, 0, 1}}, b{{2, 0, 0, 0, 0, 2}}, x{{2, 0, 0, 0, 0, 11}}, y{{2, 0, 0, 0, 0, 12}};
  CardMap by_place({{a.text(), "p1"}, {b.text(), "p2"}}, {card(y.text(), "p2"), card(x.text(), "p1")}, "");
  EXPECT_EQ(by_place.successor(a), x);
  EXPECT_EQ(by_place.successor(b), y);
  CardMap moved({{a.text(), "p1"}, {b.text(), "p2"}}, {card(x.text(), "p1"), card(y.text(), "p3")}, x.text());
  EXPECT_EQ(moved.successor(a), std::nullopt);
  EXPECT_TRUE(moved.is_golden(a));
  CardMap booted({{a.text(), "p1"}}, {card(x.text(), "p1"), card(y.text(), "p3")}, y.text());
  EXPECT_EQ(booted.successor(a), y);
  EXPECT_FALSE(booted.is_golden(x));
}

TEST(NetworkFilesTest, TheClonesCardTakesTheGoldenOnesPlace) {
  for (auto [golden, clone] :
       {std::pair{"DEVICE=eth0\nHWADDR=52:54:00:12:34:56\nONBOOT=yes\n",
                  "DEVICE=eth0\nHWADDR=02:0a:ff:00:00:07\nONBOOT=yes\n"},
        {"[ethernet]\nmac-address=52:54:00:12:34:56\n", "[ethernet]\nmac-address=02:0a:ff:00:00:07\n"},
        {"eth0 mac 52:54:00:12:34:56\n", "eth0 mac 02:0a:ff:00:00:07\n"},
        {"iface eth0 inet dhcp\n    hwaddress ether 52:54:00:12:34:56\n",
         "iface eth0 inet dhcp\n    hwaddress ether 02:0a:ff:00:00:07\n"},
        {"HWADDR=02:00:00:00:00:99\n", "HWADDR=02:00:00:00:00:99\n"},
        {"# HWADDR=52:54:00:12:34:56\n", "# HWADDR=52:54:00:12:34:56\n"}})
    EXPECT_EQ(rewrite(golden, one_each).text, clone);
}

TEST(NetworkFilesTest, WithoutASuccessorTheLineGoes) {
  auto result = rewrite("DEVICE=eth0\nHWADDR=\"52:54:00:12:34:56\"\nONBOOT=yes\n", nobody);
  EXPECT_EQ(result.text, "DEVICE=eth0\nONBOOT=yes\n");
  EXPECT_THAT(result.changes, ElementsAre("line 2: dropped \"HWADDR=\"52:54:00:12:34:56\"\""));
  EXPECT_EQ(rewrite("SUBSYSTEM==\"net\", \\\n ATTR{address}==\"52:54:00:12:34:56\", NAME=\"lan\"\nx\n", nobody).text,
            "x\n");
}

TEST(NetworkFilesTest, NetplanStaysWhole) {
  const char* const text =
      "network:\n"
      "  version: 2\n"
      "  ethernets:\n"
      "    eth0:\n"
      "      dhcp4: true\n"
      "      match:\n"
      "        macaddress: \"52:54:00:12:34:56\"\n"
      "      set-name: eth0\n"
      "    eth1:\n"
      "      set-name: eth1\n"
      "      match: {macaddress: 52:54:00:99:99:99}\n"
      "    eth2:\n"
      "      match:\n"
      "        driver: e1000\n"
      "        macaddress: 52:54:00:12:34:56\n"
      "      set-name: eth2\n";
  EXPECT_EQ(rewrite(text, nobody, NetworkSyntax::netplan).text,
            "network:\n"
            "  version: 2\n"
            "  ethernets:\n"
            "    eth0:\n"
            "      dhcp4: true\n"
            "    eth1: {}\n"
            "    eth2:\n"
            "      match:\n"
            "        driver: e1000\n"
            "      set-name: eth2\n");
  EXPECT_THAT(rewrite(text, one_each, NetworkSyntax::netplan).text, HasSubstr("macaddress: \"02:0a:ff:00:00:07\""));
}

TEST(NetworkFilesTest, NetworkdMatchesEveryCardRatherThanEveryInterface) {
  EXPECT_EQ(
      rewrite("[Match]\nMACAddress=52:54:00:12:34:56\n\n[Network]\nDHCP=yes\n", nobody, NetworkSyntax::networkd).text,
      "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n");
  EXPECT_EQ(rewrite("[Match]\nName=eth0\n[Link]\nMACAddress=52:54:00:12:34:56\n", nobody, NetworkSyntax::networkd).text,
            "[Match]\nName=eth0\n[Link]\n");
}

TEST(NetworkFilesTest, KernelWords) {
  const auto line = NetworkSyntax::command_line;
  EXPECT_EQ(rewrite("GRUB_CMDLINE_LINUX=\"ifname=lan:52:54:00:12:34:56 quiet\"\n", nobody, line).text,
            "GRUB_CMDLINE_LINUX=\"quiet\"\n");
  EXPECT_EQ(rewrite("linux /v ro BOOTIF=01-52-54-00-12-34-56\n", nobody, line).text, "linux /v ro\n");
  EXPECT_EQ(rewrite("linux /v ifname=lan:52:54:00:12:34:56\n", one_each, line).text,
            "linux /v ifname=lan:02:0a:ff:00:00:07\n");
  EXPECT_THAT(rewrite("linux /v ip=10.0.1.40::10.0.1.1:255.255.255.0::eth0:none\n", nobody, line).warnings,
              ElementsAre(HasSubstr("10.0.1.40 is fixed")));
}

TEST(NetworkFilesTest, FixedAddressesAreNamed) {
  for (const char* text :
       {"IPADDR=10.0.1.40", "IPADDR0='10.0.1.40/24'", "address1=10.0.1.40/24,10.0.1.1", "    address 10.0.1.40",
        "Address=10.0.1.40/24", "static ip_address=10.0.1.40/24", "Address=('10.0.1.40/24')"})
    EXPECT_THAT(rewrite(text, one_each).warnings, ElementsAre(HasSubstr("10.0.1.40 is fixed"))) << text;
  for (const char* text :
       {"      addresses: [10.0.1.40/24]", "        - 10.0.1.40/24", "  - address: \"10.0.1.40/24\""})
    EXPECT_THAT(rewrite(text, one_each, NetworkSyntax::netplan).warnings, ElementsAre(HasSubstr("10.0.1.40 is fixed")))
        << text;
  for (const char* text :
       {"DNS1=10.0.1.1", "gateway 10.0.1.1", "IPADDR=127.0.0.1", "#IPADDR=10.0.1.40", "dns=10.0.1.1", "IPADDR="})
    EXPECT_THAT(rewrite(text, one_each).warnings, IsEmpty()) << text;
  for (const char* text : {"      addresses: [10.0.1.1]", "        - 10.0.1.1", "      - to: 10.0.0.0/8"})
    EXPECT_THAT(rewrite(text, one_each, NetworkSyntax::netplan).warnings, IsEmpty()) << text;
}

TEST(NetworkFilesTest, NamesAndIdentitiesThatDhcpServersSee) {
  EXPECT_EQ(rewrite("send host-name \"golden\";\n", one_each).text, "send host-name \"node7\";\n");
  EXPECT_EQ(rewrite("DHCP_HOSTNAME=golden.example.org\n", one_each).text, "DHCP_HOSTNAME=node7.example.org\n");
  EXPECT_THAT(rewrite("send dhcp-client-identifier 01:02:03:04;\n", one_each).warnings,
              ElementsAre(HasSubstr("one client")));
  EXPECT_THAT(rewrite("MACADDR=02:00:00:00:00:99\n", one_each).warnings, ElementsAre(HasSubstr("same hardware")));
}

class NetworkTreeTest : public testing::Test {
 protected:
  class Lines final : public Log {
   public:
    void line(std::string_view text) override { lines.emplace_back(text); }
    std::vector<std::string> lines;
  };

  asio::io_context io_;
  LinuxMachine machine_{io_};
  Scratch root_;
  CloneTree tree_{machine_, root_.root()};
  Lines log_;
  IdentityRecord record_;
};

TEST_F(NetworkTreeTest, EveryDistributionsFiles) {
  const char* const files[] = {"/etc/sysconfig/network-scripts/ifcfg-eth0",
                               "/etc/sysconfig/network/ifcfg-eth0",
                               "/etc/NetworkManager/system-connections/lan.nmconnection",
                               "/etc/systemd/network/10-lan.network",
                               "/etc/systemd/network/10-anaconda-ifname-nic0.link",
                               "/etc/netplan/50-cloud-init.yaml",
                               "/etc/network/interfaces",
                               "/etc/network/interfaces.d/lan",
                               "/etc/dhcp/dhclient.conf",
                               "/etc/udev/rules.d/10-lan.rules",
                               "/etc/iftab",
                               "/etc/default/grub"};
  for (const char* file : files) root_.file(file, "x=52:54:00:12:34:56\n", 0600);
  fit_network_files(tree_, log_, record_, one_each, node7);
  for (const char* file : files) {
    EXPECT_EQ(root_.content(file), "x=02:0a:ff:00:00:07\n") << file;
    EXPECT_EQ(root_.status(file).st_mode & 07777, 0600u) << file;
    EXPECT_THAT(log_.lines, Contains(HasSubstr(std::string(file) + ", line 1: 52:54:00:12:34:56 is now"))) << file;
  }
}

TEST_F(NetworkTreeTest, WhatWasChangedAndWhatAPersonHasToLookAtIsRecorded) {
  root_.file("/etc/network/interfaces.d/lan", "hwaddress 52:54:00:12:34:56\n");
  root_.file("/etc/network/interfaces", "iface eth0 inet static\n address 10.0.1.40\n");
  root_.file("/etc/netplan/other.yaml", "network: {}\n");
  fit_network_files(tree_, log_, record_, one_each, node7);
  ASSERT_EQ(record_.notes().size(), 2u);
  EXPECT_EQ(record_.notes()[0].where, "/etc/network/interfaces.d/lan");
  EXPECT_EQ(record_.notes()[1].what, wire::IdentityClass::reported);
  EXPECT_EQ(record_.notes()[1].where, "/etc/network/interfaces");
}

TEST_F(NetworkTreeTest, WhatIsKeptIsNotTouched) {
  IdentityRecord record({{"network-files"}, {}});
  root_.file("/etc/iftab", "lan mac 52:54:00:12:34:56\n");
  fit_network_files(tree_, log_, record, one_each, node7);
  EXPECT_EQ(root_.content("/etc/iftab"), "lan mac 52:54:00:12:34:56\n");
  EXPECT_TRUE(record.has(wire::IdentityClass::kept, wire::IdentityItem::network_files));
}

TEST_F(NetworkTreeTest, ALinkThatWouldNameEveryCardGoes) {
  root_.file("/etc/systemd/network/10-lan.link", "[Match]\nMACAddress=52:54:00:12:34:56\n[Link]\nName=lan\n");
  fit_network_files(tree_, log_, record_, nobody, node7);
  EXPECT_FALSE(root_.has("/etc/systemd/network/10-lan.link"));
  EXPECT_THAT(log_.lines, Contains(HasSubstr("Removed /etc/systemd/network/10-lan.link")));
}

TEST_F(NetworkTreeTest, FilesNamedByTheCard) {
  root_.file("/etc/sysconfig/network/ifcfg-eth-id-52:54:00:12:34:56", "BOOTPROTO=dhcp\n");
  root_.file("/var/lib/connman/ethernet_525400123456_cable/settings", "IPv4.method=manual\n");
  fit_network_files(tree_, log_, record_, one_each, node7);
  EXPECT_EQ(root_.content("/etc/sysconfig/network/ifcfg-eth-id-02:0a:ff:00:00:07"), "BOOTPROTO=dhcp\n");
  EXPECT_FALSE(root_.has("/etc/sysconfig/network/ifcfg-eth-id-52:54:00:12:34:56"));
  EXPECT_FALSE(root_.has("/var/lib/connman/ethernet_525400123456_cable/settings"));
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: /var/lib/connman")));
}

}  // namespace
}  // namespace ka::agent
