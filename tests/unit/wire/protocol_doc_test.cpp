// The examples of docs/protocol.md are what the code sends and understands.

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <span>

#include "base/files.h"
#include "base/text.h"
#include "wire/chunk.h"
#include "wire/command/channel.h"
#include "wire/discovery.h"
#include "wire/greeting.h"
#include "wire/messages.h"
#include "wire/sealing.h"

namespace ka::wire {
namespace {

class ProtocolDoc : public testing::Test {
 protected:
  void SetUp() override {
    const std::string doc = read_file(KA_SOURCE "/docs/protocol.md");
    std::string* block = nullptr;
    for (std::string_view line : split(doc, '\n')) {
      if (line.starts_with("```hex ")) {
        block = &examples_[std::string(line.substr(7))];
      } else if (line.starts_with("```")) {
        block = nullptr;
      } else if (block) {
        for (std::string_view byte : words(line)) *block += static_cast<char>(parse_unsigned(byte, 16).value());
      }
    }
  }

  std::string example(const std::string& name) {
    EXPECT_EQ(examples_.count(name), 1u) << "docs/protocol.md has no example " << name;
    return examples_[name];
  }

  // The message in an example; encoding it again must give the same bytes.
  template <typename T>
  T message(const std::string& name) {
    MessageDecoder decoder;
    decoder.feed(example(name));
    std::optional<Message> message = decoder.next();
    EXPECT_TRUE(message && std::holds_alternative<T>(*message)) << name;
    EXPECT_EQ(encode(*message), example(name)) << name;
    return std::get<T>(*message);
  }

 private:
  std::map<std::string, std::string> examples_;
};

TEST_F(ProtocolDoc, Discovery) {
  EXPECT_EQ(parse_discovery_query(example("query")).session, "getstage2");
  EXPECT_EQ(parse_discovery_answer(example("answer")).control_port, 30765);
  EXPECT_THROW(parse_discovery_answer(example("query")), ProtocolError);
}

TEST_F(ProtocolDoc, Messages) {
  EXPECT_EQ(message<Introduction>("introduction").host_name, "node41");
  EXPECT_EQ(message<Admitted>("admitted").features, known_features);
  EXPECT_EQ(message<Join>("join").session, "getstage2");
  EXPECT_EQ(message<Start>("start").window, 34u << 20);
  EXPECT_EQ(message<Link>("link").upstream.address_text(), "10.0.1.41");
  EXPECT_EQ(message<Position>("position").sunk, 917504u);
  EXPECT_EQ(message<PutOut>("put-out").reason, "its sink is too slow");
  EXPECT_EQ(message<Ready>("ready").disks.at(0).serial, "QM00001");
  EXPECT_EQ(message<MayWrite>("may-write").question, message<Ready>("ready").question);
  EXPECT_EQ(message<Identity>("identity").notes.at(1).where, "/etc/motd:2");
  EXPECT_EQ(message<MayWrite>("may-write").passphrases.at(0).device, "sda3_crypt");
  EXPECT_EQ(message<MayWrite>("may-write").passphrases.at(0).passphrase.text(), "correct horse");
  EXPECT_EQ(message<Ping>("ping").token, 42u);
}

// 32 bytes, each one more than the one before.
Secret bytes_from(char first) {
  std::string bytes;
  for (char i = 0; i < 32; ++i) bytes += static_cast<char>(first + i);
  return Secret(bytes);
}

TEST_F(ProtocolDoc, Greeting) {
  const KeyPair key(bytes_from(0));
  EXPECT_EQ(to_text(key.public_key()), "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8");
  NodeGreeting node(key.public_key(), bytes_from(0x20));
  EXPECT_EQ(encode(node.hello()), example("hello"));
  const Greeted server = greet(message<Hello>("hello"), key, bytes_from(0x40));
  EXPECT_EQ(encode(server.welcome), example("welcome"));
  std::optional<Handshake::Ciphers> ciphers = node.accept(message<Welcome>("welcome"));
  ASSERT_TRUE(ciphers && server.ciphers);
  EXPECT_EQ(encode(message<Introduction>("introduction"), ciphers->out), example("introduction-encrypted"));
  MessageDecoder decoder;
  decoder.decrypts(server.ciphers->in);
  decoder.feed(example("introduction-encrypted"));
  const std::optional<Message> read = decoder.next();
  ASSERT_TRUE(read);
  EXPECT_EQ(encode(*read), example("introduction"));
}

TEST_F(ProtocolDoc, Hops) {
  HopOpen open = parse_hop_open(example("hop-open"));
  EXPECT_EQ(open.offset, 1048576u);
  EXPECT_EQ(encode(open), example("hop-open"));

  const std::string chunk = example("chunk");
  ChunkHeader header = parse_chunk_header(std::string_view(chunk).substr(0, chunk_header_size));
  const std::string bytes = chunk.substr(chunk_header_size);
  EXPECT_EQ(bytes, "hello, node\n");
  EXPECT_EQ(chunk_digest(header, std::as_bytes(std::span(bytes))), header.digest);

  StreamDigest digest;
  digest.add(header);
  EXPECT_EQ(parse_chunk_header(example("end")).digest, digest.value());
}

TEST_F(ProtocolDoc, Seals) {
  auto item = [](const std::string& bytes) {
    const std::string_view rest = std::string_view(bytes).substr(chunk_header_size);
    auto chunk = std::make_shared<Chunk>(static_cast<std::uint32_t>(rest.size()));
    chunk->header = parse_chunk_header(std::string_view(bytes).substr(0, chunk_header_size));
    std::memcpy(chunk->room.get(), rest.data(), rest.size());
    EXPECT_EQ(chunk->header.length, rest.size());
    return chunk;
  };
  const Secret seed(std::string(32, 'k'));
  SealCheck check(0x1122334455667788, Signer(seed).key(), 1 << 20);
  check.add(*item(example("sealed-chunk")));
  StreamDigest digest;
  check.take(*item(example("seal")), digest);
  EXPECT_TRUE(check.is_last());
  EXPECT_EQ(check.proved(), 12u);
}

TEST_F(ProtocolDoc, Operators) {
  const auto key = [](char byte) { return KeyPair(Secret(std::string(key_size, byte))); };
  command::Call call(key('k'), key('c'));
  command::Visit node({key('k').public_key()}, key('?').public_key(), key('n'));
  EXPECT_EQ(call.opening(), example("operator-opening"));
  node.feed(example("operator-opening"));
  EXPECT_EQ(node.answer(), example("operator-answer"));
  call.feed(example("operator-answer"));
  ASSERT_TRUE(call.is_open());

  node.feed(example("exec"));
  const std::optional<command::Message> exec = node.next();
  ASSERT_TRUE(exec);
  EXPECT_EQ(command::encode(*exec), example("exec-message"));
  EXPECT_EQ(command::words_of(std::get<command::Exec>(*exec)), (std::vector<std::string>{"uname", "-r"}));
  call.feed(example("output") + example("ended"));
  EXPECT_EQ(std::get<command::Output>(call.next().value()).bytes, "6.1.0-41-amd64\n");
  EXPECT_EQ(command::encode(call.next().value()), example("ended-message"));
}

}  // namespace
}  // namespace ka::wire
