#include "agent/boot/boot_options.h"

#include <gtest/gtest.h>

#include <random>

namespace ka::agent {
namespace {

using asio::ip::make_address_v4;

TEST(BootOptions, TheCommandLineOfTheKaMethodIsUnderstood) {
  auto options = parse_boot_options(
      "initrd=images/all.rdz ramdisk_size=64000 vga=788 automatic=method:ka,interface:eth0,network:dhcp "
      "root=/dev/ram3 rw rescue kamethod\n");
  EXPECT_EQ(options.network.interface, "eth0");
  EXPECT_FALSE(options.network.static_network);
  EXPECT_FALSE(options.server);
  EXPECT_FALSE(options.shell);
  EXPECT_EQ(options.session, "getstage2");
  EXPECT_TRUE(options.warnings.empty());
  EXPECT_TRUE(options.errors.empty());
}

TEST(BootOptions, AnEmptyCommandLineMeansAllInterfacesAndDhcp) {
  auto options = parse_boot_options("");
  EXPECT_EQ(options.network.interface, "");
  EXPECT_FALSE(options.network.boot_interface);
  EXPECT_FALSE(options.network.static_network);
  EXPECT_TRUE(options.errors.empty());
}

TEST(BootOptions, StaticNetwork) {
  auto options = parse_boot_options(
      "automatic=method:ka,interface:auto,network:static,ip:10.0.1.35,netmask:255.255.252.0,gateway:10.0.0.1,"
      "dns:10.0.1.2,dns:10.0.1.3");
  ASSERT_TRUE(options.network.static_network) << (options.errors.empty() ? "" : options.errors[0]);
  EXPECT_EQ(options.network.interface, "");
  EXPECT_EQ(options.network.static_network->address, make_address_v4("10.0.1.35"));
  EXPECT_EQ(options.network.static_network->prefix, 22u);
  EXPECT_EQ(options.network.static_network->gateway, make_address_v4("10.0.0.1"));
  ASSERT_EQ(options.network.static_network->dns.size(), 2u);
  EXPECT_EQ(options.network.static_network->dns[1], make_address_v4("10.0.1.3"));
}

TEST(BootOptions, BootifInBothForms) {
  for (const char* text : {"01-52-54-00-ab-CD-ef", "01-52:54:00:ab:cd:ef", "01:52:54:00:ab:cd:ef", "52:54:00:ab:cd:ef",
                           "52-54-00-AB-cd-ef"}) {
    auto options = parse_boot_options(std::string("BOOTIF=") + text);
    ASSERT_TRUE(options.network.boot_interface) << text;
    EXPECT_EQ(options.network.boot_interface->text(), "52:54:00:ab:cd:ef") << text;
    EXPECT_TRUE(options.warnings.empty());
  }
}

// Six octets that begin with 01 are an address of their own, not an address with a hardware type.
TEST(BootOptions, TheHardwareTypeIsStrippedOnlyFromSevenOctets) {
  auto options = parse_boot_options("BOOTIF=01-54-00-ab-cd-ef");
  ASSERT_TRUE(options.network.boot_interface);
  EXPECT_EQ(options.network.boot_interface->text(), "01:54:00:ab:cd:ef");
}

TEST(BootOptions, ServerSessionTargetsAndShell) {
  auto options = parse_boot_options(
      "kaserver=10.0.1.40:40000 kasession=lab-2 katarget=sda=name:vda katarget=sdb=path:pci-0000:00:05.0 kashell");
  ASSERT_TRUE(options.server);
  EXPECT_EQ(options.server->address, make_address_v4("10.0.1.40"));
  EXPECT_EQ(options.server->control_port, 40000);
  EXPECT_EQ(options.session, "lab-2");
  ASSERT_EQ(options.target_rules.size(), 2u);
  EXPECT_EQ(options.target_rules[0], "sda=name:vda");
  EXPECT_EQ(options.target_rules[1], "sdb=path:pci-0000:00:05.0");
  EXPECT_TRUE(options.shell);
  EXPECT_TRUE(options.warnings.empty());
  EXPECT_TRUE(options.errors.empty());
}

TEST(BootOptions, KeysOfServers) {
  const std::string one = "MeAwP9ZBjS-MDni5HyLoyu0Pvkhlbc9HZ-SDT3Abj2I";
  EXPECT_TRUE(parse_boot_options("kamethod").server_keys.empty());
  const std::string two = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8";
  EXPECT_EQ(parse_boot_options("kakey=" + one + "," + two).server_keys.size(), 2u);
  // Those that all.rdz was made with are as good, and none is tried twice.
  EXPECT_EQ(parse_boot_options("kamethod", one + "\n" + two + "\n").server_keys.size(), 2u);
  EXPECT_EQ(parse_boot_options("kakey=" + one, one + "\n" + two + "\n").server_keys.size(), 2u);
  EXPECT_EQ(parse_boot_options("kamethod", "damaged\n").errors.size(), 1u);
  // Without its meaning the word would leave the machine to any server.
  for (const std::string& wrong : {std::string("kakey="), "kakey=" + one + ",", "kakey=" + one.substr(1)})
    EXPECT_EQ(parse_boot_options(wrong).errors.size(), 1u) << wrong;
}

TEST(BootOptions, ATokenToShow) {
  EXPECT_EQ(parse_boot_options("kamethod").token, "");
  EXPECT_EQ(parse_boot_options("katoken=0f3a").token, "0f3a");
  for (const std::string& wrong :
       {std::string("katoken="), std::string("katoken=a:b"), "katoken=" + std::string(65, 'a')})
    EXPECT_EQ(parse_boot_options(wrong).errors.size(), 1u) << wrong;
}

TEST(BootOptions, WhatAMachineWithoutANameIsCalled) {
  EXPECT_EQ(parse_boot_options("kahostprefix=rack2-node").network.host_prefix, "rack2-node");
  for (const char* wrong : {"kahostprefix=", "kahostprefix=-a", "kahostprefix=a.b", "kahostprefix=a_b"}) {
    const auto options = parse_boot_options(wrong);
    EXPECT_EQ(options.network.host_prefix, "");
    ASSERT_EQ(options.warnings.size(), 1u) << wrong;
    EXPECT_TRUE(options.warnings[0].starts_with(wrong));
  }
}

TEST(BootOptions, ServerWithoutAPortHasTheUsualOne) {
  auto options = parse_boot_options("kaserver=10.0.1.40");
  ASSERT_TRUE(options.server);
  EXPECT_EQ(options.server->control_port, wire::control_port);
}

TEST(BootOptions, WordsOfTheKernelAreNotOurs) {
  auto options = parse_boot_options(
      "BOOT_IMAGE=images/vmlinuz console=tty0 console=ttyS0,115200 quiet kaslr kasan=off kasan.mode=sync panic=5 "
      "dyndbg=\"file ec.c +p\" -- single");
  EXPECT_TRUE(options.warnings.empty());
  EXPECT_TRUE(options.errors.empty());
}

struct BadWord {
  const char* line;
  const char* named;  // what the message must begin with
};

class Unknown : public testing::TestWithParam<BadWord> {};

TEST_P(Unknown, IsNamedAndChangesNothing) {
  auto options = parse_boot_options(GetParam().line);
  ASSERT_EQ(options.warnings.size(), 1u);
  EXPECT_TRUE(options.warnings[0].starts_with(GetParam().named)) << options.warnings[0];
  EXPECT_TRUE(options.errors.empty());
}

INSTANTIATE_TEST_SUITE_P(
    BootOptions, Unknown,
    testing::Values(BadWord{"automatic=method:nfs", "automatic=method:nfs"},
                    BadWord{"automatic=method:ka,colour:blue,network:dhcp", "automatic=colour:blue"},
                    BadWord{"automatic=interface:averyveryverylongname0", "automatic=interface:"},
                    BadWord{"automatic=interface:../../etc", "automatic=interface:../../etc"},
                    BadWord{"kasrever=10.0.0.1", "kasrever=10.0.0.1"}, BadWord{"kashell=1", "kashell=1"},
                    BadWord{"BOOTIF=zz-52-54-00-12-34-56", "BOOTIF="}, BadWord{"BOOTIF=", "BOOTIF="}));

class Broken : public testing::TestWithParam<BadWord> {};

// Going on without the word could clone from the wrong server or onto the wrong disk.
TEST_P(Broken, IsAnErrorThatNamesTheWord) {
  auto options = parse_boot_options(GetParam().line);
  ASSERT_GE(options.errors.size(), 1u);
  EXPECT_TRUE(options.errors[0].starts_with(GetParam().named)) << options.errors[0];
  EXPECT_FALSE(options.network.static_network);
  EXPECT_FALSE(options.server);
  EXPECT_TRUE(options.target_rules.empty());
}

INSTANTIATE_TEST_SUITE_P(
    BootOptions, Broken,
    testing::Values(BadWord{"kaserver=", "kaserver="}, BadWord{"kaserver", "kaserver"},
                    BadWord{"kaserver=host", "kaserver=host"}, BadWord{"kaserver=10.0.1", "kaserver=10.0.1"},
                    BadWord{"kaserver=10.0.1.256", "kaserver="}, BadWord{"kaserver=255.255.255.255", "kaserver="},
                    BadWord{"kaserver=10.0.1.1:0", "kaserver="}, BadWord{"kaserver=10.0.1.1:65536", "kaserver="},
                    BadWord{"kaserver=10.0.1.1:", "kaserver="}, BadWord{"kasession=", "kasession="},
                    BadWord{"kasession=a/b", "kasession=a/b"}, BadWord{"katarget=sda", "katarget=sda"},
                    BadWord{"katarget==name:vda", "katarget="}, BadWord{"katarget=sda=name:", "katarget="},
                    BadWord{"katarget=sda=uuid:1", "katarget="}, BadWord{"katarget=sda=vda", "katarget="},
                    BadWord{"automatic=network:static", "automatic=network:static"},
                    BadWord{"automatic=network:static,ip:10.0.0.2", "automatic=network:static"},
                    BadWord{"automatic=network:static,ip:10.0.0.2,netmask:255.0.255.0", "automatic=netmask:"},
                    BadWord{"automatic=network:static,ip:10.0.0.2,netmask:0", "automatic=netmask:"},
                    BadWord{"automatic=network:static,ip:10.0.0.2,netmask:24,gateway:10.9.0.1", "automatic=gateway:"},
                    BadWord{"automatic=network:static,ip:224.0.0.2,netmask:24", "automatic=ip:"},
                    BadWord{"automatic=network:pppoe", "automatic=network:pppoe"}));

TEST(BootOptions, BytesOfAHostileWordAreShownEscaped) {
  auto options = parse_boot_options("ka\x1b[2Jx=1");
  ASSERT_EQ(options.warnings.size(), 1u);
  EXPECT_EQ(options.warnings[0].find('\x1b'), std::string::npos);
}

TEST(BootOptions, NoLineOfRandomPiecesBreaksTheParser) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string pieces[] = {"automatic=",
                                "ip:",
                                "10.0.0.1",
                                ",",
                                ":",
                                "=",
                                " ",
                                "\"",
                                "BOOTIF=",
                                "01-",
                                "kaserver=",
                                "katarget=",
                                "sda",
                                "name",
                                "kasession=",
                                "255.",
                                "-",
                                "\\",
                                "\xff",
                                "network:static",
                                "netmask:24",
                                "gateway:",
                                "dns:",
                                "99999999999999999999",
                                std::string(1, '\0')};
  for (int round = 0; round < 20000; ++round) {
    std::string line;
    for (unsigned n = random() % 20; n > 0; --n) line += pieces[random() % std::size(pieces)];
    auto options = parse_boot_options(line);
    if (options.network.static_network) {
      EXPECT_GE(options.network.static_network->prefix, 1u);
      EXPECT_LE(options.network.static_network->prefix, 32u);
    }
    EXPECT_FALSE(options.session.empty());
  }
}

}  // namespace
}  // namespace ka::agent
