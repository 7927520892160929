#include "agent/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/linux_machine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Lines final : public Log {
 public:
  void line(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

class IdentityTest : public testing::Test {
 protected:
  void renew(const std::string& name) { renew_identity(tree_, log_, "golden.example.org", name); }

  asio::io_context io_;
  LinuxMachine machine_{io_};
  Scratch root_;
  CloneTree tree_{machine_, root_.root()};
  Lines log_;
};

TEST(HostsTest, OnlyLinesOfTheMachineItselfAreRenamed) {
  EXPECT_EQ(rewrite_hosts("127.0.0.1 localhost golden\n"
                          "127.0.1.1\tgolden.example.org golden # golden itself\n"
                          "10.0.1.40 golden.example.org golden\n"
                          "::1 localhost ip6-localhost goldenrod\n",
                          "golden", "node7"),
            "127.0.0.1 localhost node7\n"
            "127.0.1.1\tnode7.example.org node7 # golden itself\n"
            "10.0.1.40 golden.example.org golden\n"
            "::1 localhost ip6-localhost goldenrod\n");
}

TEST(HostsTest, AQualifiedNewNameReplacesTheWholeOldOne) {
  EXPECT_EQ(rewrite_hosts("127.0.1.1 golden.old.net golden\n", "golden.old.net", "node7.new.net"),
            "127.0.1.1 node7.new.net node7\n");
}

TEST(HostsTest, ACloneThatNoLineNamesGetsOne) {
  EXPECT_EQ(rewrite_hosts("127.0.0.1 localhost", "golden", "node7"), "127.0.0.1 localhost\n127.0.1.1\tnode7\n");
  EXPECT_EQ(rewrite_hosts("", "golden", "node7.new.net"), "127.0.1.1\tnode7.new.net node7\n");
}

TEST_F(IdentityTest, TheNameIsWrittenAsTheGoldenNodeWritesItsOwn) {
  root_.file("/etc/hostname", "golden\n");
  root_.file("/etc/sysconfig/network", "NETWORKING=yes\nHOSTNAME=golden.example.org\n");
  renew("node7.example.org");
  EXPECT_EQ(root_.content("/etc/hostname"), "node7\n");
  EXPECT_EQ(root_.content("/etc/sysconfig/network"), "NETWORKING=yes\nHOSTNAME=node7\n");
  root_.file("/etc/hostname", "golden.example.org\n");
  renew("node7.example.org");
  EXPECT_EQ(root_.content("/etc/hostname"), "node7.example.org\n");
}

TEST_F(IdentityTest, WithoutANameFromDhcpTheGoldenOneIsKeptWithAWarning) {
  root_.file("/etc/hostname", "golden\n");
  renew("");
  EXPECT_EQ(root_.content("/etc/hostname"), "golden\n");
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: DHCP gave no host name")));
}

TEST_F(IdentityTest, TheMachineIdIsEmptyAndNotMissing) {
  root_.file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0444);
  root_.link("/var/lib/dbus/machine-id", "/etc/machine-id");
  renew("node7");
  EXPECT_EQ(root_.content("/etc/machine-id"), "");
  EXPECT_EQ(root_.status("/etc/machine-id").st_mode & 07777, 0444u);
  EXPECT_TRUE(root_.has("/var/lib/dbus/machine-id"));
}

TEST_F(IdentityTest, AMachineIdOfDbusItsOwnIsRemoved) {
  root_.file("/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n");
  renew("node7");
  EXPECT_FALSE(root_.has("/var/lib/dbus/machine-id"));
  EXPECT_FALSE(root_.has("/etc/machine-id"));  // a system without systemd does not get one
}

TEST_F(IdentityTest, LeasesSeedsAndNetworkRulesGoAndTheirNeighboursStay) {
  const char* const gone[] = {"/var/lib/dhcp/dhclient.eth0.leases",
                              "/var/lib/dhcp/dhclient.leases",
                              "/var/lib/dhclient/dhclient-eth0.leases",
                              "/var/lib/dhcpcd/eth0.lease",
                              "/var/lib/dhcpcd/duid",
                              "/var/lib/NetworkManager/internal-1-eth0.lease",
                              "/var/lib/NetworkManager/secret_key",
                              "/etc/udev/rules.d/70-persistent-net.rules",
                              "/etc/udev/rules.d/61-net_config.rules",
                              "/var/lib/systemd/random-seed",
                              "/var/lib/urandom/random-seed"};
  const char* const kept[] = {"/var/lib/dhcp/dhcpd.leases", "/var/lib/NetworkManager/NetworkManager.state",
                              "/etc/udev/rules.d/60-my-disks.rules", "/var/lib/systemd/timers/x"};
  for (const char* path : gone) root_.file(path, "x");
  for (const char* path : kept) root_.file(path, "x");
  renew("node7");
  for (const char* path : gone) {
    EXPECT_FALSE(root_.has(path)) << path;
    EXPECT_THAT(log_.lines, Contains(HasSubstr(path)));
  }
  for (const char* path : kept) EXPECT_TRUE(root_.has(path)) << path;
}

}  // namespace
}  // namespace ka::agent
