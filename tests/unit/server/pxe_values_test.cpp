#include "server/pxe/pxe_values.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {
namespace {

PxeRequest request() {
  PxeRequest r;
  r.interface = "eth1";
  r.server = "10.0.1.1";
  r.subnet = "10.0.1.0/24";
  return r;
}

NetworkFacts facts() {
  NetworkFacts f;
  f.interface = "lan0";
  f.address = asio::ip::make_address_v4("192.168.7.200");
  f.prefix = 24;
  f.gateway = asio::ip::make_address_v4("192.168.7.254");
  f.dns = {asio::ip::make_address_v4("9.9.9.9"), asio::ip::make_address_v4("1.1.1.1")};
  f.domain = "example.org";
  return f;
}

/// The error's words; fails the test if there is none.
std::string refusal(const PxeRequest& r, const std::optional<NetworkFacts>& f = std::nullopt) {
  try {
    pxe_values(r, f);
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return {};
}

TEST(PxeValuesTest, GivenValuesAreTakenAsTheyAre) {
  PxeRequest r = request();
  r.range = "10.0.1.30, 10.0.1.40";
  r.gateway = "10.0.1.254";
  r.dns = "10.0.1.2,10.0.1.3";
  r.domain = "guibland.com";
  r.timeout = "12";
  PxeValues v = pxe_values(r, facts());
  EXPECT_EQ(v["SERVER"], "10.0.1.1");
  EXPECT_EQ(v["INTERFACE"], "eth1");
  EXPECT_EQ(v["NETWORK"], "10.0.1.0");
  EXPECT_EQ(v["NETMASK"], "255.255.255.0");
  EXPECT_EQ(v["BROADCAST"], "10.0.1.255");
  EXPECT_EQ(v["FIRST"], "10.0.1.30");
  EXPECT_EQ(v["LAST"], "10.0.1.40");
  EXPECT_EQ(v["GATEWAY"], "10.0.1.254");
  EXPECT_EQ(v["DNS"], "10.0.1.2, 10.0.1.3");
  EXPECT_EQ(v["DNS_LIST"], ",10.0.1.2,10.0.1.3");
  EXPECT_EQ(v["DOMAIN"], "guibland.com");
  EXPECT_EQ(v["TIMEOUT"], "120");
}

TEST(PxeValuesTest, TheMachinesOwnNetworkGivesTheRest) {
  PxeRequest r;
  PxeValues v = pxe_values(r, facts());
  EXPECT_EQ(v["SERVER"], "192.168.7.200");
  EXPECT_EQ(v["INTERFACE"], "lan0");
  EXPECT_EQ(v["NETWORK"], "192.168.7.0");
  EXPECT_EQ(v["GATEWAY"], "192.168.7.254");
  EXPECT_EQ(v["DNS"], "9.9.9.9, 1.1.1.1");
  EXPECT_EQ(v["DOMAIN"], "example.org");
  // The half of the subnet that the server is not in.
  EXPECT_EQ(v["FIRST"], "192.168.7.1");
  EXPECT_EQ(v["LAST"], "192.168.7.127");
}

TEST(PxeValuesTest, NoneDoesWithoutWhatThisMachineHas) {
  PxeRequest r;
  r.gateway = r.dns = r.domain = r.host_prefix = "none";
  PxeValues v = pxe_values(r, facts());
  EXPECT_EQ(v["GATEWAY"], "");
  EXPECT_EQ(v["ROUTER_LIST"], "");
  EXPECT_EQ(v["DNS"], "");
  EXPECT_EQ(v["DOMAIN"], "");
  EXPECT_EQ(v["HOST_PREFIX"], "");
  EXPECT_EQ(v["NAMES"], "");
}

TEST(PxeValuesTest, KeysAreThoseThatNodesCanRead) {
  PxeRequest r = request();
  EXPECT_EQ(pxe_values(r, facts())["KAKEY"], "");
  r.kakey = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8";
  EXPECT_EQ(pxe_values(r, facts())["KAKEY"], " kakey=" + r.kakey);
  r.kakey += ",short";
  EXPECT_NE(refusal(r).find("short"), std::string::npos);
}

TEST(PxeValuesTest, AGatewayOfAnotherNetworkIsNotHandedOut) {
  EXPECT_EQ(pxe_values(request(), facts())["GATEWAY"], "");
  PxeRequest r = request();
  r.gateway = "192.168.7.254";
  EXPECT_NE(refusal(r).find("gateway: expected an address inside 10.0.1.0/24"), std::string::npos);
}

TEST(PxeValuesTest, ADefaultRangeNeverHoldsTheServerOrLeavesTheSubnet) {
  for (const char* net : {"10.0.0.0/8", "10.0.1.0/24", "10.0.1.64/26", "10.0.1.4/30"}) {
    PxeRequest r = request();
    r.subnet = net;
    auto network = asio::ip::make_network_v4(net);
    for (std::uint32_t last : {network.network().to_uint() + 1, network.broadcast().to_uint() - 1}) {
      r.server = Address(last).to_string();
      PxeValues v = pxe_values(r, std::nullopt);
      auto first_address = asio::ip::make_address_v4(v["FIRST"]), last_address = asio::ip::make_address_v4(v["LAST"]);
      EXPECT_LE(first_address, last_address) << net;
      EXPECT_GT(first_address, network.network()) << net;
      EXPECT_LT(last_address, network.broadcast()) << net;
      EXPECT_FALSE(Address(last) >= first_address && Address(last) <= last_address) << net << " server " << r.server;
    }
  }
}

TEST(PxeValuesTest, WhatCannotWorkIsRefusedByName) {
  struct Case {
    std::string PxeRequest::*value;
    const char* text;
    const char* name;
  };
  const Case cases[] = {
      {&PxeRequest::server, "10.0.1", "server"},
      {&PxeRequest::server, "10.0.2.1", "server"},
      {&PxeRequest::server, "10.0.1.0", "server"},
      {&PxeRequest::server, "10.0.1.255", "server"},
      {&PxeRequest::server, "", "server"},
      {&PxeRequest::subnet, "10.0.1.0", "subnet"},
      {&PxeRequest::subnet, "10.0.1.0/31", "subnet"},
      {&PxeRequest::subnet, "10.0.1.0/024x", "subnet"},
      {&PxeRequest::range, "10.0.1.30", "range"},
      {&PxeRequest::range, "10.0.1.40,10.0.1.30", "range"},
      {&PxeRequest::range, "10.0.1.30,10.0.2.40", "range"},
      {&PxeRequest::range, "10.0.1.0,10.0.1.40", "range"},
      {&PxeRequest::range, "10.0.1.1,10.0.1.40", "range"},
      {&PxeRequest::gateway, "router", "gateway"},
      {&PxeRequest::gateway, "10.0.1.200", "range"},
      {&PxeRequest::dns, "10.0.1.2 10.0.1.3", "dns"},
      {&PxeRequest::domain, "a\";\n", "domain"},
      {&PxeRequest::host_prefix, "node_\"", "host-prefix"},
      {&PxeRequest::interface, "eth0; reboot", "interface"},
      {&PxeRequest::interface, "sixteen-letters-", "interface"},
      {&PxeRequest::interface, "", "interface"},
      {&PxeRequest::tftp_root, "tftpboot", "tftp-root"},
      {&PxeRequest::tftp_root, "/srv/tftp boot", "tftp-root"},
      {&PxeRequest::efi_loader, "/x/../y", "efi-loader"},
      {&PxeRequest::efi_loader, "", "efi-loader"},
      {&PxeRequest::http, "https://10.0.1.1", "http"},
      {&PxeRequest::http, "http://", "http"},
      {&PxeRequest::http, "http://10.0.1.1//tftp", "http"},
      {&PxeRequest::http, "65536", "http"},
      {&PxeRequest::default_label, "", "default"},
      {&PxeRequest::default_label, "a b", "default"},
      {&PxeRequest::timeout, "-1", "timeout"},
      {&PxeRequest::timeout, "3600", "timeout"},
      {&PxeRequest::serial, "115200", "serial"},
      {&PxeRequest::serial, "0 9", "serial"},
      {&PxeRequest::append, "a\nb", "append"},
      {&PxeRequest::append, "a=\"b\"", "append"},
  };
  for (const Case& c : cases) {
    PxeRequest r = request();
    r.*c.value = c.text;
    std::string words = refusal(r);
    EXPECT_TRUE(words.starts_with(std::string(c.name) + ": ")) << escape_bytes(c.text) << " → " << words;
  }
}

TEST(PxeValuesTest, ASerialLineIsAConsoleOfTheKernelToo) {
  PxeRequest r = request();
  EXPECT_EQ(pxe_values(r, std::nullopt)["CONSOLES"], "");
  r.serial = "1 9600";
  PxeValues v = pxe_values(r, std::nullopt);
  EXPECT_EQ(v["SERIAL"], "1 9600");
  EXPECT_EQ(v["CONSOLES"], " console=tty0 console=ttyS1,9600");
}

TEST(FillTemplateTest, ReplacesAndLeavesOut) {
  PxeValues v{{"A", "one"}, {"B", ""}};
  EXPECT_EQ(fill_template("x @A@ y @A@\nb @B@ @A@\nc@B?@d\nlast", v, "t"), "x one y one\ncd\nlast\n");
}

TEST(FillTemplateTest, AnUnknownPlaceholderIsNamedWithItsPlace) {
  PxeValues v{{"A", "one"}};
  for (const char* text : {"fine\n@X@\n", "fine\nhalf @A\n"}) {
    try {
      fill_template(text, v, "t");
      ADD_FAILURE() << "accepted: " << text;
    } catch (const Error& error) {
      EXPECT_TRUE(std::string_view(error.what()).starts_with("t:2: ")) << error.what();
    }
  }
}

TEST(DefaultLabelTest, OnlyTheDefaultChanges) {
  EXPECT_EQ(with_default_label("PROMPT 1\ndefault local\nlabel local\n  LOCALBOOT 0\nLABEL ka\n", "ka"),
            "PROMPT 1\nDEFAULT ka\nlabel local\n  LOCALBOOT 0\nLABEL ka\n");
}

TEST(DefaultLabelTest, AMissingLabelIsRefusedWithTheOnesThereAre) {
  try {
    with_default_label("DEFAULT local\nlabel local\nlabel ka\n", "kamethd");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("there are: local ka"), std::string::npos) << error.what();
  }
  EXPECT_THROW(with_default_label("label local\n", "local"), Error);
}

// To pxelinux, a time-out of 0 means to wait for ever.
TEST(PxeValuesTest, ATimeoutOfZeroAsksNobody) {
  PxeRequest r = request();
  r.timeout = "0";
  PxeValues v = pxe_values(r, std::nullopt);
  EXPECT_EQ(v["PROMPT"], "0");
  EXPECT_NE(v["TIMEOUT"], "0");
  EXPECT_EQ(pxe_values(request(), std::nullopt)["PROMPT"], "1");
}

TEST(PxeValuesTest, TheReadmesCommandNamesTheFolder) {
  PxeRequest r = request();
  EXPECT_EQ(pxe_values(r, std::nullopt)["ROOT_OPTION"], "");
  r.tftp_root = "/srv/tftp";
  EXPECT_EQ(pxe_values(r, std::nullopt)["ROOT_OPTION"], " --tftp-root /srv/tftp");
}

TEST(PxeValuesTest, HttpAsEachLoaderNamesIt) {
  PxeRequest r = request();
  EXPECT_EQ(pxe_values(r, std::nullopt)["IMAGES"], "images");
  EXPECT_EQ(pxe_values(r, std::nullopt)["GRUB_HTTP"], "");
  r.http = "8080";
  EXPECT_EQ(pxe_values(r, std::nullopt)["IMAGES"], "http://10.0.1.1:8080/X86PC/linux/images");
  EXPECT_EQ(pxe_values(r, std::nullopt)["GRUB_HTTP"], "(http,10.0.1.1:8080)");
  r.http = "http://boot.example.org/ka/";  // a doubled slash is not found by every server
  EXPECT_EQ(pxe_values(r, std::nullopt)["IMAGES"], "http://boot.example.org/ka/X86PC/linux/images");
  EXPECT_EQ(pxe_values(r, std::nullopt)["GRUB_HTTP"], "(http,boot.example.org)/ka");
}

// What $ and ; mean to GRUB they do not mean there.
TEST(PxeValuesTest, GrubGetsTheMoreWordsInQuotes) {
  PxeRequest r = request();
  r.append = "kaserver=10.0.1.1 a=$b;c";
  EXPECT_EQ(pxe_values(r, std::nullopt)["GRUB_APPEND"], " 'kaserver=10.0.1.1' 'a=$b;c'");
}

TEST(DefaultEntryTest, OnlyGrubsDefaultChanges) {
  const std::string config =
      "#   set default=ka\nset default=local\nif [ $x ]; then\n  set default_x=1\nfi\n"
      "menuentry 'to the disk' --id local {\n}\nmenuentry 'clone' --id ka {\n}\n";
  std::string changed = config;
  changed.replace(changed.find("\nset default=local"), 18, "\nset default=ka");
  EXPECT_EQ(with_default_entry(config, "ka"), changed);
  EXPECT_THROW(with_default_entry(config, "kb"), Error);
  EXPECT_THROW(with_default_entry("menuentry 'clone' --id ka {\n}\n", "ka"), Error);
}

}  // namespace
}  // namespace ka::server
