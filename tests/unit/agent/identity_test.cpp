#include "agent/identity/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/identity/host_name.h"
#include "agent/machine/linux_machine.h"
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

TEST(HostsTest, LocalhostsNamesAreNobodysToRename) {
  const std::string fedora =
      "127.0.0.1   localhost localhost.localdomain localhost4 localhost4.localdomain4\n"
      "::1         localhost localhost.localdomain localhost6 localhost6.localdomain6\n";
  for (const char* golden : {"localhost.localdomain", "localhost", "localhost4", "ip6-loopback", "(none)", ""})
    EXPECT_EQ(rewrite_hosts(fedora, golden, "node7"), fedora + "127.0.1.1\tnode7\n") << golden;
  const std::string suse = "127.0.0.1 localhost\n::1 localhost ipv6-localhost ipv6-loopback\nfe00::0 ipv6-localnet\n";
  EXPECT_EQ(rewrite_hosts(suse, "localhost", "node7.a.b"), suse + "127.0.1.1\tnode7.a.b node7\n");
  EXPECT_EQ(rewrite_hosts("::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 ip6\n", "ip6", "node7"),
            "::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 node7\n");
}

TEST(HostsTest, SeveralFormsOfTheGoldenNameBecomeOneEach) {
  EXPECT_EQ(rewrite_hosts("127.0.1.1 golden.a.b golden.lan golden db\n", "golden.a.b", "node7.new.net"),
            "127.0.1.1 node7.new.net node7 db\n");
  EXPECT_EQ(rewrite_hosts("127.0.1.1 Golden.a.b GOLDEN\n", "golden.a.b", "node7"), "127.0.1.1 node7.a.b node7\n");
  EXPECT_EQ(rewrite_hosts("127.0.1.1 goldenrod my-golden golden\n", "golden", "node7"),
            "127.0.1.1 goldenrod my-golden node7\n");
}

TEST_F(IdentityTest, ALocalhostGetsItsNameInEveryFile) {
  root_.file("/etc/hostname", "localhost.localdomain\n");
  root_.file("/etc/hosts", "127.0.0.1 localhost localhost.localdomain\n");
  root_.file("/etc/sysconfig/network", "HOSTNAME=\"localhost.localdomain\"\n");
  renew_identity(tree_, log_, "localhost.localdomain", "node7");
  EXPECT_EQ(root_.content("/etc/hostname"), "node7\n");
  EXPECT_EQ(root_.content("/etc/hosts"), "127.0.0.1 localhost localhost.localdomain\n127.0.1.1\tnode7\n");
  EXPECT_EQ(root_.content("/etc/sysconfig/network"), "HOSTNAME=\"node7\"\n");
}

TEST_F(IdentityTest, ADhcpServerThatSaysLocalhostGaveNoName) {
  root_.file("/etc/hostname", "golden\n");
  renew("localhost.localdomain");
  EXPECT_EQ(root_.content("/etc/hostname"), "golden\n");
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: DHCP gave the host name localhost.localdomain")));
}

TEST_F(IdentityTest, AGoldenDomainIsKeptWhereTheFileHasIt) {
  root_.file("/etc/hostname", "# ours\ngolden.example.org\n");
  root_.file("/etc/mailname", "golden.example.org\n");
  renew("node7");
  EXPECT_EQ(root_.content("/etc/hostname"), "node7.example.org\n");
  EXPECT_EQ(root_.content("/etc/mailname"), "node7.example.org\n");
}

TEST_F(IdentityTest, ANameThatTheKernelDoesNotTakeIsCutToItsFirstPart) {
  root_.file("/etc/hostname", "golden.example.org\n");
  renew("node7." + std::string(60, 'x') + ".org");
  EXPECT_EQ(root_.content("/etc/hostname"), "node7\n");
}

TEST_F(IdentityTest, SystemdBootsSeedOnTheEspIsAnotherOneOfTheSameSize) {
  for (const char* folder : {"/boot/loader", "/efi/loader", "/boot/efi/loader"}) {
    const std::string file = std::string(folder) + "/random-seed", old(32, 'g');
    root_.file(file, old);
    renew("node7");
    EXPECT_EQ(root_.content(file).size(), old.size());
    EXPECT_NE(root_.content(file), old);
  }
}

TEST_F(IdentityTest, EntriesOnTheEspKeepTheirNamesToo) {
  const std::string id = "0123456789abcdef0123456789abcdef";
  root_.file("/etc/machine-id", id + "\n");
  root_.file("/boot/efi/EFI/Linux/" + id + "-6.1.efi", "");
  renew("node7");
  EXPECT_EQ(root_.content("/etc/kernel/entry-token"), id + "\n");
}

