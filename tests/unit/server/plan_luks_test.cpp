// A golden machine with an encrypted /var: what opens the clones.
#include "tests/unit/scratch.h"
#include "tests/unit/server/plan_fixture.h"

namespace ka::server {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::MatchesRegex;
using wire::Passphrases;

class LuksPlan : public ServerPlan {
 protected:
  LuksPlan() {
    BlockDevice open = drive("dm-0", 253, 0, 3984);
    open.below = {"sda6"};
    open.layer = "var_crypt";
    golden_.devices.push_back(open);
    mounts(
        "26 1 8:5 / / rw shared:1 - ext4 /dev/sda5 rw\n"
        "27 26 253:0 / /var rw shared:2 - ext3 /dev/mapper/var_crypt rw\n");
    storage::Crypt crypt;
    crypt.uuid = "6f0a5f6f-2a2a-4a53-9f0e-0f2a2a5c0f2a";
    crypt.cipher = "aes-xts-plain64";
    crypt.key_bits = 512;
    crypt.hash = "sha256";
    crypt.key_derivation = "argon2id";
    crypt.offset = 16 * mib;
    crypt.bytes = 3984 * mib;
    golden_.layers.nodes = {{"var_crypt", {"sda6"}, {}, crypt}};
    golden_.probes["sda6"] = {"crypto_LUKS", crypt.uuid, "", ""};
    golden_.probes["var_crypt"] = {"ext3", "0002", "var", ""};
    golden_.answers["var_crypt"] = golden_.answers["sda6"];
    golden_.answers.erase("sda6");
  }

  void keys(std::vector<std::string> values, bool open = false) {
    input_.options.luks_keys = std::move(values);
    input_.options.open = open;
    input_.luks = read_luks_keys(input_.options);
  }

  Scratch files_;
};

TEST_F(LuksPlan, WithoutAPassphraseTheThreeWaysAreNamed) {
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("var_crypt (LUKS2, aes-xts-plain64, key of 512 bits)"), HasSubstr("--luks-key ask"),
                    HasSubstr("--luks-key FILE"), HasSubstr("--luks-key generate")));
}

TEST_F(LuksPlan, AskedForAtTheNodesNothingIsSent) {
  keys({"ask"}, true);
  const Plan made = plan();
  EXPECT_EQ(made.manifest.passphrases, Passphrases::asked);
  EXPECT_TRUE(storage::get<storage::Crypt>(made.manifest.storage.find("var_crypt")));
}

TEST_F(LuksPlan, NeverInClear) {
  files_.file("/key", "correct horse\n");
  keys({files_.at("/key")}, true);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("--open"), HasSubstr("--luks-key ask")));
  keys({files_.at("/key")});
  EXPECT_EQ(plan().manifest.passphrases, Passphrases::sent);
  EXPECT_EQ(wire::to_json(plan().manifest).find("horse"), std::string::npos);
  input_.options.json = "report";
  keys({"generate"}, true);
  EXPECT_THAT(refusal(), HasSubstr("--open"));
  keys({"generate"});
  EXPECT_EQ(plan().manifest.passphrases, Passphrases::made);
  input_.options.json.clear();
  EXPECT_THAT(refusal(), HasSubstr("--json FILE"));
}

TEST_F(LuksPlan, EachDeviceHasAPassphrase) {
  files_.file("/key", "correct horse\n");
  keys({"/dev/mapper/var_crypt=" + files_.at("/key")});
  EXPECT_EQ(plan().manifest.passphrases, Passphrases::sent);
  EXPECT_EQ(input_.luks.by_device.at("var_crypt").text(), "correct horse");
  keys({"home_crypt=" + files_.at("/key")});
  EXPECT_THAT(refusal(), AllOf(HasSubstr("there is none for var_crypt"), HasSubstr("called home_crypt")));
}

TEST_F(LuksPlan, WhereNothingIsEncryptedItIsOfNoUse) {
  input_.options.excluded = {"/var"};
  input_.options.excluded_drives = {};
  golden_.layers.nodes.clear();
  golden_.devices.pop_back();
  mounts("26 1 8:5 / / rw shared:1 - ext4 /dev/sda5 rw\n");
  keys({"ask"});
  EXPECT_THAT(plan().warnings, Contains(HasSubstr("nothing that is cloned is encrypted")));
}

std::string error_of(const CloneOptions& options) {
  try {
    read_luks_keys(options);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(LuksKeysTest, AFileHoldsOneLine) {
  Scratch files;
  files.file("/empty", "\n");
  files.file("/two", "one\ntwo\n");
  files.file("/long", std::string(513, 'x'));
  files.file("/dos", "correct horse\r\n");
  CloneOptions options;
  const std::pair<const char*, const char*> wrong[] = {
      {"/empty", "it is empty"}, {"/two", "several lines"}, {"/long", "longer than 512"}, {"/none", "No such file"}};
  for (const auto& [file, why] : wrong) {
    options.luks_keys = {files.at(file)};
    EXPECT_THAT(error_of(options), HasSubstr(why));
  }
  options.luks_keys = {files.at("/dos")};
  EXPECT_EQ(read_luks_keys(options).by_device.at("").text(), "correct horse");
  options.luks_keys = {"ask", files.at("/dos")};
  EXPECT_THAT(error_of(options), HasSubstr("given once and alone"));
  options.luks_keys = {files.at("/dos"), files.at("/dos")};
  EXPECT_THAT(error_of(options), HasSubstr("a second file for all"));
}

TEST(LuksKeysTest, WhatIsGeneratedCanBeTypedAnywhereAndIsAnotherEachTime) {
  const std::string one(generate_passphrase().text());
  EXPECT_THAT(one, MatchesRegex("([bcdefghijknoprstuvx]{4} ){5}[bcdefghijknoprstuvx]{4}"));
  EXPECT_NE(one, generate_passphrase().text());
}

}  // namespace
}  // namespace ka::server
