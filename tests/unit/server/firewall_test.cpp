// Which rulesets of nftables keep nodes out, which may, and what opens them.

#include "server/boot/firewall.h"

#include <gmock/gmock.h>

namespace ka::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string chain(const std::string& policy, const std::string& rules) {
  return "table inet filter {\n\tset known {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1 }\n\t}\n\tchain input {\n"
         "\t\ttype filter hook input priority filter; policy " +
         policy + ";\n" + rules +
         "\t}\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";
}

FirewallVerdict judge(const std::string& policy, const std::string& rules) {
  FirewallNeeds needs;
  needs.interface = "eth1";
  needs.udp = {67, 69, 4011};
  needs.tcp = {30780};
  return judge_firewall(chain(policy, rules), needs);
}

void expect_open(const std::string& policy, const std::string& rules) {
  const FirewallVerdict verdict = judge(policy, rules);
  EXPECT_THAT(verdict.shut, IsEmpty()) << rules;
  EXPECT_THAT(verdict.unclear, IsEmpty()) << rules;
}

TEST(FirewallTest, WithoutAChainOfTheHookInputNobodyIsKeptOut) {
  expect_open("accept", "");
  FirewallNeeds needs;
  needs.udp = {67};
  EXPECT_THAT(judge_firewall("", needs).shut, IsEmpty());
  EXPECT_THAT(judge_firewall("table bridge b {\n\tchain input {\n\t\ttype filter hook input priority 0; policy "
                             "drop;\n\t}\n}\n",
                             needs)
                  .shut,
              IsEmpty());
}

TEST(FirewallTest, ARuleThatDropsAPortIsNamedWithTheLineThatOpensIt) {
  const FirewallVerdict verdict = judge("accept", "\t\tudp dport { 60-68, 514 } counter packets 3 bytes 99 drop\n");
  ASSERT_EQ(verdict.shut.size(), 1u);
  EXPECT_THAT(verdict.shut[0], HasSubstr("the chain inet filter input shuts UDP 67 by \"udp dport { 60-68, 514 }"));
  EXPECT_THAT(verdict.shut[0], HasSubstr("nft insert rule inet filter input iifname eth1 udp dport { 67, 69, 4011 } "
                                         "accept; nft insert rule inet filter input iifname eth1 tcp dport { 30780 }"));
}

TEST(FirewallTest, TheUsualRulesetOfAServerShutsAll) {
  const FirewallVerdict verdict = judge("drop",
                                        "\t\tct state established,related accept\n\t\tiifname \"lo\" accept\n"
                                        "\t\ticmp type echo-request accept\n\t\ttcp dport 22 accept\n"
                                        "\t\tip6 saddr fe80::/10 accept\n");
  ASSERT_EQ(verdict.shut.size(), 1u);
  EXPECT_THAT(verdict.shut[0], HasSubstr("shuts UDP 67, UDP 69, UDP 4011, TCP 30780 by its policy."));
}

TEST(FirewallTest, WhatIsLetInComesIn) {
  expect_open("drop", "\t\tiifname { \"eth0\", \"eth1\" } accept\n");
  expect_open("drop", "\t\tiif \"eth1\" ct state new,established counter packets 0 bytes 0 accept\n");
  expect_open("drop", "\t\tudp dport { 67, 69, 4011 } accept\n\t\ttcp dport 30000-31000 accept\n\t\tcounter drop\n");
  expect_open("drop", "\t\tmeta l4proto { tcp, udp } accept comment \"all\"\n");
  expect_open("accept", "\t\tiifname \"eth0\" udp dport 67 drop\n");
}

TEST(FirewallTest, AnEndThatRejectsIsAsAPolicy) {
  EXPECT_EQ(judge("accept", "\t\tcounter packets 1 bytes 2 reject with icmp type admin-prohibited\n").shut.size(), 1u);
  EXPECT_EQ(judge("accept", "\t\tlog prefix \"not me \" drop\n").shut.size(), 1u);
}

TEST(FirewallTest, WhatOnlyNftablesUnderstandsIsAHintAndNoRefusal) {
  for (const char* rule : {"jump services", "ip saddr 10.0.0.0/8 accept", "iifname \"eth*\" accept",
                           "meta mark 0x1 accept", "ct state vmap { new : jump fresh, established : accept }",
                           "udp dport @allowed accept", "udp sport 68 accept"}) {
    const FirewallVerdict verdict = judge("drop", "\t\t" + std::string(rule) + "\n");
    EXPECT_THAT(verdict.shut, testing::Not(testing::Contains(HasSubstr("UDP 67")))) << rule;
    EXPECT_THAT(verdict.unclear.size() + verdict.shut.size(), 1u) << rule;
  }
  EXPECT_THAT(judge("drop", "\t\tjump services\n").unclear,
              ElementsAre(HasSubstr("(chain inet filter input) may keep nodes out of UDP 67, UDP 69")));
}

}  // namespace
}  // namespace ka::server
