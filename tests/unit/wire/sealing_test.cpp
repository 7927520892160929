/// A sealed stream at a node: what members of the chain can do to it, and what comes of it.
#include "wire/sealing.h"

#include <gmock/gmock.h>

#include <cstring>
#include <functional>

#include "wire/node_stream.h"

namespace ka::wire {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t stream_id = 7;
constexpr std::uint32_t size = 1024;
constexpr std::uint64_t window = 64 * size;

class SealedStream : public testing::Test {
 protected:
  SealedStream() : sealer_(stream_id, Signer(Secret(std::string(32, 's')))) {}

  // As the server makes them.
  ChunkPtr chunk(char what) {
    auto chunk = std::make_shared<Chunk>(size);
    chunk->header.length = size;
    chunk->header.offset = sent_;
    std::memset(chunk->room.get(), what, size);
    sealer_.add(*chunk);
    sent_ += size;
    return chunk;
  }
  ChunkPtr seal(bool last = false) { return sealer_.seal(sent_, last, digest_); }
  ChunkHeader end() {
    ChunkHeader end;
    end.kind = ChunkHeader::Kind::end;
    end.offset = sent_;
    end.digest = digest_.value();
    return end;
  }
  // As a member can that has not the server's key.
  static std::shared_ptr<Chunk> altered(const ChunkPtr& chunk) {
    auto other = std::make_shared<Chunk>(chunk->header.length);
    other->header = chunk->header;
    std::memcpy(other->room.get(), chunk->room.get(), chunk->header.length);
    other->room[3] ^= std::byte{1};
    if (chunk->header.kind == ChunkHeader::Kind::data) other->header.digest = digest_of(hash_of(other->bytes()));
    return other;
  }
  Start start() const {
    Start start{stream_id, "s", 1, window, size, "", "", ""};
    start.seal.assign(sealer_.key().begin(), sealer_.key().end());
    return start;
  }
  static std::string why(const std::function<void()>& what) {
    try {
      what();
    } catch (const Forged& error) {
      return std::string("forged: ") + error.what();
    } catch (const ProtocolError& error) {
      return error.what();
    }
    return "";
  }

