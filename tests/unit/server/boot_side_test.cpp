// --pxe --dhcp with the real dnsmasq, asked by packets, in a network namespace of this test's own: lan0 and far0 are
// the ends of a cable.

#include "server/boot/boot_side.h"

#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>

#include <cstdlib>
#include <thread>

#include "base/text.h"
#include "server/boot/boot_needs.h"
#include "server/probe/dhcp_offers.h"
#include "tests/unit/efi_fixture.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* cable =
    "PATH=$PATH:/usr/sbin; ip link add lan0 type veth peer name far0 && ip addr add 10.88.0.1/24 dev lan0 && "
    "ip addr add 10.88.0.2/24 dev far0 && ip link set lan0 up && ip link set far0 up && ip link set lo up";

class BootSideTest : public CoroutineTest {
 protected:
  // A namespace belongs to a thread.
  void in_own_network(const std::function<void()>& body) {
    std::thread thread([&] {
      ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "this test needs root";
      ASSERT_EQ(std::system(cable), 0);
      body();
    });
    thread.join();
  }

  BootOptions options(const std::string& interface) {
    scratch_.file("/images/vmlinuz", "kernel");
    scratch_.file("/images/all.rdz", "initramfs");
    scratch_.file("/values", "efi-loader = none\ndns = none\n");
    BootOptions options;
    options.interface = interface;
    options.values_file = scratch_.at("/values");
    options.http_port = 30780;
    options.control_port = 30765;
    options.data_port = 30764;
    options.dhcp = "10.88.0.50,10.88.0.60";
    options.nodes = 3;
    options.templates = KA_SOURCE "/pxe-config";
    options.images = scratch_.at("/images");
    return options;
  }

  // Of a signed image with this command line.
  BootOptions uki_options(const std::string& words) {
    using boot::efi_fixture::certificate, boot::efi_fixture::program, boot::efi_fixture::signature;
    BootOptions with = options("lan0");
    scratch_.file("/values", "dns = none\n");
    scratch_.file("/ka.efi", program({{".cmdline", words}, {".initrd", "initramfs"}, {".linux", "kernel"}},
                                     signature({certificate("us", "us")})));
    with.uki = scratch_.at("/ka.efi");
    return with;
  }

  std::unique_ptr<BootSide> started() { return started(options("lan0")); }
  std::unique_ptr<BootSide> started(const BootOptions& options) {
    auto boot = std::make_unique<BootSide>(io_, options);
    get(boot->start([this](const std::string& line) { said_.push_back(line); }));
    boot->listens();
    return boot;
  }

  void run_until_said(const std::string& words) {
    const auto is_it = [&](const std::string& line) { return line.find(words) != std::string::npos; };
    while (std::none_of(said_.begin(), said_.end(), is_it)) io_.run_one();
  }

  // As the firmware of a machine with this address asks, and its system.
  dhcp::Answer offered(const std::string& vendor_class, std::uint16_t architecture = 0) {
    dhcp::Question question;
    question.mac = {{0x52, 0x54, 0, 0x77, 0, 1}};
    question.vendor_class = vendor_class;
    if (vendor_class.find("Client:Arch") != std::string::npos) question.architecture = architecture;
    const std::vector<DhcpOffer> offers = get(dhcp_offers(io_, ethernet_link("far0"), {question}, 1));
    return offers.empty() ? dhcp::Answer() : offers.front().answer;
  }

  Scratch scratch_;
  std::vector<std::string> said_;
};

constexpr const char* bios = "PXEClient:Arch:00000:UNDI:002001";
constexpr const char* uefi = "PXEClient:Arch:00007:UNDI:003000";

// Of this test's own dnsmasq alone.
pid_t own_dnsmasq() {
  for (const std::string& name : list_directory("/proc")) {
    const std::string line = read_file_if_any("/proc/" + name + "/cmdline").value_or("");
    if (line.starts_with("dnsmasq") && line.find("ka-boot." + std::to_string(::getpid()) + ".") != std::string::npos)
      return static_cast<pid_t>(std::stol(name));
  }
  ADD_FAILURE() << "no dnsmasq runs";
  return 0;
}

