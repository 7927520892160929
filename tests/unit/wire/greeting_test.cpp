// Who proves what to whom before anything is told: docs/protocol.md, "Greeting".

#include "wire/greeting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ka::wire {
namespace {

using testing::AllOf;
using testing::HasSubstr;

KeyPair pair(char seed) { return KeyPair(Secret(std::string(32, seed))); }
Secret ephemeral(char seed) { return Secret(std::string(32, seed)); }

class GreetingTest : public testing::Test {
 protected:
  // What the server says to a node that knows this key.
  Message answer(const Message& first, std::optional<KeyPair> key, char seed = 's') {
    try {
      Greeted greeted = greet(first, key, ephemeral(seed));
      server_ = std::move(greeted.ciphers);
      return greeted.welcome;
    } catch (const NotWelcome& no) {
      return Refused{no.what()};
    }
  }
  std::string refusal(const Message& message, std::optional<KeyPair> key) {
    const Message said = answer(message, key);
    const auto* no = std::get_if<Refused>(&said);
    return no ? no->reason : "";
  }
  static std::string why_not(NodeGreeting& node, const Message& said) {
    try {
      node.accept(said);
    } catch (const Unproven& error) {
      return std::string("unproven: ") + error.what();
    } catch (const TurnedAway& error) {
      return std::string("turned away: ") + error.what();
    }
    return "";
  }