TEST_F(IdentityTest, CloudInitGetsTheNameToo) {
  root_.file("/etc/hostname", "golden\n");
  root_.file("/etc/cloud/cloud.cfg.d/99-installer.cfg", "preserve_hostname: true\nhostname: golden\n");
  renew("node7");
  EXPECT_EQ(root_.content("/etc/cloud/cloud.cfg.d/99-installer.cfg"), "preserve_hostname: true\nhostname: node7\n");
}

TEST_F(IdentityTest, FilesOfProgramsThatHaveTheGoldenNameAreNamedWithTheirLine) {
  const std::string text = "# golden\nmyhostname = golden.example.org\nmydestination = $myhostname\n";
  root_.file("/etc/postfix/main.cf", text);
  renew("node7");
  EXPECT_EQ(root_.content("/etc/postfix/main.cf"), text);
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: /etc/postfix/main.cf, line 2")));
}

TEST_F(IdentityTest, BootEntriesNamedByTheMachineIdKeepTheirNames) {
  const std::string id = "0123456789abcdef0123456789abcdef";
  root_.file("/etc/machine-id", id + "\n");
  root_.file("/boot/loader/entries/" + id + "-5.14.0.conf", "title x\n");
  renew("node7");
  EXPECT_EQ(root_.content("/etc/machine-id"), "");
  EXPECT_EQ(root_.content("/etc/kernel/entry-token"), id + "\n");
  EXPECT_TRUE(root_.has("/boot/loader/entries/" + id + "-5.14.0.conf"));
}

TEST_F(IdentityTest, NoTwoInitiatorsOfOneName) {
  const std::string nqn = "nqn.2014-08.org.nvmexpress:uuid:11111111-2222-3333-4444-555555555555\n";
  root_.file("/etc/iscsi/initiatorname.iscsi", "## x\nInitiatorName=iqn.1993-08.org.debian:01:3a5b0f1c2d\n", 0600);
  root_.file("/etc/nvme/hostnqn", nqn);
  root_.file("/etc/hostid", "abcd");
  renew("node7");
  EXPECT_THAT(root_.content("/etc/iscsi/initiatorname.iscsi"),
              testing::MatchesRegex("## x\nInitiatorName=iqn.1993-08.org.debian:01:[0-9a-f]+\n"));
  EXPECT_THAT(root_.content("/etc/iscsi/initiatorname.iscsi"), Not(HasSubstr("3a5b0f1c2d")));
  EXPECT_EQ(root_.status("/etc/iscsi/initiatorname.iscsi").st_mode & 07777, 0600u);
  EXPECT_NE(root_.content("/etc/nvme/hostnqn"), nqn);
  EXPECT_EQ(root_.content("/etc/nvme/hostnqn").size(), nqn.size());
  EXPECT_NE(root_.content("/etc/hostid"), "abcd");
  EXPECT_EQ(root_.content("/etc/hostid").size(), 4u);
}

TEST_F(IdentityTest, AnInitiatorThatIsMadeAtTheFirstStartIsLeftSo) {
  root_.file("/etc/iscsi/initiatorname.iscsi", "GenerateName=yes\n");
  renew("node7");
  EXPECT_EQ(root_.content("/etc/iscsi/initiatorname.iscsi"), "GenerateName=yes\n");
}

TEST_F(IdentityTest, WhatOnlyAPersonCanRenewIsNamed) {
  for (const char* file : {"/etc/krb5.keytab", "/etc/pki/consumer/cert.pem", "/var/lib/cloud/instance/x",
                           "/etc/dropbear/dropbear_ed25519_host_key"})
    root_.file(file, "x");
  renew("node7");
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: /etc/krb5.keytab")));
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: /etc/pki/consumer/cert.pem")));
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: /var/lib/cloud/instance ")));
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: /etc/dropbear/dropbear_ed25519_host_key")));
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
                              "/var/lib/wicked/duid.xml",
                              "/var/lib/wicked/iaid.xml",
                              "/var/lib/wicked/lease-eth0-dhcp-ipv4.xml",
                              "/var/db/dhcpcd/eth0.lease",
                              "/var/lib/dhcpv6/dhcp6c_duid",
                              "/var/lib/systemd/network/lease",
                              "/etc/dhcpcd.duid",
                              "/var/lib/mysql/auto.cnf",
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
