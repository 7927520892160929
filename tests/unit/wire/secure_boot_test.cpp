// What firmware with Secure Boot knows of a program, and whether it would start it. Certificates and programs are built
// here, byte by byte; tests/vm has the real ones.
#include "wire/boot/secure_boot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/efi_fixture.h"
#include "wire/boot/bytes.h"
#include "wire/boot/certificate.h"
#include "wire/boot/load_option.h"
#include "wire/boot/pe.h"
#include "wire/boot/sha256.h"

namespace ka::boot {
namespace {

using namespace efi_fixture;

using testing::ElementsAre;
using testing::HasSubstr;

std::string list(std::string_view kind, const std::vector<std::string>& entries) {
  const std::size_t size = 16 + entries.front().size();
  std::string out = *guid_bytes(kind) + number(static_cast<std::uint32_t>(28 + size * entries.size())) + number(0u) +
                    number(static_cast<std::uint32_t>(size));
  for (const std::string& entry : entries) out += std::string(16, 'o') + entry;
  return out;
}
const char* const sha256_list = "C1C41626-504C-4092-ACA9-41F936934328";
const char* const x509_list = "A5C059A1-94E4-4AA7-87B5-AB155C2BF072";

TEST(Sha256Test, TheStandardsExamples) {
  auto digest = [](std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return hexadecimal(hash.digest());
  };
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, TheProcessorsInstructionsGiveWhatAnyProcessorDoes) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    Sha256 usual, plain(true);
    usual.add(bytes);
    plain.add(bytes);
    EXPECT_EQ(hexadecimal(usual.digest()), hexadecimal(plain.digest())) << i;
    bytes += static_cast<char>(i * i * 7);
  }
}

TEST(Sha256Test, InPiecesOfAnySizeItIsTheSame) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i);
  Sha256 whole;
  whole.add(text);
  const std::string expected = whole.digest();
  for (std::size_t step = 1; step < 140; ++step) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += step) hash.add(std::string_view(text).substr(at, step));
    EXPECT_EQ(hash.digest(), expected) << step;
  }
}

TEST(ProgramTest, ItsDigestIsThatOfAllThatSigningDoesNotChange) {
  const std::string plain = program("sbat,1,x\nshim,4,y\n");
  const Program read = read_program(plain);
  EXPECT_EQ(read.sbat, "sbat,1,x\nshim,4,y\n");
  EXPECT_TRUE(read.issuers.empty());
  Sha256 hash;
  hash.add(plain.substr(0, 0x98 + 64) + plain.substr(0x98 + 68, 76) + plain.substr(0x98 + 152));
  EXPECT_EQ(read.digest, hexadecimal(hash.digest()));

  const std::string signed_one = program(
      "sbat,1,x\nshim,4,y\n", signature({certificate("The CA", "A signer"), certificate("The root", "The CA")}));
  EXPECT_EQ(read_program(signed_one).digest, read.digest);
  EXPECT_THAT(read_program(signed_one).issuers, ElementsAre(name("The CA"), name("The root")));
  std::string changed = signed_one;
  changed[600] = 'x';
  EXPECT_NE(read_program(changed).digest, read.digest);
  EXPECT_TRUE(has_component(read.sbat, "shim"));
  EXPECT_FALSE(has_component(read.sbat, "shi"));
}

TEST(ProgramTest, WhatIsCutOffIsRefused) {
  const std::string whole = program("sbat,1,x\n", signature({certificate("a", "b")}));
  for (std::size_t size = 0; size < whole.size(); size += 3) EXPECT_THROW(read_program(whole.substr(0, size)), Error);
}

TEST(SignaturesTest, HashesAndCertificates) {
  const std::string content = list(sha256_list, {std::string(32, '\x11'), std::string(32, '\x22')}) +
                              list(x509_list, {certificate("The root", "The CA")}) +
                              list("3BD2A492-96C0-4079-B420-FCF98EF103ED", {std::string(48, 'x')});
  const Signatures read = parse_signatures(content);
  EXPECT_THAT(read.digests, ElementsAre(std::string(64, '1'), std::string(64, '2')));
  EXPECT_THAT(read.subjects, ElementsAre(name("The CA")));
  EXPECT_THROW(parse_signatures(content.substr(0, content.size() - 1)), Error);
  EXPECT_TRUE(parse_signatures("").digests.empty());
}

class TrustTest : public testing::Test {
 protected:
  TrustTest() {
    trust_.allowed.subjects = {name("The CA")};
    Program shim = read_program(program("sbat,1,x\nshim,4,y\n", signature({certificate("The CA", "A signer")})));
    shim.path = "/boot/efi/EFI/debian/shimx64.efi";
    Program grub =
        read_program(program("sbat,1,x\ngrub,3,y\ngrub.debian,4,z\n", signature({certificate("Debian", "D")})));
    grub.path = "/boot/efi/EFI/debian/grubx64.efi";
    chain_ = {shim, grub};
  }

  std::string why() const { return why_refused(trust_, chain_); }

  Trust trust_;
  std::vector<Program> chain_;
};

TEST_F(TrustTest, WhatItTrustsStarts) {
  EXPECT_EQ(why(), "");
  trust_.allowed.subjects.clear();
  trust_.allowed.digests = {chain_[0].digest};
  EXPECT_EQ(why(), "");
}

TEST_F(TrustTest, AHashInDbxNamesTheProgram) {
  trust_.forbidden.digests = {chain_[1].digest};
  EXPECT_THAT(why(), HasSubstr("would not start the golden machine's /boot/efi/EFI/debian/grubx64.efi: its list of "
                               "forbidden programs (dbx) has it; update shim and GRUB on the golden machine"));
}

TEST_F(TrustTest, ASignersCertificateInDbx) {
  trust_.forbidden.subjects = {name("The CA")};
  EXPECT_THAT(why(), HasSubstr("(dbx) has The CA, by whom it is signed"));
}

TEST_F(TrustTest, AnSbatLevelThatIsHigher) {
  trust_.sbat_level = "sbat,1,2025021800\nshim,4\ngrub,5\ngrub.other,9\n";
  EXPECT_THAT(why(),
              HasSubstr("grubx64.efi: it is too old by the SBAT level set here: its grub 3, and 5 is the least"));
  trust_.sbat_level = "sbat,1,2022052400\nshim,2\ngrub,3\n";
  EXPECT_EQ(why(), "");
}

TEST_F(TrustTest, ASignerWhomNobodyKnowsHere) {
  trust_.allowed.subjects = {name("Windows only")};
  EXPECT_THAT(why(), HasSubstr("nobody in its list of whom it trusts (db) has signed it, but The CA"));
  chain_[0].issuers.clear();
  EXPECT_THAT(why(), HasSubstr("it is not signed; switch Secure Boot off here"));
}

}  // namespace
}  // namespace ka::boot
