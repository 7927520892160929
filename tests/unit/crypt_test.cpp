// What cryptsetup makes: read by the server, made anew by the commands of a node, and read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "agent/storage/crypt.h"
#include "base/error.h"
#include "base/files.h"
#include "server/golden/crypt.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"
#include "wire/storage/luks_header.h"
#include "wire/storage/rule.h"

namespace ka {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t mib = 1 << 20;
constexpr const char* uuid = "6f0a5f6f-2a2a-4a53-9f0e-0f2a2a5c0f2a";

struct Golden {
  const char* name;
  std::vector<std::string> options;
};
void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.name; }

class Luks : public CoroutineTest {
 protected:
  std::string file(const std::string& name) {
    files_.file(name, "");
    if (::truncate(files_.at(name).c_str(), 40 * mib) != 0) throw Error::from_errno("truncate");
    return files_.at(name);
  }

  void run(Command command, const std::string& passphrase = "") {
    if (!passphrase.empty()) command.input = Secret(passphrase);
    EXPECT_EQ(error_of(run_checked(io_, command)), "");
  }
  void cryptsetup(std::vector<std::string> argv, const std::string& passphrase = "") {
    argv.insert(argv.begin(), "cryptsetup");
    run(Command(std::move(argv)), passphrase);
  }
  bool opens(const std::string& path, const std::string& passphrase) {
    Command command({"cryptsetup", "open", "--test-passphrase", "--key-file", "-", path});
    command.input = Secret(passphrase);
    return error_of(run_checked(io_, command)).empty();
  }

  // As the golden machine has it open. Its mapping is the device mapper's business, so only files say that it is.
  server::Layers read(const std::string& format, const std::string& name = "secret") {
    const std::string entry = "/sys/class/block/dm-0/dm/";
    files_.file(entry + "name", name + "\n");
    std::string digits = uuid;
    std::erase(digits, '-');
    const bool luks = format.starts_with("LUKS");
    files_.file(entry + "uuid", "CRYPT-" + format + "-" + (luks ? digits + "-" : "") + name + "\n");
    server::BlockDevice device;
    device.name = "dm-0";
    device.size = 24 * mib;
    device.below = {"golden"};
    server::Layers layers;
    server::read_crypts({files_.at("/sys"), files_.at(""), files_.at("/crypttab")}, {device}, layers);
    return layers;
  }

  storage::LuksHeader header(const std::string& path) {
    return storage::read_luks_header(read_at(path, 0, storage::luks_header_size(read_at(path, 0, 4096))));
  }

  agent::Job job(const storage::Node& node, const std::string& path) {
    agent::Job job{node, "/dev/mapper/secret", {24 * mib, storage::as<storage::Crypt>(node).sector}};
    job.below = {{path, {40 * mib, 512}}};
    job.passphrase = Secret("correct horse");
    return job;
  }

  Scratch files_;
};

// The same command, which does not try out for seconds how long a passphrase takes on this machine.
Command quick(Command command) {
  const auto memory = std::find(command.argv.begin(), command.argv.end(), "--pbkdf-memory");
  const bool argon2 = memory != command.argv.end();
  if (argon2) memory[1] = "32";
  command.argv.insert(command.argv.begin() + 2, {"--pbkdf-force-iterations", argon2 ? "4" : "1000"});
  return command;
}

class LuksMade : public Luks, public testing::WithParamInterface<Golden> {};

TEST_P(LuksMade, AsTheGoldenOneWithAKeyOfItsOwn) {
  const std::string golden = file("/golden");
  std::vector<std::string> format = {"luksFormat", "--batch-mode", "--uuid", uuid, "--key-file", "-"};
  format.insert(format.end(), GetParam().options.begin(), GetParam().options.end());
  format.push_back(golden);
  cryptsetup(format, "golden secret");
  const server::Layers layers = read(header(golden).crypt.version == 1 ? "LUKS1" : "LUKS2");
  ASSERT_THAT(layers.strange, IsEmpty());
  ASSERT_EQ(layers.nodes.size(), 1u);
  const storage::Node& node = layers.nodes[0];
  EXPECT_EQ(node.id, "secret");
  EXPECT_THAT(node.on, ElementsAre("golden"));

  const std::string clone = file("/clone"), dry = file("/dry");
  run(agent::maker(node).dry_run(job(node, clone), dry));
  EXPECT_FALSE(files_.has("/dry"));
  std::vector<Command> commands = agent::maker(node).make(job(node, clone));
  ASSERT_EQ(commands.size(), 3u);
  const Command& making = commands[1];
  for (const std::string& word : making.argv) EXPECT_EQ(word.find("horse"), std::string::npos);
  run(quick(making));
  const storage::Node made{node.id, node.on, {}, header(clone).crypt};
  EXPECT_EQ(storage::rule(node).difference(node, {24 * mib, 512}, made), "");
  EXPECT_TRUE(opens(clone, "correct horse"));
  EXPECT_FALSE(opens(clone, "golden secret"));

  files_.file("/key", std::string(64, 'k'));
  const Command adding = agent::add_luks_key(job(node, clone), {files_.at("/key"), "32", "8"});
  run(quick(adding));
  EXPECT_TRUE(opens(clone, std::string(32, 'k')));
  EXPECT_TRUE(opens(clone, "correct horse"));
}

