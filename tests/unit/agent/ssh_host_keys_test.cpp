#include "agent/identity/ssh_host_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/machine/linux_machine.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// This machine's own ssh-keygen works on the scratch tree; types in `unknown` are those of a newer one.
class KeyMachine final : public LinuxMachine {
 public:
  KeyMachine(asio::io_context& io, Scratch& root) : LinuxMachine(io), root_(root) {}

  Awaitable<void> run(const Command& command, std::function<void(std::string_view)> line) override {
    if (command.argv[3] == unknown) throw Error(command.text(), "unknown key type " + unknown);
    made.push_back(command.argv.back());
    Command outside = command;
    outside.root.clear();
    outside.argv.back() = root_.at(command.argv.back());
    co_await LinuxMachine::run(outside, line);
  }

  std::string unknown;
  std::vector<std::string> made;  // where

 private:
  Scratch& root_;
};

class SshHostKeysTest : public CoroutineTest {
 protected:
  SshHostKeysTest() {
    root_.file("/usr/bin/ssh-keygen", "", 0755);
    root_.file("/usr/sbin/sshd", "", 0755);
    root_.directory("/run");
    root_.directory("/tmp");
  }
  void golden_key(const std::string& file, const std::string& public_key = "", mode_t mode = 0600) {
    root_.file(file, golden, mode);
    if (!public_key.empty()) root_.file(file + ".pub", public_key + " AAAAgolden root@golden\n");
  }
  std::string renew() {
    auto task = renew_ssh_host_keys(machine_, tree_, log_, record_, early_, "node7");
    std::string error = error_of(std::move(task));
    get(early_.stop());
    return error;
  }
  class Lines final : public Log {
   public:
    void line(std::string_view text) override { lines.emplace_back(text); }
    std::vector<std::string> lines;
  };

  std::string golden = "golden";
  Scratch root_;
  KeyMachine machine_{io_, root_};
  CloneTree tree_{machine_, root_.root()};
  Lines log_;
  EarlyHostKey early_{io_, machine_, tree_, log_};  // the scratch tree is stage2 as well
  IdentityRecord record_;
};

TEST_F(SshHostKeysTest, KeptOnesAreNotTouched) {
  record_ = IdentityRecord({{"ssh-host-keys"}, {}});
  golden_key("/etc/ssh/ssh_host_ed25519_key", "ssh-ed25519");
  root_.file("/etc/ssh/ssh_host_ed25519_key-cert.pub", "x");
  EXPECT_EQ(renew(), "");
  EXPECT_EQ(root_.content("/etc/ssh/ssh_host_ed25519_key"), "golden");
  EXPECT_TRUE(root_.has("/etc/ssh/ssh_host_ed25519_key-cert.pub"));
  EXPECT_TRUE(record_.has(wire::IdentityClass::kept, wire::IdentityItem::ssh_host_keys));
}

TEST_F(SshHostKeysTest, EachKeyIsMadeAnewInItsPlaceWithItsMode) {
  golden_key("/etc/ssh/ssh_host_ed25519_key", "ssh-ed25519", 0640);
  golden_key("/etc/ssh/ssh_host_ecdsa_key", "ecdsa-sha2-nistp384");
  root_.file("/etc/ssh/ssh_host_ed25519_key-cert.pub", "x");
  EXPECT_EQ(renew(), "");
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_ed25519_key"), StartsWith("-----BEGIN OPENSSH PRIVATE KEY-----"));
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_ed25519_key.pub"), StartsWith("ssh-ed25519 AAAA"));
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_ed25519_key.pub"), HasSubstr("root@node7"));
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_ecdsa_key.pub"), StartsWith("ecdsa-sha2-nistp384 "));
  EXPECT_EQ(root_.status("/etc/ssh/ssh_host_ed25519_key").st_mode & 07777, 0640u);
  EXPECT_FALSE(root_.has("/etc/ssh/ssh_host_ed25519_key-cert.pub"));
  EXPECT_EQ(list_directory(root_.at("/run")), std::vector<std::string>());
}

TEST_F(SshHostKeysTest, AKeyOfProtocolOneOrOfATypeThatIsGoneFailsNoClone) {
  golden_key("/etc/ssh/ssh_host_key");
  golden_key("/etc/ssh/ssh_host_dsa_key", "ssh-dss");
  golden_key("/etc/ssh/ssh_host_ed25519_key", "ssh-ed25519");
  machine_.unknown = "dsa";
  EXPECT_EQ(renew(), "");
  EXPECT_FALSE(root_.has("/etc/ssh/ssh_host_key"));
  EXPECT_FALSE(root_.has("/etc/ssh/ssh_host_dsa_key"));
  EXPECT_FALSE(root_.has("/etc/ssh/ssh_host_dsa_key.pub"));
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_ed25519_key"), StartsWith("-----BEGIN"));
  EXPECT_THAT(log_.lines, Contains(HasSubstr("WARNING: removed the golden SSH host key /etc/ssh/ssh_host_key")));
  EXPECT_THAT(log_.lines, Contains(HasSubstr("unknown key type dsa")));
}

