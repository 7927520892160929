#include "wire/identity.h"

#include <gmock/gmock.h>

#include <set>

#include "wire/identity_note.h"
#include "wire/messages.h"

namespace ka::wire {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(IdentityItems, HaveANameOfTheirOwnByWhichTheyAreFound) {
  std::set<std::string> names;
  for (const IdentityRow& row : identity_items()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_LE(std::string(row.name).size(), longest_identity_item);
    EXPECT_EQ(find_identity_item(row.name), &row);
    EXPECT_EQ(&row_of(row.item), &row);
    // What may be reported says what to do.
    if (row.normally != IdentityDefault::renewed) EXPECT_STRNE(row.remedy, "") << row.name;
  }
  EXPECT_EQ(find_identity_item("machine"), nullptr);
  EXPECT_EQ(find_identity_item(""), nullptr);
}

TEST(IdentityItems, AnUnknownNameIsRefusedWithTheListOfTheKnownOnes) {
  for (const std::string& why : {why_not_keep("hostname"), why_not_renew("hostname")}) {
    EXPECT_THAT(why, StartsWith("no item of a machine's identity is called \"hostname\"; there are host-name, "));
    for (const IdentityRow& row : identity_items()) EXPECT_THAT(why, HasSubstr(row.name));
  }
}

TEST(IdentityItems, EachCanBeKeptAndEachThatANodeCanMakeNewBeRenewed) {
  for (const IdentityRow& row : identity_items()) {
    EXPECT_EQ(why_not_keep(row.name), "");
    if (row.normally == IdentityDefault::unrenewable)
      EXPECT_EQ(why_not_renew(row.name), std::string(row.name) + " cannot be made new by a node: " + row.remedy);
    else
      EXPECT_EQ(why_not_renew(row.name), "");
  }
}

TEST(IdentityItems, TheOperatorsChoiceGoesBeforeTheClass) {
  EXPECT_EQ(fate_of(IdentityItem::machine_id, {}), IdentityFate::renew);
  EXPECT_EQ(fate_of(IdentityItem::salt_minion, {}), IdentityFate::report);
  EXPECT_EQ(fate_of(IdentityItem::cloud_init, {}), IdentityFate::report);
  const IdentityChoice choice{{"machine-id", "cloud-init"}, {"salt-minion", "host-name"}};
  EXPECT_EQ(fate_of(IdentityItem::machine_id, choice), IdentityFate::keep);
  EXPECT_EQ(fate_of(IdentityItem::cloud_init, choice), IdentityFate::keep);
  EXPECT_EQ(fate_of(IdentityItem::salt_minion, choice), IdentityFate::renew);
  EXPECT_EQ(fate_of(IdentityItem::host_name, choice), IdentityFate::renew);
  EXPECT_EQ(contradiction_in(choice), "");
  EXPECT_EQ(contradiction_in({{"rhsm"}, {"zypp-id", "rhsm"}}), "rhsm is to be kept and to be renewed");
}

std::vector<IdentityNote> many(std::size_t count, std::size_t size) {
  IdentityNote note;
  note.what = IdentityClass::found;
  note.item = found_host_name;
  note.where = std::string(size, 'w');
  return std::vector<IdentityNote>(count, note);
}

TEST(IdentityNotes, AsManyAsFitIntoAMessageAndTheRestIsCounted) {
  for (std::size_t count : {0u, 1u, 40u, 160u, 161u, 5000u})
    for (std::size_t size : {0u, 60u, 253u, 4000u}) {
      const Identity sent{fitted(many(count, size))};
      const std::string frame = encode(sent);
      ASSERT_LE(frame.size(), longest_message);
      const std::vector<IdentityNote> notes = std::get<Identity>(decode(frame.substr(4))).notes;
      if (notes.size() == count) continue;
      ASSERT_EQ(notes.back().item, found_more);
      EXPECT_EQ(notes.back().where, std::to_string(count - notes.size() + 1) + " more, in the log of the node");
    }
  EXPECT_EQ(fitted(many(160, 60)).size(), 160u);
}

TEST(IdentityNotes, WhatCouldGrowAServersMemoryIsRefused) {
  EXPECT_THROW(decode(encode(Identity{many(161, 0)}).substr(4)), ProtocolError);
  EXPECT_THROW(decode(encode(Identity{many(1, 254)}).substr(4)), ProtocolError);
  std::vector<IdentityNote> notes = many(1, 1);
  notes[0].item = std::string(33, 'i');
  EXPECT_THROW(decode(encode(Identity{notes}).substr(4)), ProtocolError);
  notes = many(1, 1);
  notes[0].what = static_cast<IdentityClass>(4);
  EXPECT_THROW(decode(encode(Identity{notes}).substr(4)), ProtocolError);
}

}  // namespace
}  // namespace ka::wire
