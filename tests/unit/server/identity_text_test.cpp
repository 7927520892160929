#include "server/job/identity_text.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "wire/identity.h"

namespace ka::server {
namespace {

using testing::HasSubstr;
using wire::IdentityClass;

NodeStatus clone(std::vector<wire::IdentityNote> identity) {
  NodeStatus node;
  node.state = NodeStatus::State::done;
  node.identity = std::move(identity);
  return node;
}

TEST(IdentityText, SaysOfEachItemOnHowManyClonesAndWhatToDo) {
  const std::string remedy = wire::row_of(wire::IdentityItem::kerberos_keytab).remedy;
  const wire::IdentityNote keytab{IdentityClass::reported, "kerberos-keytab", "/etc/krb5.keytab"};
  EXPECT_EQ(identity_text({clone({keytab})}),
            "! kerberos-keytab (/etc/krb5.keytab) is this machine's still on the clone: " + remedy + "\n");
  EXPECT_THAT(identity_text({clone({keytab}), clone({keytab})}), HasSubstr("still on all clones: "));
  EXPECT_THAT(identity_text({clone({keytab}), clone({})}), HasSubstr("still on 1 of 2 clones: "));
  NodeStatus failed = clone({keytab});
  failed.state = NodeStatus::State::failed;
  EXPECT_EQ(identity_text({failed, clone({{IdentityClass::renewed, "machine-id", ""}})}), "");
}

TEST(IdentityText, CountsTheFilesThatWereFound) {
  std::vector<wire::IdentityNote> notes;
  for (int i = 1; i <= 5; ++i)
    notes.push_back({IdentityClass::found, wire::found_address, "/etc/x" + std::to_string(i) + ":1"});
  notes.push_back({IdentityClass::found, wire::found_more, "and 7 more"});
  EXPECT_EQ(identity_text({clone(notes), clone(notes)}),
            "! Files of the clones that name this machine: /etc/x1:1, /etc/x2:1, /etc/x3:1 and 2 more (the report of "
            "--json and the logs of the nodes have all)\n");
}

TEST(IdentityText, NodesThatLieFillNoScreen) {
  std::vector<NodeStatus> nodes;
  for (int n = 0; n < 50; ++n) {
    std::vector<wire::IdentityNote> notes;
    for (int i = 0; i < 100; ++i)
      notes.push_back({IdentityClass::reported, "rhsm", "\x1b[H" + std::to_string(n * 100 + i)});
    notes.push_back({IdentityClass::reported, "no such item", ""});
    nodes.push_back(clone(notes));
  }
  const std::string text = identity_text(nodes);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 21);
  EXPECT_THAT(text, HasSubstr("! and 4980 more in the report of --json\n"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace ka::server