TEST_F(BootSideTest, GivesAddressesAndBootFilesAndAClonesAddressAlone) {
  in_own_network([&] {
    const auto boot = started();
    EXPECT_THAT(said_, testing::Contains("Whoever asks on lan0 gets an address of 10.88.0.50,10.88.0.60"));
    const dhcp::Answer first = offered(bios);
    EXPECT_GE(first.address, asio::ip::make_address_v4("10.88.0.50"));
    EXPECT_LE(first.address, asio::ip::make_address_v4("10.88.0.60"));
    EXPECT_EQ(first.boot_file, "/X86PC/linux/linux.0");
    EXPECT_EQ(first.server, asio::ip::make_address_v4("10.88.0.1"));
    EXPECT_TRUE(first.routers.empty()) << "this machine has no router, so nodes are told none";

    NodeStatus node;
    node.hardware_address = "52:54:00:77:00:01";
    node.state = NodeStatus::State::done;
    boot->node(node);
    // dnsmasq reads the file when the kernel tells it of it.
    while (!offered(bios).boot_file.empty()) continue;
    EXPECT_EQ(offered(bios).address, first.address);
    EXPECT_EQ(offered("debian").address, first.address) << "its own system is not left without an address";
  });
}

TEST_F(BootSideTest, OfThoseThatAreMeantAlone) {
  in_own_network([&] {
    BootOptions with = options("lan0");
    with.only = wire::Racks::parse("r 52:54:00:77:00:02\n", "only");
    {
      const auto boot = started(with);
      EXPECT_EQ(offered(bios).address, asio::ip::address_v4()) << "it is not in the file";
    }
    with.only = wire::Racks::parse("r 52:54:00:77:00:01\n", "only");
    const auto boot = started(with);
    const dhcp::Answer first = offered(bios);
    EXPECT_EQ(first.boot_file, "/X86PC/linux/linux.0");
    EXPECT_THAT(said_, testing::Contains(HasSubstr("--only goes by hardware addresses alone")));
    NodeStatus node;
    node.hardware_address = "52:54:00:77:00:01";
    node.state = NodeStatus::State::done;
    boot->node(node);
    while (!offered(bios).boot_file.empty()) continue;
    EXPECT_EQ(offered("debian").address, first.address) << "the clone's own system is left without an address";
  });
}

TEST_F(BootSideTest, ASignedImageIsForUefiAloneAndNotForWhoIsStopped) {
  in_own_network([&] {
    const auto boot = started(uki_options("method:ka kahostprefix=node"));
    EXPECT_EQ(offered(uefi, 7).boot_file, "/ka.efi");
    EXPECT_EQ(offered("HTTPClient:Arch:00016:UNDI:003000", 16).boot_file, "http://10.88.0.1:30780/ka.efi");
    EXPECT_EQ(offered(bios).boot_file, "/X86PC/linux/linux.0");
    NodeStatus node;
    node.hardware_address = "52:54:00:77:00:01";
    node.state = NodeStatus::State::failed;
    node.failures = 1;
    boot->node(node);
    EXPECT_THAT(said_, testing::Contains(HasSubstr("gets no boot file any more")));
    // dnsmasq reads the file when the kernel tells it of it.
    while (!offered(uefi, 7).boot_file.empty()) continue;
    EXPECT_EQ(offered(bios).boot_file, "/X86PC/linux/linux.0") << "which shows a screen";
    node.state = NodeStatus::State::waiting;
    boot->node(node);
    while (offered(uefi, 7).boot_file.empty()) continue;
    EXPECT_EQ(offered(uefi, 7).boot_file, "/ka.efi");
  });
}