  const KeyPair key_ = pair('k'), other_ = pair('o');
  std::optional<Handshake::Ciphers> server_;
};

TEST_F(GreetingTest, WhoHasTheKeyIsBelievedAndAllElseIsEncrypted) {
  NodeGreeting node(key_.public_key(), ephemeral('n'));
  EXPECT_EQ(node.hello().handshake.size(), 48u);
  std::optional<Handshake::Ciphers> ciphers = node.accept(answer(node.hello(), key_));
  ASSERT_TRUE(ciphers && server_);
  EXPECT_EQ(server_->in.decrypt(ciphers->out.encrypt("to the server")), "to the server");
  EXPECT_EQ(ciphers->in.decrypt(server_->out.encrypt("to the node")), "to the node");
}

TEST_F(GreetingTest, AtLevelOpenNobodyProvesAnything) {
  NodeGreeting node(std::nullopt, ephemeral('n'));
  EXPECT_TRUE(node.hello().handshake.empty());
  EXPECT_FALSE(node.accept(answer(node.hello(), std::nullopt)));
  EXPECT_FALSE(server_);
}

TEST_F(GreetingTest, AServerWithAKeyServesNobodyWhoKnowsNone) {
  NodeGreeting node(std::nullopt, ephemeral('n'));
  const Message said = answer(node.hello(), key_);
  const std::string why = why_not(node, said);
  EXPECT_THAT(why, AllOf(HasSubstr("turned away"), HasSubstr(fingerprint(key_.public_key())), HasSubstr("pxe-config"),
                         HasSubstr("--open")));
}

TEST_F(GreetingTest, AnotherKeyIsNamedOnBothSides) {
  NodeGreeting node(other_.public_key(), ephemeral('n'));
  const Message said = answer(node.hello(), key_);
  EXPECT_THAT(why_not(node, said), AllOf(HasSubstr("unproven"), HasSubstr("another key")));
}

// Somebody between them cuts the proof out, on either side.
TEST_F(GreetingTest, AStrippedProofIsNoLevelOpen) {
  NodeGreeting node(key_.public_key(), ephemeral('n'));
  EXPECT_THAT(why_not(node, Welcome{}), HasSubstr("unproven: it proves no key"));
  Hello stripped = node.hello();
  stripped.handshake.clear();
  EXPECT_THAT(refusal(stripped, key_), HasSubstr("it knows no key"));
  EXPECT_THAT(why_not(node, answer(stripped, std::nullopt)), HasSubstr("unproven"));
}

TEST_F(GreetingTest, ANodeThatKnowsAKeyAndAServerWithoutOneTellEachOther) {
  NodeGreeting node(key_.public_key(), ephemeral('n'));
  EXPECT_THAT(refusal(node.hello(), std::nullopt), AllOf(HasSubstr("--open"), HasSubstr("kakey=")));
}

TEST_F(GreetingTest, EveryChangedByteOfEitherMessageIsSeen) {
  NodeGreeting node(key_.public_key(), ephemeral('n'));
  for (std::size_t at = 0; at < node.hello().handshake.size(); ++at) {
    Hello changed = node.hello();
    changed.handshake[at] = static_cast<char>(changed.handshake[at] ^ 1);
    // The highest bit of an X25519 key does not count: the hash has it all the same.
    EXPECT_NE(refusal(changed, key_), "") << at;
  }
  const Welcome right = std::get<Welcome>(answer(node.hello(), key_));
  for (std::size_t at = 0; at < right.handshake.size(); ++at) {
    NodeGreeting again(key_.public_key(), ephemeral('n'));
    Welcome changed = right;
    changed.handshake[at] = static_cast<char>(changed.handshake[at] ^ 1);
    EXPECT_THAT(why_not(again, changed), HasSubstr("unproven")) << at;
  }
}

TEST_F(GreetingTest, ShortAndLongOnesAreNoProof) {
  NodeGreeting node(key_.public_key(), ephemeral('n'));
  for (std::size_t size : {1u, 31u, 32u, 47u, 49u, 4096u}) {
    Hello hello = node.hello();
    hello.handshake.resize(size);
    EXPECT_NE(refusal(hello, key_), "") << size;
  }
  Hello zeros;
  zeros.handshake = std::string(48, '\0');
  EXPECT_NE(refusal(zeros, key_), "") << "a key of low order";
}

// What a recorder of yesterday's connection has is of no use today, to either side.
TEST_F(GreetingTest, AReplayedConnectionProvesNothing) {
  NodeGreeting yesterday(key_.public_key(), ephemeral('n'));
  const Message recorded = answer(yesterday.hello(), key_, 's');
  std::optional<Handshake::Ciphers> node = yesterday.accept(recorded);
  const std::string said = node->out.encrypt("join");

  NodeGreeting today(key_.public_key(), ephemeral('N'));
  EXPECT_THAT(why_not(today, recorded), HasSubstr("unproven"));

  ASSERT_TRUE(std::holds_alternative<Welcome>(answer(yesterday.hello(), key_, 'S')));
  EXPECT_THROW(server_->in.decrypt(said), NotAuthentic);
}

TEST_F(GreetingTest, OtherVersionsGetAClearAnswer) {
  Hello old;
  old.version = 2;
  EXPECT_THAT(refusal(old, key_), AllOf(HasSubstr("version 2"), HasSubstr("version 3")));
  Welcome older;
  older.version = 2;
  NodeGreeting open(std::nullopt, ephemeral('n')), pinned(key_.public_key(), ephemeral('n'));
  EXPECT_THAT(why_not(open, older), AllOf(HasSubstr("turned away"), HasSubstr("version 2"), HasSubstr("version 3")));
  EXPECT_THAT(why_not(pinned, older), AllOf(HasSubstr("unproven"), HasSubstr("version 2")));
  EXPECT_THAT(why_not(pinned, Refused{"it speaks version 3 of the protocol, this server version 2"}),
              AllOf(HasSubstr("unproven"), HasSubstr("version 2")));
}

TEST_F(GreetingTest, WhoSaysSomethingElseFirstIsNoNodeAndNoServer) {
  EXPECT_THAT(refusal(Join{"s"}, key_), HasSubstr("not a hello"));
  NodeGreeting pinned(key_.public_key(), ephemeral('n')), open(std::nullopt, ephemeral('n'));
  EXPECT_THAT(why_not(pinned, Release{}), HasSubstr("unproven"));
  EXPECT_THAT(why_not(open, Release{}), HasSubstr("turned away"));
  EXPECT_THAT(why_not(open, Welcome{protocol_version, "a proof that nobody asked for"}), HasSubstr("turned away"));
}

}  // namespace
}  // namespace ka::wire
