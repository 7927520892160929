// Headers of LUKS, as cryptsetup 2.6 wrote them, and what they must not be able to do to who reads them.
#include "wire/storage/luks_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "wire/storage/rule.h"

namespace ka::storage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* uuid = "6f0a5f6f-2a2a-4a53-9f0e-0f2a2a5c0f2a";

void put(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(value >> 8 * (size - 1 - i));
}

std::string version_1() {
  std::string bytes(592, '\0');
  bytes.replace(0, 6, "LUKS\xba\xbe");
  put(bytes, 6, 1, 2);
  bytes.replace(8, 3, "aes");
  bytes.replace(40, 11, "xts-plain64");
  bytes.replace(72, 6, "sha256");
  put(bytes, 104, 4096, 4);
  put(bytes, 108, 64, 4);
  bytes.replace(168, 36, uuid);
  for (std::size_t slot = 0; slot < 8; ++slot) put(bytes, 208 + 48 * slot, slot < 2 ? 0x00ac71f3 : 0x0000dead, 4);
  return bytes;
}

// What stands behind "keyslots":, and so on.
struct Json {
  std::string slots =
      R"({"0":{"type":"luks2","key_size":64,"af":{"type":"luks1","stripes":4000,"hash":"sha256"},)"
      R"("area":{"type":"raw","offset":"32768","size":"258048","encryption":"aes-xts-plain64","key_size":64},)"
      R"("kdf":{"type":"argon2id","time":4,"memory":32768,"cpus":2,"salt":"1b0rgVCDWW/2PauTlla1UYBeq8OYObuhgYS2oDVwdKU="}}})";
  std::string tokens = "{}";
  std::string segments = R"({"0":{"type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0",)"
                         R"("encryption":"aes-xts-plain64","sector_size":4096}})";
  std::string config = R"({"json_size":"12288","keyslots_size":"16744448"})";

  std::string text() const {
    return R"({"keyslots":)" + slots + R"(,"tokens":)" + tokens + R"(,"segments":)" + segments +
           R"(,"digests":{},"config":)" + config + "}";
  }
};

std::string version_2(const std::string& json, std::size_t size = 16384) {
  std::string bytes(size, '\0');
  bytes.replace(0, 6, "LUKS\xba\xbe");
  put(bytes, 6, 2, 2);
  put(bytes, 8, size, 8);
  bytes.replace(24, 8, "my label");
  bytes.replace(168, 36, uuid);
  bytes.replace(4096, json.size(), json);
  return bytes;
}

std::string strange(const Json& json) { return read_luks_header(version_2(json.text())).strange; }

