// What started this system, in a folder that looks like efivarfs.
#include "agent/boot/signed_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/efi_variable.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::HasSubstr;

// As firmware and systemd-stub set theirs: for boot services, at run time, until the next start.
const std::string until_restart("\x06\0\0\0", 4), kept("\x07\0\0\0", 4);
const std::string on(1, '\1'), off(1, '\0');

class SignedStartTest : public testing::Test {
 protected:
  SignedStartTest() {
    set("SecureBoot", efi_global, until_restart + on);
    set("SetupMode", efi_global, until_restart + off);
    set("StubInfo", efi_loader, until_restart + "s\0y\0s\0");
  }

  void set(const std::string& name, std::string_view owner, const std::string& content) {
    folder_.file("/" + name + "-" + std::string(owner), content);
  }
  std::string said() { return text_of(signed_start(folder_.at(""))); }
  void remove(const std::string& name, std::string_view owner) {
    std::filesystem::remove(efi_variable_path(folder_.at(""), name, owner));
  }

  Scratch folder_;
};

TEST_F(SignedStartTest, ASignedImageUnderSecureBoot) {
  EXPECT_TRUE(signed_start(folder_.at("")).verified);
  EXPECT_EQ(said(), "Started by a signed image under Secure Boot");
}

TEST_F(SignedStartTest, SecureBootIsOffOrNotToBeSeen) {
  set("SecureBoot", efi_global, until_restart + off);
  EXPECT_EQ(said(), "Not started by a signed image under Secure Boot: Secure Boot is off");
  set("SecureBoot", efi_global, until_restart);
  EXPECT_THAT(said(), HasSubstr("Not started by a signed image under Secure Boot: "));
  remove("SecureBoot", efi_global);
  EXPECT_THAT(said(), HasSubstr("the firmware does not say whether Secure Boot is on"));
}

TEST_F(SignedStartTest, InSetupModeAnybodysKeysMayBeIn) {
  set("SetupMode", efi_global, until_restart + on);
  EXPECT_THAT(said(), HasSubstr("Not started by a signed image under Secure Boot: the firmware is in Setup Mode"));
  remove("SetupMode", efi_global);
  EXPECT_THAT(said(), HasSubstr("Not started"));
}

TEST_F(SignedStartTest, ABootLoaderStartedIt) {
  remove("StubInfo", efi_loader);
  EXPECT_THAT(said(), HasSubstr("Not started by a signed image under Secure Boot: no such image but a boot loader"));
}

TEST_F(SignedStartTest, AStubInfoThatAnEarlierSystemLeftIsNone) {
  set("StubInfo", efi_loader, kept + "s\0y\0s\0");
  EXPECT_THAT(said(), HasSubstr("Not started by a signed image under Secure Boot: the firmware's StubInfo is no boot"));
  set("StubInfo", efi_loader, "\x06");
  EXPECT_THAT(said(), HasSubstr("Not started"));
}

TEST_F(SignedStartTest, AFolderThatIsNotThereSaysNo) { EXPECT_FALSE(signed_start(folder_.at("/nothing")).verified); }

}  // namespace
}  // namespace ka::agent
