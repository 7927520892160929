/// What an operator and a node say: a key is proved, and who has none learns nothing.
#include <gmock/gmock.h>

#include "wire/command/channel.h"

namespace ka::wire::command {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A key of its own for each number.
KeyPair key(char number) { return KeyPair(Secret(std::string(key_size, number))); }

class CommandChannel : public testing::Test {
 protected:
  Visit visit(std::vector<PublicKey> keys, char ephemeral = 'n') {
    return {std::move(keys), key('?').public_key(), key(ephemeral)};
  }
  Visit visit() { return visit({other_.public_key(), key_.public_key()}); }

  KeyPair key_ = key('k'), other_ = key('o');
  Call call_{key_, key('c')};
};

TEST_F(CommandChannel, WhoHasAKeyOfTheNodeIsHeardAndHearsIt) {
  Visit node = visit();
  node.feed(call_.opening());
  const std::string answer = node.answer();
  EXPECT_EQ(answer.size(), answer_size);
  EXPECT_EQ(node.answer(), "");
  call_.feed(answer);
  ASSERT_TRUE(call_.is_open());
  EXPECT_FALSE(node.proven());  // an opening alone proves nothing

  node.feed(call_.encode(exec_of({"ls", "-l", ""}, true)));
  const std::optional<Message> heard = node.next();
  ASSERT_TRUE(heard);
  EXPECT_THAT(words_of(std::get<Exec>(*heard)), ElementsAre("ls", "-l", ""));
  EXPECT_TRUE(std::get<Exec>(*heard).input);
  EXPECT_EQ(node.proven(), key_.public_key());

  call_.feed(node.encode(Output{"total 0\n"}) + node.encode(Ended{true, 9}));
  EXPECT_EQ(std::get<Output>(call_.next().value()).bytes, "total 0\n");
  EXPECT_EQ(std::get<Ended>(call_.next().value()).number, 9);
  EXPECT_FALSE(call_.next());
}

TEST_F(CommandChannel, ByteAfterByteIsTheSame) {
  Visit node = visit();
  std::string answer;
  for (const char byte : call_.opening()) {
    EXPECT_EQ(answer, "");
    node.feed({&byte, 1});
    answer += node.answer();
  }
  for (const char byte : answer) {
    EXPECT_FALSE(call_.is_open());
    call_.feed({&byte, 1});
  }
  ASSERT_TRUE(call_.is_open());
  const std::string request = call_.encode(Log());
  for (std::size_t i = 0; i < request.size(); ++i) {
    EXPECT_FALSE(node.next()) << i;
    node.feed(request.substr(i, 1));
  }
  EXPECT_TRUE(std::holds_alternative<Log>(node.next().value()));
}

TEST_F(CommandChannel, AnOpeningThatNamesNoKeyIsAnsweredAllTheSame) {
  Visit node = visit({other_.public_key()});
  node.feed(call_.opening());
  const std::string answer = node.answer();
  EXPECT_EQ(answer.size(), answer_size);
  EXPECT_EQ(answer.substr(0, 4), magic);
  call_.feed(answer);
  EXPECT_THROW(call_.is_open(), NotAuthentic);
  EXPECT_FALSE(node.proven());
}

TEST_F(CommandChannel, WhoOnlyKnowsThePublicKeyDoesNotGetPastTheAnswer) {
  // All that a stranger can make: an opening with the right hint, and frames of whatever he likes.
  Visit node = visit();
  node.feed(call_.opening());
  node.answer();
  node.feed(std::string("\0\x20", 2) + std::string(32, 'x'));
  EXPECT_THROW(node.next(), NotAuthentic);
  EXPECT_FALSE(node.proven());
}

TEST_F(CommandChannel, WhatWasSaidYesterdayIsNothingToday) {
  Visit before = visit();
  before.feed(call_.opening());
  call_.feed(before.answer());
  ASSERT_TRUE(call_.is_open());
  const std::string request = call_.encode(exec_of({"reboot"}, false));
  Visit now = visit({key_.public_key()}, 'm');
  now.feed(call_.opening());
  EXPECT_NE(now.answer(), "");
  now.feed(request);
  EXPECT_THROW(now.next(), NotAuthentic);
  EXPECT_FALSE(now.proven());
}

TEST_F(CommandChannel, AnyChangedByteOfTheHandshakeEndsIt) {
  for (std::size_t i = 0; i < call_.opening().size(); ++i) {
    Call call(key_, key('c'));
    Visit node = visit();
    std::string opening = call.opening();
    opening[i] = static_cast<char>(opening[i] ^ 1);
    try {
      node.feed(opening);
      call.feed(node.answer());
      call.is_open();
      ADD_FAILURE() << "byte " << i << " of the opening";
    } catch (const Error&) {
    }
  }
  for (std::size_t i = 0; i < answer_size; ++i) {
    Call call(key_, key('c'));
    Visit node = visit();
    node.feed(call.opening());
    std::string answer = node.answer();
    answer[i] = static_cast<char>(answer[i] ^ 1);
    call.feed(answer);
    EXPECT_THROW(call.is_open(), Error) << i;
  }
}

TEST_F(CommandChannel, AnyChangedByteOfAFrameEndsIt) {
  for (std::size_t i = 0;; ++i) {
    Call call(key_, key('c'));
    Visit node = visit();
    node.feed(call.opening());
    call.feed(node.answer());
    ASSERT_TRUE(call.is_open());
    std::string frame = call.encode(exec_of({"true"}, false));
    if (i == frame.size()) break;
    frame[i] = static_cast<char>(frame[i] ^ 1);
    node.feed(frame + std::string(512, '\0'));  // of a length that grew, enough
    EXPECT_THROW(node.next(), Error) << i;
  }
}

TEST_F(CommandChannel, FramesCannotBeRepeatedOrLeftOut) {
  Visit node = visit();
  node.feed(call_.opening());
  call_.feed(node.answer());
  ASSERT_TRUE(call_.is_open());
  const std::string first = call_.encode(Log()), second = call_.encode(Log());
  node.feed(first + first);
  EXPECT_TRUE(node.next());
  EXPECT_THROW(node.next(), NotAuthentic);
}

TEST_F(CommandChannel, LengthsThatCannotBeAreRefusedBeforeTheirBytesCome) {
  for (const std::size_t length : {std::size_t{0}, Cipher::overhead, longest_message + Cipher::overhead + 1}) {
    Visit node = visit();
    node.feed(call_.opening());
    node.answer();
    std::string head;
    Writer writer(head);
    writer(static_cast<std::uint16_t>(length));
    node.feed(head);
    EXPECT_THROW(node.next(), ProtocolError) << length;
  }
}

TEST_F(CommandChannel, OtherThingsAreRefusedAtTheFirstByte) {
  for (const char* other : {"G", "KAH1", "KAO2", "KAO1\x02"}) {
    Visit node = visit();
    node.feed(other);
    EXPECT_THROW(node.answer(), ProtocolError) << other;
  }
}

TEST_F(CommandChannel, ANodeWithoutKeysIsToldByItsLog) {
  call_.feed("KA 1.0.0\n");
  EXPECT_THROW(call_.is_open(), NoKeys);
}

TEST(CommandMessages, WhatIsNoMessageIsRefused) {
  EXPECT_THROW(decode(""), ProtocolError);
  EXPECT_THROW(decode(std::string(1, '\x63')), ProtocolError);
  EXPECT_THROW(decode(encode(Taken{1}) + "x"), ProtocolError);
  EXPECT_THROW(words_of(Exec{"ls", false}), ProtocolError);
  EXPECT_THROW(words_of(Exec{"", false}), ProtocolError);
  EXPECT_THROW(words_of(Exec{std::string(1, '\0'), false}), ProtocolError);
}

TEST(CommandMessages, ACommandIsWordsOfALength) {
  EXPECT_THROW(exec_of({}, false), Error);
  EXPECT_THROW(exec_of({std::string("a\0b", 3)}, false), Error);
  EXPECT_THROW(exec_of({std::string(17000, 'x')}, false), Error);
  EXPECT_LE(encode(exec_of({std::string(16000, 'x')}, false)).size(), longest_message);
}

}  // namespace
}  // namespace ka::wire::command
