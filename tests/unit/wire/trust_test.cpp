/// Keys, handshakes and hashes against published vectors.
#include "wire/trust/key.h"

#include <gmock/gmock.h>

#include "wire/trust/noise.h"
#include "wire/trust/seal.h"

namespace ka::wire {
namespace {

using testing::HasSubstr;
using Side = Handshake::Side;

std::string bytes(std::string_view hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

template <typename Octets>
std::string hex(const Octets& octets) {
  std::string out;
  for (unsigned char c : octets) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

KeyPair pair(std::string_view secret) { return KeyPair(Secret(bytes(secret))); }

// The keys and payloads of the Noise community's "cacophony" vectors.
const char* const init_static = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
const char* const init_ephemeral = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
const char* const resp_static = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
const char* const resp_ephemeral = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";

struct Vector {
  Handshake::Pattern pattern;
  const char* messages[6];
};

const char* const payloads[6] = {"Ludwig von Mises", "Murray Rothbard",   "F. A. Hayek",
                                 "Carl Menger",      "Jean-Baptiste Say", "Eugen B\xf6hm von Bawerk"};

const Vector vectors[] = {
    {Handshake::Pattern::nk,
     {"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
      "8134d00711fdb390a0d178fa008f6d47d2891e5ea18ae136c3b4c23ac384efb0",
      "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
      "8ea16e3701bc0d77744f117bee22451c9afa7f4cdbbcff00c04a8ee0913c88",
      "a62de29ce27cb80245d440d986ed816c156e9d757d7008df2198b0",
      "174a35f11c689f4530d7208618e0564ae12f2f50ba8eb4df5382ff",
      "337e475ebb8eae60f91974c4e455a5af38d1d8628d1803b160d60442874b0a1777",
      "047e80e060b7bb08b53c5a23dfe9920cae135b9d1dc6302fc475003062723700366346ac9d"}},
    {Handshake::Pattern::kn,
     {"ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573",
      "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
      "f8278c9bfd4ac8797dab12ad727f3584ee2fd7ac7f91598f796ab610fc108e",
      "f60f01231c3f26f501ad5e48ea49f4bb0a2fa8068ed2da64e28144",
      "404ffbacac392332d78ef2f984d2790cb3368570f4811664dcf873",
      "4a00f8718baa702633899a4acd2abe7d4346ba2f44cfccf47f17055273a9ffa905",
      "f9522ead1a98211435587cdbf28d6bd06b74c46449ff671c969a4e9395a726845666e44ae4"}},
};

Handshake side(const Vector& vector, Side side) {
  const bool initiates = side == Side::initiator, nk = vector.pattern == Handshake::Pattern::nk;
  Handshake::Keys keys{pair(initiates ? init_ephemeral : resp_ephemeral), {}, {}};
  const KeyPair fixed = pair(nk ? resp_static : init_static);
  if (nk == initiates)
    keys.theirs = fixed.public_key();
  else
    keys.own = fixed;
  return {vector.pattern, side, "John Galt", std::move(keys)};
}

TEST(Noise, SaysWhatThePublishedVectorsSay) {
  for (const Vector& vector : vectors) {
    Handshake initiator = side(vector, Side::initiator), responder = side(vector, Side::responder);
    const std::string first = initiator.write(payloads[0]);
    EXPECT_EQ(hex(first), vector.messages[0]);
    EXPECT_EQ(responder.read(first), payloads[0]);
    const std::string second = responder.write(payloads[1]);
    EXPECT_EQ(hex(second), vector.messages[1]);
    EXPECT_EQ(initiator.read(second), payloads[1]);
    EXPECT_EQ(initiator.hash(), responder.hash());
    Handshake::Ciphers a = initiator.ciphers(), b = responder.ciphers();
    for (std::size_t i = 2; i < 6; ++i) {
      Cipher& out = i % 2 == 0 ? a.out : b.out;
      Cipher& in = i % 2 == 0 ? b.in : a.in;
      const std::string sent = out.encrypt(payloads[i]);
      EXPECT_EQ(hex(sent), vector.messages[i]);
      EXPECT_EQ(in.decrypt(sent), payloads[i]);
    }
  }
}

TEST(Noise, WhoHasAnotherKeyIsNotTheOther) {
  Handshake::Keys expects_another{pair(init_ephemeral), {}, pair(init_static).public_key()};
  Handshake node(Handshake::Pattern::nk, Side::initiator, "John Galt", std::move(expects_another));
  Handshake server = side(vectors[0], Side::responder);
  EXPECT_THROW(server.read(node.write()), NotAuthentic);

  Handshake::Keys has_another{pair(init_ephemeral), pair(resp_static), {}};
  Handshake operator_(Handshake::Pattern::kn, Side::initiator, "John Galt", std::move(has_another));
  Handshake machine = side(vectors[1], Side::responder);
  machine.read(operator_.write());
  EXPECT_THROW(operator_.read(machine.write()), NotAuthentic);
}

TEST(Noise, NothingIsChangedRepeatedOrLeftOut) {
  Handshake initiator = side(vectors[0], Side::initiator), responder = side(vectors[0], Side::responder);
  responder.read(initiator.write());
  initiator.read(responder.write());
  Handshake::Ciphers a = initiator.ciphers();
  const std::string one = a.out.encrypt("one"), two = a.out.encrypt("two");
  {
    Cipher in = responder.ciphers().in;
    EXPECT_THROW(in.decrypt(two), NotAuthentic);
  }
  {
    Cipher in = responder.ciphers().in;
    in.decrypt(one);
    EXPECT_THROW(in.decrypt(one), NotAuthentic);
  }
  for (std::size_t i = 0; i < one.size(); ++i) {
    Cipher in = responder.ciphers().in;
    std::string changed = one;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THROW(in.decrypt(changed), NotAuthentic) << i;
  }
  Cipher in = responder.ciphers().in;
  EXPECT_THROW(in.decrypt("short"), NotAuthentic);
}

TEST(Noise, ShortMessagesAndWeakKeysAreRefused) {
  for (std::size_t size : {0, 31, 32, 47}) {
    Handshake responder = side(vectors[0], Side::responder);
    EXPECT_THROW(responder.read(std::string(size, '\0')), NotAuthentic) << size;
  }
  // All zeros is a point of low order: whatever the own key is, the secret would be zero.
  Handshake responder = side(vectors[0], Side::responder);
  EXPECT_THROW(responder.read(std::string(48, '\0')), NotAuthentic);
}

TEST(Key, IsWrittenInOneWayOnly) {
  const PublicKey key = pair(resp_static).public_key();
  EXPECT_EQ(hex(key), "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62");
  const std::string text = to_text(key);
  EXPECT_EQ(text, "MeAwP9ZBjS-MDni5HyLoyu0Pvkhlbc9HZ-SDT3Abj2I");
  EXPECT_EQ(parse_public_key(text), key);
  EXPECT_FALSE(parse_public_key(text + "="));
  EXPECT_FALSE(parse_public_key(text.substr(1)));
  EXPECT_FALSE(parse_public_key(text.substr(0, 42) + "J"));  // the same bits, and one too many
  EXPECT_FALSE(parse_public_key(std::string(43, ' ')));
  EXPECT_EQ(parse_public_keys(text + "," + text).size(), 2u);
  try {
    parse_public_keys(text + ",nonsense");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("nonsense"));
  }
  const KeyPair again = parse_key_pair(secret_text(pair(resp_static)).text());
  EXPECT_EQ(again.public_key(), key);
  EXPECT_THROW(parse_key_pair("nonsense"), Error);
  EXPECT_THROW(KeyPair(Secret("short")), Error);
}

TEST(Key, HasAFingerprintOfSixWords) {
  const PublicKey key = pair(resp_static).public_key();
  const std::string words = fingerprint(key);
  EXPECT_EQ(words.size(), 6u * 5 + 5) << words;
  PublicKey other = key;
  other[0] ^= 1;
  EXPECT_NE(words, fingerprint(other));
}

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// BLAKE3's own test vectors: bytes 0 to 250, over and over.
TEST(Seal, HashesAsBlake3Does) {
  std::string input;
  for (std::size_t i = 0; i < 1024; ++i) input += static_cast<char>(i % 251);
  EXPECT_EQ(hex(hash_of({})), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  EXPECT_EQ(hex(hash_of(as_bytes(input))), "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
}

// RFC 8032 §7.1, test 2.
TEST(Seal, SignsAsEd25519Does) {
  const Signer signer(Secret(bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")));
  EXPECT_EQ(hex(signer.key()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Signature signature = signer.sign("\x72");
  EXPECT_EQ(hex(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(is_signed(signer.key(), "\x72", signature));
  EXPECT_FALSE(is_signed(signer.key(), "\x73", signature));
  SealKey other = signer.key();
  other[5] ^= 1;
  EXPECT_FALSE(is_signed(other, "\x72", signature));
}

TEST(Seal, ScramblesEachChunkAnotherWay) {
  const Secret key(std::string(32, 'k'));
  const std::string plain = "the same bytes, twice";
  std::string at_0 = plain, at_64k = plain;
  scramble(key, 0, as_bytes(plain), reinterpret_cast<std::byte*>(at_0.data()));
  scramble(key, 65536, as_bytes(plain), reinterpret_cast<std::byte*>(at_64k.data()));
  EXPECT_NE(at_0, plain);
  EXPECT_NE(at_0, at_64k);
  scramble(key, 0, as_bytes(at_0), reinterpret_cast<std::byte*>(at_0.data()));
  EXPECT_EQ(at_0, plain);
}

}  // namespace
}  // namespace ka::wire
