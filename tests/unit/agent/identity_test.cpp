#include "agent/identity/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "agent/identity/host_name.h"
#include "agent/machine/linux_machine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

class Lines final : public Log {
 public:
  void line(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

class IdentityTest : public testing::Test {
 protected:
  bool renew(const std::string& name, wire::IdentityChoice choice = {}) {
    record_ = IdentityRecord(std::move(choice));
    return renew_identity(tree_, log_, record_, "golden.example.org", name);
  }
  // "renewed machine-id: /etc/machine-id"
  std::vector<std::string> record() const {
    std::vector<std::string> lines;
    for (const wire::IdentityNote& note : record_.notes())
      lines.push_back(wire::identity_class_names[static_cast<std::size_t>(note.what)] +
                      (" " + note.item + ": " + note.where));
    return lines;
  }

  asio::io_context io_;
  LinuxMachine machine_{io_};
  Scratch root_;
  CloneTree tree_{machine_, root_.root()};
  Lines log_;
  IdentityRecord record_;
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
  renew_identity(tree_, log_, record_, "localhost.localdomain", "node7");
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

TEST_F(IdentityTest, WhatOnlyAPersonCanRenewIsLeftAndNamedWithWhatToDo) {
  for (const char* file : {"/etc/krb5.keytab", "/etc/pki/consumer/cert.pem", "/etc/pki/consumer/key.pem",
                           "/var/lib/cloud/instance/x", "/etc/dropbear/dropbear_ed25519_host_key"})
    root_.file(file, "x");
  renew("node7");
  EXPECT_THAT(record(), IsSupersetOf({"reported kerberos-keytab: /etc/krb5.keytab",
                                      "reported rhsm: /etc/pki/consumer/cert.pem, /etc/pki/consumer/key.pem",
                                      "reported cloud-init: /var/lib/cloud/instance",
                                      "reported dropbear-host-keys: /etc/dropbear/dropbear_ed25519_host_key"}));
  EXPECT_TRUE(root_.has("/etc/krb5.keytab"));
  EXPECT_TRUE(root_.has("/etc/pki/consumer/cert.pem"));
  record_.print(log_);
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: rhsm is the golden node's still (/etc/pki/consumer/cert.pem, "
                                             "/etc/pki/consumer/key.pem): --renew rhsm removes it; run ")));
}

TEST_F(IdentityTest, AReportedItemThatIsToBeRenewedGoes) {
  for (const char* file : {"/etc/salt/minion_id", "/etc/salt/pki/minion/minion.pem", "/etc/salt/pki/minion/minion.pub"})
    root_.file(file, "x");
  root_.file("/etc/salt/minion", "master: salt\n");
  root_.file("/etc/puppet/ssl/certs/ca.pem", "x");
  root_.file("/etc/puppet/ssl/certs/golden.example.org.pem", "x");
  renew("node7", {{}, {"salt-minion", "puppet-agent"}});
  EXPECT_THAT(record(), Contains("renewed salt-minion: /etc/salt/minion_id, /etc/salt/pki/minion/minion.pem, "
                                 "/etc/salt/pki/minion/minion.pub"));
  EXPECT_FALSE(root_.has("/etc/salt/minion_id"));
  EXPECT_TRUE(root_.has("/etc/salt/minion"));
  EXPECT_FALSE(root_.has("/etc/puppet/ssl/certs/golden.example.org.pem"));
  EXPECT_TRUE(root_.has("/etc/puppet/ssl/certs/ca.pem"));
}