TEST_F(SshHostKeysTest, KeysThatTheConfigurationNamesElsewhere) {
  root_.file("/etc/ssh/sshd_config", "HostKey /etc/ssh/keys/ours\n#HostKey /etc/ssh/keys/not\n");
  root_.file("/etc/ssh/sshd_config.d/10.conf", "hostkey \"/srv/ssh_ed25519\"\n");
  golden_key("/etc/ssh/keys/ours", "ssh-ed25519");
  golden_key("/etc/ssh/keys/not", "ssh-ed25519");
  golden_key("/srv/ssh_ed25519");
  EXPECT_EQ(renew(), "");
  EXPECT_THAT(root_.content("/etc/ssh/keys/ours"), StartsWith("-----BEGIN"));
  EXPECT_THAT(root_.content("/srv/ssh_ed25519"), StartsWith("-----BEGIN"));
  EXPECT_EQ(root_.content("/etc/ssh/keys/not"), "golden");
}

TEST_F(SshHostKeysTest, AnRsaKeyThatWasMadeWhileTheFilesCameIsTaken) {
  golden = "-----BEGIN OPENSSH PRIVATE KEY-----\ngolden";
  golden_key("/etc/ssh/ssh_host_rsa_key", "ssh-rsa", 0640);
  early_.start("node7");
  EXPECT_EQ(renew(), "");
  EXPECT_THAT(machine_.made, ElementsAre("/tmp/ka-early-host-key"));
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_rsa_key"), StartsWith("-----BEGIN OPENSSH PRIVATE KEY-----"));
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_rsa_key.pub"), StartsWith("ssh-rsa AAAA"));
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_rsa_key.pub"), HasSubstr("root@node7"));
  EXPECT_EQ(root_.status("/etc/ssh/ssh_host_rsa_key").st_mode & 07777, 0640u);
  EXPECT_FALSE(root_.has("/tmp/ka-early-host-key"));
}

TEST_F(SshHostKeysTest, TwoRsaKeysAreNotTheSame) {
  golden = "-----BEGIN OPENSSH PRIVATE KEY-----\ngolden";
  root_.file("/etc/ssh/sshd_config", "HostKey /srv/rsa\n");
  golden_key("/srv/rsa", "ssh-rsa");
  golden_key("/etc/ssh/ssh_host_rsa_key", "ssh-rsa");
  early_.start("node7");
  EXPECT_EQ(renew(), "");
  EXPECT_THAT(machine_.made, ElementsAre("/tmp/ka-early-host-key", "/run/ka-ssh-host-key"));
  EXPECT_NE(root_.content("/srv/rsa"), root_.content("/etc/ssh/ssh_host_rsa_key"));
}

TEST_F(SshHostKeysTest, AGoldenKeyInAnotherFormatIsRenewedByItsOwnSshKeygen) {
  golden = "-----BEGIN RSA PRIVATE KEY-----\ngolden";
  golden_key("/etc/ssh/ssh_host_rsa_key", "ssh-rsa");
  early_.start("node7");
  EXPECT_EQ(renew(), "");
  EXPECT_THAT(machine_.made, ElementsAre("/tmp/ka-early-host-key", "/run/ka-ssh-host-key"));
}

TEST_F(SshHostKeysTest, WhatCouldNotBeMadeEarlyIsMadeThen) {
  golden = "-----BEGIN OPENSSH PRIVATE KEY-----\ngolden";
  golden_key("/etc/ssh/ssh_host_rsa_key", "ssh-rsa");
  root_.directory("/tmp/ka-early-host-key");  // ssh-keygen finds no place for it
  early_.start("node7");
  EXPECT_EQ(renew(), "");
  EXPECT_THAT(log_.lines, Contains(HasSubstr("No RSA key was made ahead")));
  EXPECT_THAT(root_.content("/etc/ssh/ssh_host_rsa_key.pub"), StartsWith("ssh-rsa AAAA"));
}

TEST_F(SshHostKeysTest, AnEarlyKeyThatNobodyTakesIsGivenUp) {
  early_.start("node7");
  auto task = renew_ssh_host_keys(machine_, tree_, log_, record_, early_, "node7");
  EXPECT_EQ(error_of(std::move(task)), "");  // which does not wait for it
  EXPECT_EQ(get(early_.take()), std::nullopt) << "it takes no time from what comes then";
}

TEST_F(SshHostKeysTest, AServerWithoutAnyKeyIsAFailure) {
  golden_key("/etc/ssh/ssh_host_ed25519_key", "ssh-ed25519");
  machine_.unknown = "ed25519";
  EXPECT_THAT(renew(), HasSubstr("sshd would have none that it uses"));
}

TEST_F(SshHostKeysTest, AKeyThatSshdDoesNotUseIsNotEnough) {
  root_.file("/etc/ssh/sshd_config", "HostKey /etc/ssh/ssh_host_rsa_key\n");
  golden_key("/etc/ssh/ssh_host_rsa_key", "ssh-rsa");
  golden_key("/etc/ssh/ssh_host_ed25519_key", "ssh-ed25519");
  machine_.unknown = "rsa";
  EXPECT_THAT(renew(), HasSubstr("sshd would have none that it uses"));
}

TEST_F(SshHostKeysTest, WithoutSshKeygenTheGoldenKeysGo) {
  ASSERT_TRUE(tree_.remove("/usr/bin/ssh-keygen"));
  golden_key("/etc/ssh/ssh_host_ed25519_key", "ssh-ed25519");
  EXPECT_EQ(renew(), "");
  EXPECT_FALSE(root_.has("/etc/ssh/ssh_host_ed25519_key"));
}

}  // namespace
}  // namespace ka::agent