TEST_F(BootSideTest, WhatCannotReachASignedImageIsRefused) {
  in_own_network([&] {
    const auto refused = [&](const BootOptions& options) {
      try {
        const BootSide boot(io_, options);
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string("accepted");
    };
    BootOptions with = uki_options("method:ka kahostprefix=node");
    EXPECT_EQ(refused(with), "accepted");
    with.golden = asio::ip::make_address_v4("10.99.0.1");
    EXPECT_THAT(refused(with), HasSubstr("make uki APPEND='kaserver=10.99.0.1:30765'"));
    with.golden.reset();
    scratch_.file("/values", "dns = none\nserial = 0 115200\nappend = katarget=sda=wwn:1\n");
    EXPECT_THAT(refused(with), HasSubstr("has not console=tty0 console=ttyS0,115200 katarget=sda=wwn:1, which"));
    scratch_.file("/values", "efi-loader = none\n");
    EXPECT_THAT(refused(with), HasSubstr("uki: is what UEFI machines get, and efi-loader says none"));
    scratch_.file("/values", "dns = none\n");
    scratch_.file("/images/vmlinuz", "newer kernel");
    EXPECT_THAT(refused(with), HasSubstr("was made of another file than " + scratch_.at("/images/vmlinuz")));
  });
}

TEST_F(BootSideTest, WhileNoJobIsThereItGivesAddressesAlone) {
  in_own_network([&] {
    const auto boot = started();
    const dhcp::Answer first = offered(bios);
    EXPECT_EQ(first.boot_file, "/X86PC/linux/linux.0");
    boot->serve(false);
    while (!offered(bios).boot_file.empty()) continue;
    EXPECT_EQ(offered("debian").address, first.address) << "the leases are kept";
    boot->serve(true);
    while (offered(bios).boot_file.empty()) continue;
    EXPECT_THAT(said_, testing::Not(testing::Contains(HasSubstr("dnsmasq ended")))) << "nothing went wrong";
  });
}

TEST_F(BootSideTest, ADnsmasqThatEndsIsStartedAgainAndItIsSaid) {
  in_own_network([&] {
    const auto boot = started();
    const dhcp::Answer before = offered(bios);
    ASSERT_EQ(::kill(own_dnsmasq(), SIGKILL), 0);
    run_until_said("dnsmasq ended with status 137");
    run_until_said("dnsmasq answers again");
    EXPECT_EQ(offered(bios).boot_file, before.boot_file);
    for (int left = 4; left > 0; --left) {
      said_.clear();
      ASSERT_EQ(::kill(own_dnsmasq(), SIGKILL), 0);
      run_until_said("dnsmasq answers again");
    }
    ASSERT_EQ(::kill(own_dnsmasq(), SIGKILL), 0);
    run_until_said("machines that are switched on now get no answer to PXE");
  });
}

TEST_F(BootSideTest, ASecondDhcpServerIsRefusedByTheAddressOfTheFirst) {
  in_own_network([&] {
    BootSide alone(io_, options("far0"));
    EXPECT_THAT(get(alone.check()), ElementsAre()) << "nobody answers yet";
    const auto boot = started();
    BootOptions second = options("far0");
    second.http_port = 30781;
    BootSide other(io_, second);
    EXPECT_THAT(error_of(other.check()),
                HasSubstr("--dhcp: the DHCP server 10.88.0.1 answers on far0 already (it offers 10.88.0."));
    EXPECT_THAT(error_of(other.check()), HasSubstr("leave out --dhcp"));
  });
}

TEST_F(BootSideTest, APortThatAnotherProgramHasIsRefusedByItsName) {
  in_own_network([&] {
    asio::ip::udp::socket tftp(io_, asio::ip::udp::endpoint(asio::ip::udp::v4(), 69));
    BootSide boot(io_, options("lan0"));
    EXPECT_THAT(error_of(boot.check()), HasSubstr("UDP port 69 (TFTP) on lan0 is taken by ka_unit_tests (process " +
                                                  std::to_string(::getpid())));
  });
}

TEST_F(BootSideTest, ARangeThatCannotBeIsRefusedBeforeAnythingIsMade) {
  in_own_network([&] {
    const auto refused = [&](const std::string& range) {
      BootOptions wrong = options("lan0");
      wrong.dhcp = range;
      try {
        const BootSide boot(io_, wrong);
      } catch (const UsageError& error) {
        return std::string(error.what());
      }
      return std::string();
    };
    EXPECT_THAT(refused("10.88.0.50"), HasSubstr("--dhcp: expected FIRST,LAST"));
    EXPECT_THAT(refused("10.88.0.60,10.88.0.50"), HasSubstr("--dhcp: expected the lower address first"));
    EXPECT_THAT(refused("10.89.0.50,10.89.0.60"), HasSubstr("--dhcp: expected addresses inside 10.88.0.0/24"));
    EXPECT_THAT(refused("10.88.0.1,10.88.0.60"), HasSubstr("the server's own address 10.88.0.1"));
    EXPECT_THAT(refused("10.88.0.2,10.88.0.60"), HasSubstr("this machine's own address 10.88.0.2"));
    EXPECT_THAT(refused("10.88.0.50,10.88.0.51"), HasSubstr("has 2 addresses, for 3 nodes"));
    EXPECT_EQ(refused("10.88.0.50,10.88.0.52"), "");
  });
}

TEST(BootNeedsTest, CapabilitiesThatAContainerLacksAreNamedWithWhatNeedsThem) {
  EXPECT_TRUE(missing_capabilities("Name:\tka-server\nCapEff:\t000001ffffffffff\n").empty());
  // What a container of Docker's has.
  EXPECT_THAT(missing_capabilities("CapPrm:\t0\nCapEff:\t00000000a80425fb\n"),
              ElementsAre(HasSubstr("CAP_NET_ADMIN (dnsmasq, "), HasSubstr("CAP_SYS_ADMIN (unshare, ")));
}

}  // namespace
}  // namespace ka::server
