// What comes from the network is taken whole and right, or not at all.

#include <gtest/gtest.h>

#include <cstring>

#include "wire/chunk.h"
#include "wire/discovery.h"
#include "wire/messages.h"
#include "wire/node_stream.h"
#include "wire/ring.h"

namespace ka::wire {
namespace {

// Frames of every kind that a byte can be taken from, or changed in.
std::vector<std::string> sample_frames() {
  Introduction who;
  who.host_name = "n";
  return {encode(Hello{hello_magic, protocol_version, "proof"}),
          encode(who),
          encode(Join{"s"}),
          encode(UpstreamLost{1, 2, 3, true, "why"}),
          encode(Finished{1, 2, {}}),
          encode(Start{1, "s", 1, 1 << 20, 1024, "", std::string(32, 'k'), ""}),
          encode(Link{1, 2, {3, 4}}),
          encode(Identity{{{IdentityClass::reported, "rhsm", "/etc/pki/consumer/cert.pem"}}})};
}

TEST(Messages, SurviveAnyCutOfTheByteStream) {
  std::string bytes;
  for (const std::string& frame : sample_frames()) bytes += frame;
  for (std::size_t step : {1u, 3u, 7u, 1000u}) {
    MessageDecoder decoder;
    std::size_t found = 0;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      decoder.feed(std::string_view(bytes).substr(at, step));
      while (decoder.next()) ++found;
    }
    EXPECT_EQ(found, sample_frames().size()) << "in pieces of " << step;
  }
}

TEST(Messages, TruncatedFieldsAreRefused) {
  for (const std::string& frame : sample_frames()) {
    const std::string body = frame.substr(4);
    for (std::size_t size = 0; size < body.size(); ++size) {
      // Of a hello of another version only its start is looked at; this one's version is cut off or right.
      EXPECT_THROW(decode(std::string_view(body).substr(0, size)), ProtocolError) << size << " of " << body.size();
    }
    EXPECT_THROW(decode(body + "x"), ProtocolError);
  }
}

TEST(Messages, LengthsOutOfBoundsAreRefusedBeforeAnythingIsHeld) {
  for (const char* bytes : {"\xff\xff\xff\xff", "\x00\x01\x00\x00", "\x00\x00\x00\x00"}) {
    MessageDecoder decoder;
    decoder.feed({bytes, 4});
    EXPECT_THROW(decoder.next(), ProtocolError);
  }
}

TEST(Messages, AnotherVersionIsRecognizedWhateverFollows) {
  Hello hello;
  hello.version = 7;
  std::string body = encode(hello).substr(4);
  body.resize(7);
  EXPECT_EQ(std::get<Hello>(decode(body + "fields of the future")).version, 7);
}

TEST(Messages, LongReasonsAreCutToWhatADecoderTakes) {
  MessageDecoder decoder;
  decoder.feed(encode(Failed{std::string(100'000, 'x')}));
  std::optional<Message> message = decoder.next();
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Failed>(*message).reason.size(), 4096u);
}

TEST(Messages, NamesAreCutToWhatATableCanHold) {
  Introduction who;
  who.host_name = std::string(4000, 'h');
  who.hardware_address = std::string(4000, 'a');
  who.token = std::string(4000, 't');
  const Message message = decode(encode(who).substr(4));
  EXPECT_EQ(std::get<Introduction>(message).host_name.size(), 253u);
  EXPECT_EQ(std::get<Introduction>(message).hardware_address.size(), 17u);
  EXPECT_EQ(std::get<Introduction>(message).token.size(), 128u);
  EXPECT_EQ(std::get<Stage>(decode(encode(Stage{std::string(4000, 's')}).substr(4))).text.size(), 253u);
}

TEST(Messages, WhatNoSenderSendsIsRefused) {
  std::string body;
  Writer writer(body);
  writer(Failed::type);
  writer(std::string_view(std::string(4097, 'x')));
  EXPECT_THROW(decode(body), ProtocolError);
  EXPECT_THROW(decode(encode(Join{"a b"}).substr(4)), ProtocolError);
  EXPECT_THROW(decode(encode(Start{1, "s", 1, 1 << 20, 1, "", "", ""}).substr(4)), ProtocolError);
}

// Both ends of an encrypted connection.
struct Pair {
  Pair() : out(Secret(std::string(32, 'k'))) { in.decrypts(Cipher(Secret(std::string(32, 'k')))); }
  Cipher out;
  MessageDecoder in;
};

TEST(EncryptedMessages, ComeWholeWhereverTheyAreCut) {
  Pair pair;
  const std::string bytes = encode(Join{"s"}, pair.out) + encode(Failed{std::string(4096, 'x')}, pair.out);
  EXPECT_EQ(bytes.find("xxx"), std::string::npos);
  std::vector<Message> found;
  for (char byte : bytes) {
    pair.in.feed({&byte, 1});
    while (auto message = pair.in.next()) found.push_back(*message);
  }
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(std::get<Join>(found[0]).session, "s");
  EXPECT_EQ(std::get<Failed>(found[1]).reason.size(), 4096u);
}

TEST(EncryptedMessages, ChangedLeftOutOrRepeatedOnesEndTheConnection) {
  Pair good;
  const std::string first = encode(Join{"a"}, good.out), second = encode(Join{"b"}, good.out);
  for (std::size_t at = 4; at < first.size(); ++at) {
    Pair pair;
    std::string changed = first;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    pair.in.feed(changed);
    EXPECT_THROW(pair.in.next(), NotAuthentic) << at;
  }
  for (const std::string& wrong : {second, first + first, second + first}) {
    Pair pair;
    pair.in.feed(wrong);
    EXPECT_THROW(while (pair.in.next()){}, NotAuthentic);
  }
}

TEST(EncryptedMessages, WhatIsInClearIsNotTaken) {
  for (const std::string& frame : sample_frames()) {
    Pair pair;
    pair.in.feed(frame);
    EXPECT_ANY_THROW(pair.in.next());
  }
  Pair pair;
  pair.in.feed({"\0\0\0\x10", 4});
  EXPECT_THROW(pair.in.next(), ProtocolError) << "no room for a type";
}

TEST(Discovery, OnlySessionNamesAreAnswered) {
  EXPECT_TRUE(is_session_name("kainstall2"));
  for (const char* name : {"", "a b", "a/b", "\n"}) EXPECT_FALSE(is_session_name(name));
  EXPECT_FALSE(is_session_name(std::string(65, 'a')));
  EXPECT_THROW(parse_discovery_query(encode(DiscoveryQuery{1, "a b"})), ProtocolError);
  EXPECT_THROW(parse_discovery_query(encode(DiscoveryQuery{1, "a"}) + "x"), ProtocolError);
  EXPECT_THROW(parse_discovery_query(""), ProtocolError);
}

TEST(ChunkHeaders, ImpossibleOnesAreRefused) {
  ChunkHeader header;
  header.length = longest_chunk + 1;
  EXPECT_THROW(parse_chunk_header(encode(header)), ProtocolError);
  header.length = 0;
  EXPECT_THROW(parse_chunk_header(encode(header)), ProtocolError);
  header.length = 2;
  header.offset = ~std::uint64_t{0};
  EXPECT_THROW(parse_chunk_header(encode(header)), ProtocolError);
  header.kind = ChunkHeader::Kind::end;
  EXPECT_THROW(parse_chunk_header(encode(header)), ProtocolError);
  EXPECT_THROW(parse_chunk_header(std::string(chunk_header_size, 'x')), ProtocolError);
}

class Stream : public testing::Test {
 protected:
  static constexpr std::uint32_t size = 100;

  static constexpr std::uint64_t ring = 8 * size;

  Stream() : stream_(start(), ring) {}

  static Start start() { return {1, "s", 1, ring, size, "", "", ""}; }

  std::shared_ptr<Chunk> chunk(std::uint64_t offset, char fill) {
    std::shared_ptr<Chunk> made = pool_.get();
    made->header = ChunkHeader();
    made->header.length = size;
    made->header.offset = offset;
    std::memset(made->room.get(), fill, size);
    made->header.digest = chunk_digest(made->header, made->bytes());
    return made;
  }

  void take(std::uint64_t offset) {
    auto next = chunk(offset, 'a');
    digest_.add(next->header);
    stream_.take(next);
  }

  ChunkHeader end(std::uint64_t bytes) {
    ChunkHeader mark;
    mark.kind = ChunkHeader::Kind::end;
    mark.offset = bytes;
    mark.digest = digest_.value();
    return mark;
  }

  ChunkPool pool_;
  StreamDigest digest_;
  NodeStream stream_;
};

TEST_F(Stream, ADamagedChunkIsNotTaken) {
  auto damaged = chunk(0, 'a');
  damaged->room[50] ^= std::byte{1};
  EXPECT_THROW(stream_.take(damaged), ProtocolError);
  EXPECT_EQ(stream_.position().received, 0u);
  take(0);
  EXPECT_EQ(stream_.position().received, size);
}

TEST_F(Stream, AChunkInTheWrongPlaceIsNotTaken) {
  EXPECT_THROW(stream_.take(chunk(size, 'a')), ProtocolError);
  auto moved = chunk(size, 'a');
  moved->header.offset = 0;
  EXPECT_THROW(stream_.take(moved), ProtocolError) << "its digest is of another place";
}

TEST_F(Stream, APackedChunkIsTakenOnlyWhereTheStreamIsPacked) {
  Start packed = start();
  packed.packing = zstd_packing;
  NodeStream other(packed, ring);
  auto made = chunk(0, 'a');
  made->header.packed = true;
  EXPECT_THROW(other.take(made), ProtocolError) << "its digest is that of a plain one";
  made->header.digest = chunk_digest(made->header, made->bytes());
  EXPECT_THROW(stream_.take(made), ProtocolError);
  other.take(made);
  EXPECT_EQ(parse_chunk_header(encode(made->header)).packed, true);
  packed.packing = "lzma";
  EXPECT_THROW(NodeStream(packed, ring), ProtocolError);
}

TEST_F(Stream, NoWindowIsTakenThatWasNotOffered) {
  for (std::uint64_t window : {ring + 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    Start wide = start();
    wide.window = window;
    EXPECT_THROW(NodeStream(wide, ring), ProtocolError) << window;
  }
}

TEST_F(Stream, AShortChunkIsTheLastOneOrStandsWherePackingChanges) {
  Start packed = start();
  packed.packing = zstd_packing;
  NodeStream stream(packed, ring);
  auto piece = [&](std::uint32_t length, bool is_packed) {
    auto made = chunk(stream.position().received, 'a');
    made->header.length = length;
    made->header.packed = is_packed;
    made->header.digest = chunk_digest(made->header, made->bytes());
    return made;
  };
  stream.take(piece(size, false));
  stream.take(piece(1, false));
  EXPECT_THROW(stream.take(piece(1, false)), ProtocolError);
  EXPECT_THROW(stream.take(piece(size, false)), ProtocolError);
  stream.take(piece(1, true));
  EXPECT_THROW(stream.take(piece(size, true)), ProtocolError);
  stream.take(piece(size, false));
}

// Whoever sends crumbs, packed and plain in turns, is not believed for long, however large the window.
TEST_F(Stream, CrumbsDoNotFillTheMemory) {
  Start large = start();
  large.chunk = longest_chunk;
  large.window = 512 << 20;
  large.packing = zstd_packing;
  NodeStream stream(large, large.window);
  std::size_t taken = 0;
  auto take_crumbs = [&] {
    for (; taken < 1'000'000; ++taken) {
      std::shared_ptr<Chunk> crumb = pool_.get(1);
      crumb->header.length = 1;
      crumb->header.offset = taken;
      crumb->header.packed = taken % 2 == 1;
      crumb->room[0] = std::byte{1};
      crumb->header.digest = chunk_digest(crumb->header, crumb->bytes());
      stream.take(std::move(crumb));
    }
  };
  EXPECT_THROW(take_crumbs(), ProtocolError);
  EXPECT_EQ(taken, 2u * (512 << 20) / longest_chunk + 64);
}

TEST_F(Stream, AShortOrChangedStreamIsNeverWhole) {
  take(0);
  take(size);
  EXPECT_THROW(stream_.take_end(end(size)), ProtocolError);
  EXPECT_THROW(stream_.take_end(end(3 * size)), ProtocolError);
  ChunkHeader wrong = end(2 * size);
  wrong.digest[0] ^= 1;
  EXPECT_THROW(stream_.take_end(wrong), ProtocolError);
  EXPECT_FALSE(stream_.whole());
  stream_.take_end(end(2 * size));
  EXPECT_TRUE(stream_.whole());
}

TEST_F(Stream, ReadsNoFurtherThanItsSinkAllows) {
  std::uint64_t offset = 0;
  for (; stream_.room(); offset += size) take(offset);
  EXPECT_EQ(offset, 8 * size);
  stream_.sunk(*stream_.for_sink(), std::chrono::microseconds(5));
  EXPECT_TRUE(stream_.room());
  EXPECT_EQ(stream_.position().sink_busy, 5u);
}

TEST_F(Stream, KeepsAWindowForThoseBehindIt) {
  for (std::uint64_t offset = 0; offset < 30 * size; offset += size) {
    take(offset);
    stream_.sunk(*stream_.for_sink(), std::chrono::microseconds(0));
  }
  EXPECT_TRUE(stream_.ring().can_serve(22 * size));
  EXPECT_FALSE(stream_.ring().can_serve(21 * size));
  EXPECT_FALSE(stream_.ring().can_serve(22 * size + 1)) << "chunks are never cut";
  EXPECT_THROW(stream_.ring().find(0), ProtocolError);
}

TEST_F(Stream, OnlyANewerEpochChangesTheUpstream) {
  EXPECT_TRUE(stream_.link({1, 5, {1, 1}}));
  EXPECT_FALSE(stream_.link({1, 5, {2, 2}}));
  EXPECT_FALSE(stream_.link({1, 4, {2, 2}}));
  EXPECT_FALSE(stream_.link({2, 9, {2, 2}})) << "another stream's";
  EXPECT_EQ(stream_.upstream(), (Endpoint{1, 1}));
}

}  // namespace
}  // namespace ka::wire