INSTANTIATE_TEST_SUITE_P(
    Formats, LuksMade,
    testing::Values(Golden{"version 1", {"--type", "luks1", "--pbkdf-force-iterations", "1000"}},
                    Golden{"version 1 by its first defaults",
                           {"--type", "luks1", "--cipher", "aes-cbc-essiv:sha256", "--key-size", "256", "--hash",
                            "sha1", "--pbkdf-force-iterations", "1000"}},
                    Golden{"version 2", {"--type", "luks2", "--pbkdf-memory", "32", "--pbkdf-force-iterations", "4"}},
                    Golden{"version 2 for GRUB",
                           {"--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--hash",
                            "sha512", "--label", "my label", "--sector-size", "512", "--offset", "16384"}},
                    Golden{"Argon2i and a shorter key",
                           {"--type", "luks2", "--pbkdf", "argon2i", "--pbkdf-memory", "32", "--pbkdf-force-iterations",
                            "4", "--cipher", "aes-xts-plain64", "--key-size", "256"}}));

class LuksRead : public Luks {
 protected:
  std::string strange(const std::string& format) {
    const server::Layers layers = read(format);
    EXPECT_THAT(layers.nodes, IsEmpty());
    return layers.strange.count("dm-0") ? layers.strange.at("dm-0") : "";
  }
};

TEST_F(LuksRead, TokensAndFurtherKeysAreSaidWithTheRemedy) {
  const std::string golden = file("/golden");
  const std::vector<std::string> fast = {"--batch-mode", "--pbkdf",    "pbkdf2", "--pbkdf-force-iterations",
                                         "1000",         "--key-file", "-"};
  std::vector<std::string> format = {"luksFormat", "--uuid", uuid};
  format.insert(format.end(), fast.begin(), fast.end());
  format.push_back(golden);
  cryptsetup(format, "golden secret");
  files_.file("/key", "another");
  std::vector<std::string> add = {"luksAddKey"};
  add.insert(add.end(), fast.begin(), fast.end());
  add.insert(add.end(), {golden, files_.at("/key")});
  cryptsetup(add, "golden secret");
  cryptsetup({"token", "import", "--token-id", "0", golden}, R"({"type":"clevis","keyslots":["1"]})");
  const server::Layers layers = read("LUKS2");
  ASSERT_THAT(layers.not_kept, testing::SizeIs(1));
  EXPECT_THAT(layers.not_kept.at("secret"),
              ElementsAre(HasSubstr("clevis luks bind -d /dev/disk/by-uuid/" + std::string(uuid))));
}

TEST_F(LuksRead, WhatIsNoLuksIsRefusedByName) {
  file("/golden");
  EXPECT_THAT(strange("PLAIN"), HasSubstr("encrypted without a header"));
  EXPECT_THAT(strange("BITLK"), HasSubstr("BitLocker"));
  EXPECT_THAT(strange("TCRYPT"), HasSubstr("VeraCrypt"));
  EXPECT_THAT(strange("NEWEST"), HasSubstr("not known here"));
  EXPECT_THAT(strange("LUKS2"), HasSubstr("LUKS header on another device"));
  files_.file("/crypttab", "# a comment\nsecret UUID=1 /dev/urandom swap,cipher=aes-xts-plain64\n");
  EXPECT_THAT(strange("PLAIN"), HasSubstr("a new random key at each start"));
}

}  // namespace
}  // namespace ka