  Sealer sealer_;
  StreamDigest digest_;
  std::uint64_t sent_ = 0;
};

TEST_F(SealedStream, TheSinkGetsNothingBeforeItsSeal) {
  NodeStream node(start(), window);
  node.take(chunk('a'));
  node.take(chunk('b'));
  EXPECT_EQ(node.for_sink(), nullptr);
  EXPECT_EQ(node.position().received, 0u);
  EXPECT_EQ(node.ring().end(), 2u * size) << "its successor gets it at once";
  node.take_seal(seal());
  ASSERT_NE(node.for_sink(), nullptr);
  EXPECT_EQ(node.position().received, 2u * size);
  node.take(chunk('c'));
  node.take_seal(seal(true));
  node.take_end(end());
  EXPECT_TRUE(node.whole());
  EXPECT_EQ(node.end_mark()->digest, end().digest);
}

TEST_F(SealedStream, AlteredBytesAreFoundByTheirSeal) {
  NodeStream node(start(), window);
  node.take(chunk('a'));
  node.take(altered(chunk('b')));
  const ChunkPtr right = seal();
  EXPECT_THAT(why([&] { node.take_seal(right); }), HasSubstr("forged"));
  EXPECT_EQ(node.for_sink(), nullptr);
  EXPECT_EQ(node.fall_back(), 0u);
  EXPECT_EQ(node.hop_open().offset, 0u);
}

TEST_F(SealedStream, AnotherSealIsNone) {
  NodeStream node(start(), window);
  node.take(chunk('a'));
  const ChunkPtr right = seal();
  EXPECT_THAT(why([&] { node.take_seal(altered(right)); }), HasSubstr("forged"));
  auto says_last = std::make_shared<Chunk>(right->header.length);
  says_last->header = right->header;
  says_last->header.last = true;
  std::memcpy(says_last->room.get(), right->room.get(), right->header.length);
  EXPECT_THAT(why([&] { node.take_seal(says_last); }), HasSubstr("forged")) << "it would be a shorter stream";
  node.take_seal(right);
  EXPECT_EQ(node.position().received, 1u * size);
}

TEST_F(SealedStream, OfAnotherStreamOrServerProvesNothing) {
  for (const std::uint64_t stream : {stream_id, stream_id + 1}) {
    Sealer other(stream, Signer(Secret(std::string(32, stream == stream_id ? 'x' : 's'))));
    StreamDigest digest;
    auto chunk = std::make_shared<Chunk>(size);
    chunk->header.length = size;
    std::memset(chunk->room.get(), 'a', size);
    other.add(*chunk);
    NodeStream node(start(), window);
    node.take(chunk);
    EXPECT_THAT(why([&] { node.take_seal(other.seal(size, false, digest)); }), HasSubstr("forged"));
  }
}

TEST_F(SealedStream, ChunksInAnotherOrderAreRefused) {
  NodeStream node(start(), window);
  const ChunkPtr first = chunk('a'), second = chunk('b');
  EXPECT_THAT(why([&] { node.take(second); }), HasSubstr("was due"));
  auto moved = altered(second);
  moved->header.offset = 0;
  node.take(moved);
  moved = altered(first);
  moved->header.offset = size;
  node.take(moved);
  EXPECT_THAT(why([&] { node.take_seal(seal()); }), HasSubstr("forged"));
}

TEST_F(SealedStream, AnEndWithoutItsSealIsNone) {
  NodeStream node(start(), window);
  node.take(chunk('a'));
  node.take_seal(seal());
  EXPECT_THAT(why([&] { node.take_end(end()); }), HasSubstr("last seal"));
  EXPECT_FALSE(node.whole());
}

// A hop that begins anew repeats the seals where it begins; a stream that stood still has two there.
TEST_F(SealedStream, SealsMayComeAgain) {
  NodeStream node(start(), window);
  node.take(chunk('a'));
  const ChunkPtr first = seal(), last = seal(true);
  node.take_seal(first);
  node.take_seal(first);
  node.take_seal(last);
  node.take_seal(first);
  node.take_seal(last);
  node.take_end(end());
  EXPECT_TRUE(node.whole());

  Place place{size, 0};
  EXPECT_EQ(node.ring().next(place), first);
  EXPECT_EQ(node.ring().next(place), last);
  EXPECT_EQ(node.ring().next(place), nullptr);
}

TEST_F(SealedStream, WhatIsNotProvedCanBeTakenBack) {
  NodeStream node(start(), window);
  const ChunkPtr a = chunk('a');
  node.take(a);
  node.take_seal(seal());
  const ChunkPtr b = chunk('b'), c = chunk('c');
  node.take(b);
  node.take(altered(c));
  EXPECT_THAT(why([&] { node.take_back(0); }), HasSubstr("takes back")) << "it is proved";
  EXPECT_THAT(why([&] { node.take_back(3 * size); }), HasSubstr("takes back")) << "it never came";
  EXPECT_THAT(why([&] { node.take_back(2 * size + 1); }), HasSubstr("takes back"));
  node.take_back(2 * size);
  EXPECT_EQ(node.ring().end(), 2u * size);
  node.take(c);
  node.take_seal(seal());
  EXPECT_EQ(node.position().received, 3u * size);
}

TEST_F(SealedStream, GoesOnWithTheServerAlone) {
  NodeStream node(start(), window);
  node.link({stream_id, 1, {0, 1}});
  EXPECT_FALSE(node.goes_on());
  node.link({stream_id, 2, {0, 1}});
  EXPECT_TRUE(node.goes_on());
  node.link({stream_id, 3, {7, 1}});
  EXPECT_FALSE(node.goes_on());
  node.link({stream_id, 4, {7, 1}});
  EXPECT_FALSE(node.goes_on()) << "what came may have been taken back meanwhile";
  node.link({stream_id, 5, {0, 1}});
  EXPECT_FALSE(node.goes_on());
}

TEST_F(SealedStream, WithoutSealsNothingIsHeldForEver) {
  NodeStream node(start(), window);
  std::string said;
  for (int i = 0; i < 64 && said.empty(); ++i) {
    const ChunkPtr next = chunk('a');
    said = why([&] { node.take(next); });
  }
  EXPECT_THAT(said, HasSubstr("where a seal was due"));
}

TEST_F(SealedStream, StrangeKeysAreRefused) {
  Start wrong = start();
  wrong.seal = "short";
  EXPECT_THAT(why([&] { NodeStream(wrong, window); }), HasSubstr("seal of another kind"));
  wrong = start();
  wrong.cipher = "short";
  EXPECT_THAT(why([&] { NodeStream(wrong, window); }), HasSubstr("encrypted"));
  wrong.seal.clear();
  wrong.cipher = std::string(32, 'c');
  EXPECT_THAT(why([&] { NodeStream(wrong, window); }), HasSubstr("encrypted")) << "nothing would find changed bytes";
  NodeStream plain(Start{stream_id, "s", 1, window, size, "", "", ""}, window);
  EXPECT_THAT(why([&] { plain.take_seal(seal()); }), HasSubstr("has none"));
  EXPECT_THAT(why([&] { plain.take_back(0); }), HasSubstr("takes back"));
}

}  // namespace
}  // namespace ka::wire