TEST_F(IdentityTest, AKeptItemIsNotTouchedAndNamed) {
  const std::map<std::string, std::string> files = {{"/etc/hostname", "golden\n"},
                                                    {"/etc/hosts", "127.0.1.1 golden\n"},
                                                    {"/etc/machine-id", "0123456789abcdef0123456789abcdef\n"},
                                                    {"/etc/nvme/hostid", "x"},
                                                    {"/var/lib/systemd/random-seed", "x"},
                                                    {"/var/lib/systemd/credential.secret", "x"},
                                                    {"/etc/mdadm/mdadm.conf", "HOMEHOST golden\n"},
                                                    {"/etc/krb5.keytab", "x"}};
  for (const auto& [file, content] : files) root_.file(file, content);
  EXPECT_FALSE(renew("node7", {{"host-name", "machine-id", "nvme-host", "random-seed", "credential-secret",
                                "mdadm-home-host", "kerberos-keytab"},
                               {}}));
  for (const auto& [file, content] : files) EXPECT_EQ(root_.content(file), content) << file;
  EXPECT_THAT(record(), ElementsAre("kept host-name: /etc/hostname", "kept machine-id: /etc/machine-id",
                                    "kept random-seed: /var/lib/systemd/random-seed",
                                    "kept credential-secret: /var/lib/systemd/credential.secret",
                                    "kept nvme-host: /etc/nvme/hostid", "kept mdadm-home-host: /etc/mdadm/mdadm.conf",
                                    "kept kerberos-keytab: /etc/krb5.keytab"));
}

TEST_F(IdentityTest, TheLogHasTheClassesAtItsEnd) {
  root_.file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  root_.file("/etc/nvme/hostid", "x");
  root_.file("/etc/nvme/hostnqn", "x");
  root_.file("/etc/wireguard/wg0.conf", "x");
  renew("node7", {{"nvme-host"}, {}});
  record_.add_found(wire::found_address, "/etc/motd:3");
  record_.add_found(wire::found_more, "and 7 more");
  log_.lines.clear();
  record_.print(log_);
  EXPECT_THAT(
      log_.lines,
      ElementsAre(" Identity of this clone:", " - Made new: host-name, machine-id",
                  " - Kept, as --keep says: nvme-host (/etc/nvme/hostid, /etc/nvme/hostnqn)",
                  StartsWith(" - WARNING: wireguard-keys is the golden node's still (/etc/wireguard/wg0.conf): "
                             "make a key for the clone"),
                  HasSubstr("These files name the golden node"), "   /etc/motd:3: an address", "   and 7 more"));
}

TEST_F(IdentityTest, OfManyFilesTheFirstAreNamed) {
  for (int i = 1; i <= 9; ++i) root_.file("/etc/wireguard/wg" + std::to_string(i) + ".conf", "x");
  renew("node7");
  EXPECT_THAT(record(), Contains("reported wireguard-keys: /etc/wireguard/wg1.conf, /etc/wireguard/wg2.conf, "
                                 "/etc/wireguard/wg3.conf and 6 more"));
}

TEST_F(IdentityTest, NothingOutsideTheCloneIsTouched) {
  Scratch outside;
  outside.file("/secret", "ours");
  outside.file("/folder/random-seed", "ours");
  root_.directory("/etc/iscsi");
  root_.directory("/var/lib");
  root_.directory(outside.root());  // where such links lead in the clone
  root_.link("/etc/iscsi/initiatorname.iscsi", "../../../../../../../.." + outside.at("/secret"));
  root_.link("/etc/hostname", outside.at("/secret"));
  root_.link("/etc/machine-id", outside.at("/secret"));
  root_.link("/var/lib/systemd", outside.at("/folder"));
  root_.link("/etc/wireguard", outside.root());
  renew("node7");
  EXPECT_EQ(outside.content("/secret"), "ours");
  EXPECT_EQ(outside.content("/folder/random-seed"), "ours");
  EXPECT_TRUE(outside.has("/folder/random-seed"));
}