std::string error_of(const std::string& bytes) {
  try {
    read_luks_header(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  if (at == std::string::npos) ADD_FAILURE() << what;
  return text.replace(at, what.size(), with);
}

TEST(LuksHeaderTest, SaysWhatVersion1Is) {
  const LuksHeader header = read_luks_header(version_1());
  EXPECT_EQ(header.crypt.version, 1u);
  EXPECT_EQ(header.crypt.uuid, uuid);
  EXPECT_EQ(header.crypt.cipher, "aes-xts-plain64");
  EXPECT_EQ(header.crypt.key_bits, 512u);
  EXPECT_EQ(header.crypt.hash, "sha256");
  EXPECT_EQ(header.crypt.key_derivation, "pbkdf2");
  EXPECT_EQ(header.crypt.offset, 2u << 20);
  EXPECT_EQ(header.crypt.sector, 512u);
  EXPECT_EQ(header.keys, 2u);
  EXPECT_EQ(header.strange, "");
  EXPECT_EQ(luks_header_size(version_1()), 592u);
}

TEST(LuksHeaderTest, SaysWhatVersion2Is) {
  const LuksHeader header = read_luks_header(version_2(Json().text()));
  EXPECT_EQ(header.crypt.version, 2u);
  EXPECT_EQ(header.crypt.uuid, uuid);
  EXPECT_EQ(header.crypt.label, "my label");
  EXPECT_EQ(header.crypt.cipher, "aes-xts-plain64");
  EXPECT_EQ(header.crypt.key_bits, 512u);
  EXPECT_EQ(header.crypt.hash, "sha256");
  EXPECT_EQ(header.crypt.key_derivation, "argon2id");
  EXPECT_EQ(header.crypt.offset, 16u << 20);
  EXPECT_EQ(header.crypt.sector, 4096u);
  EXPECT_FALSE(header.crypt.discards);
  EXPECT_EQ(header.keys, 1u);
  EXPECT_EQ(header.strange, "");
  EXPECT_THAT(header.tokens, IsEmpty());
}

TEST(LuksHeaderTest, FlagsAndTokensAreSeen) {
  Json json;
  json.config = R"({"json_size":"12288","keyslots_size":"16744448","flags":["allow-discards","no-read-workqueue"]})";
  json.tokens = R"({"0":{"type":"systemd-tpm2","keyslots":["1"]},"1":{"type":"clevis","keyslots":["2"]}})";
  const LuksHeader header = read_luks_header(version_2(json.text()));
  EXPECT_TRUE(header.crypt.discards);
  EXPECT_THAT(header.flags, ElementsAre("no-read-workqueue"));
  EXPECT_THAT(header.tokens, ElementsAre("systemd-tpm2", "clevis"));
}

// systemd derives the key of a TPM by pbkdf2, which is no word on what people type.
TEST(LuksHeaderTest, TheKeyOfATokenDecidesNothing) {
  Json json;
  std::string slot = json.slots.substr(5, json.slots.size() - 6);
  std::string of_token = replaced(replaced(slot, "argon2id", "pbkdf2"), "sha256", "sha512");
  json.tokens = R"({"0":{"type":"systemd-tpm2","keyslots":["0"]}})";
  json.slots = R"({"0":)" + of_token + R"(,"1":)" + slot + "}";
  LuksHeader header = read_luks_header(version_2(json.text()));
  EXPECT_EQ(header.crypt.key_derivation, "argon2id");
  EXPECT_EQ(header.crypt.hash, "sha256");
  EXPECT_EQ(header.keys, 2u);
  json.tokens = "{}";
  EXPECT_EQ(read_luks_header(version_2(json.text())).crypt.key_derivation, "pbkdf2");
  json.slots = R"({"0":)" + slot + R"(,"1":)" + of_token + "}";
  EXPECT_EQ(read_luks_header(version_2(json.text())).crypt.key_derivation, "pbkdf2") << "which GRUB can read";
}

TEST(LuksHeaderTest, WhatNoCloneCanHaveIsStrange) {
  Json json;
  json.segments =
      replaced(json.segments, R"("sector_size":4096)", R"x("sector_size":4096,"integrity":{"type":"hmac(sha256)"})x");
  EXPECT_THAT(strange(json), HasSubstr("authenticated encryption"));
  json = {};
  json.config = R"({"requirements":{"mandatory":["online-reencrypt-v2"]}})";
  EXPECT_THAT(strange(json), HasSubstr("encrypted anew"));
  json.config = R"({"requirements":{"mandatory":["something-new"]}})";
  EXPECT_THAT(strange(json), HasSubstr("something-new"));
  json = {};
  json.segments = replaced(json.segments, R"("type":"crypt")", R"("type":"hw-opal-crypt")");
  EXPECT_THAT(strange(json), HasSubstr("OPAL"));
  json = {};
  json.segments = replaced(json.segments, R"("offset":"16777216")", R"("offset":"0")");
  EXPECT_THAT(strange(json), HasSubstr("on another device"));
  json = {};
  json.segments.insert(json.segments.size() - 1, "," + replaced(json.segments.substr(1), R"("0")", R"("1")"));
  json.segments.pop_back();
  EXPECT_THAT(strange(json), HasSubstr("several parts"));
  json = {};
  json.slots = "{}";
  EXPECT_THAT(strange(json), HasSubstr("no key"));
  std::string detached = version_1();
  put(detached, 104, 0, 4);
  EXPECT_THAT(read_luks_header(detached).strange, HasSubstr("on another device"));
}

TEST(LuksHeaderTest, LiesAreErrors) {
  EXPECT_THAT(error_of(""), HasSubstr("its mark is missing"));
  EXPECT_THAT(error_of(std::string(4096, 'x')), HasSubstr("its mark is missing"));
  EXPECT_THAT(error_of(version_1().substr(0, 300)), HasSubstr("too short"));
  EXPECT_THAT(error_of(version_2(Json().text()).substr(0, 8192)), HasSubstr("too short"));
  std::string bytes = version_2(Json().text());
  for (std::uint64_t size : {std::uint64_t{0}, std::uint64_t{16385}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    put(bytes, 8, size, 8);
    EXPECT_THAT(error_of(bytes), HasSubstr("is impossible")) << size;
  }
  EXPECT_THAT(error_of(version_2("{\"keyslots\":")), HasSubstr("JSON"));
  EXPECT_THAT(error_of(version_2(std::string(12000, '['))), HasSubstr("too deep"));
  EXPECT_THAT(error_of(version_2("[]")), HasSubstr("JSON"));
  EXPECT_THAT(error_of(version_2("{}")), HasSubstr("it has no segments"));
  Json json;
  json.segments = replaced(json.segments, R"("16777216")", R"("99999999999999999999")");
  EXPECT_THAT(error_of(version_2(json.text())), HasSubstr("offset is impossible"));
  json = {};
  json.segments = R"({"0":7})";
  EXPECT_THAT(error_of(version_2(json.text())), HasSubstr("damaged"));
  json = {};
  json.slots = replaced(json.slots, R"("key_size":64)", R"("key_size":4611686018427387904)");
  EXPECT_THAT(error_of(version_2(json.text())), HasSubstr("is impossible"));
}

// Sectors of 4096 bytes where the disk has them.
TEST(LuksHeaderTest, ADifferenceIsSaidInWords) {
  Node golden{"c", {"sda2"}, {}, read_luks_header(version_2(Json().text())).crypt};
  Node made = golden;
  const Rule& kind = rule(golden);
  const Ground ground{std::uint64_t{1} << 30, 512};
  EXPECT_EQ(kind.difference(golden, ground, made), "");
  std::get<Crypt>(made.what).cipher = "aes-cbc-essiv:sha256";
  EXPECT_THAT(kind.difference(golden, ground, made), HasSubstr("its cipher is \"aes-cbc-essiv:sha256\""));
  made = golden;
  std::get<Crypt>(made.what).discards = true;
  EXPECT_EQ(kind.difference(golden, ground, made), "it passes discards on");
  made = golden;
  std::get<Crypt>(golden.what).sector = 512;
  EXPECT_THAT(kind.difference(golden, ground, made), HasSubstr("its sector is"));
  EXPECT_EQ(kind.difference(golden, {ground.bytes, 4096}, made), "");
}

}  // namespace
}  // namespace ka::storage