TEST_F(IdentityTest, AFifoInAFilesPlaceIsNotWaitedFor) {
  root_.directory("/etc/nvme");
  ASSERT_EQ(::mkfifo(root_.at("/etc/nvme/hostid").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(root_.at("/etc/mdadm.conf").c_str(), 0600), 0);
  renew("node7");
  EXPECT_TRUE(root_.has("/etc/nvme/hostid"));
}

TEST_F(IdentityTest, SystemdsKeyForCredentialsGoesIfNothingIsEncryptedWithIt) {
  root_.file("/var/lib/systemd/credential.secret", "x", 0400);
  root_.directory("/etc/credstore.encrypted");
  root_.file("/etc/systemd/system/web.service",
             "[Service]\nLoadCredentialEncrypted=key:/srv/none\n"
             "LoadCredentialEncrypted=token\nSetCredential=a:b\n");
  renew("node7");
  EXPECT_FALSE(root_.has("/var/lib/systemd/credential.secret"));
  EXPECT_THAT(record(), Contains("renewed credential-secret: /var/lib/systemd/credential.secret"));
}

TEST_F(IdentityTest, SystemdsKeyForCredentialsStaysIfSomethingMayBeEncryptedWithIt) {
  const std::pair<const char*, const char*> places[] = {
      {"/etc/credstore.encrypted/web.token", "x"},
      {"/boot/efi/loader/credentials/web.cred", "x"},
      {"/home/me/.config/credstore.encrypted/token", "x"},
      {"/etc/systemd/system/web.service", "[Service]\n SetCredentialEncrypted=key: \\\n  Whxqht+dQJax\n"},
      {"/usr/lib/systemd/system/web.service.d/key.conf", "[Service]\nLoadCredentialEncrypted=key:/etc/hosts\n"},
  };
  for (const auto& [file, content] : places) {
    root_.file("/var/lib/systemd/credential.secret", "x", 0400);
    root_.file("/etc/hosts", "");
    root_.file(file, content);
    renew("node7");
    EXPECT_TRUE(root_.has("/var/lib/systemd/credential.secret")) << file;
    EXPECT_THAT(record(), Contains("reported credential-secret: /var/lib/systemd/credential.secret")) << file;
    renew("node7", {{}, {"credential-secret"}});
    EXPECT_FALSE(root_.has("/var/lib/systemd/credential.secret")) << file;
    EXPECT_THAT(log_.lines, Contains(HasSubstr("cannot be read any more"))) << file;
    ASSERT_EQ(::unlink(root_.at(file).c_str()), 0);
  }
}

TEST_F(IdentityTest, AHomeHostThatIsTheGoldenNameIsTheClones) {
  root_.file("/etc/hostname", "golden\n");
  root_.file("/etc/mdadm/mdadm.conf",
             "# HOMEHOST golden\nHOMEHOST golden\nARRAY /dev/md/0 metadata=1.2 name=golden:0\n  homehost golden\n");
  root_.file("/etc/mdadm.conf.d/own", "home\tgolden.example.org\n");
  EXPECT_TRUE(renew("node7"));
  EXPECT_EQ(root_.content("/etc/mdadm/mdadm.conf"),
            "# HOMEHOST golden\nHOMEHOST node7\nARRAY /dev/md/0 metadata=1.2 name=golden:0\n  homehost golden\n");
  EXPECT_EQ(root_.content("/etc/mdadm.conf.d/own"), "home\tnode7.example.org\n");
  EXPECT_THAT(record(), Contains("renewed mdadm-home-host: /etc/mdadm/mdadm.conf, /etc/mdadm.conf.d/own"));
}

TEST_F(IdentityTest, AHomeHostThatIsTheSystemsStays) {
  for (const char* text : {"HOMEHOST <system>\n", "HOMEHOST <ignore>\n", "HOMEHOST\n", "HOMEHOST other\n", ""}) {
    root_.file("/etc/mdadm/mdadm.conf", text);
    EXPECT_FALSE(renew("node7")) << text;
    EXPECT_EQ(root_.content("/etc/mdadm/mdadm.conf"), text);
  }
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
  EXPECT_THAT(record(), ElementsAre("reported host-name: /etc/hostname"));
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
