// A signed image as boot file: what is refused, since no firmware would start it or nobody would see what was asked
// for.
#include "server/pxe/uki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "tests/unit/efi_fixture.h"
#include "tests/unit/scratch.h"
#include "wire/ports.h"

namespace ka::server {
namespace {

using asio::ip::make_address_v4;
using boot::efi_fixture::certificate;
using boot::efi_fixture::program;
using boot::efi_fixture::signature;
using testing::AllOf;
using testing::HasSubstr;

const std::string owner = signature({certificate("us", "us")});

template <typename Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "accepted";
  return {};
}

class UkiTest : public testing::Test {
 protected:
  Uki image(const std::string& words) {
    const std::string path = "/ka.efi";
    scratch_.file(path, program({{".cmdline", words}, {".initrd", "initramfs"}, {".linux", "kernel"}}, owner));
    return read_uki(scratch_.at(path));
  }
  std::string refused(const std::string& content) {
    scratch_.file("/other.efi", content);
    return refusal([&] { read_uki(scratch_.at("/other.efi")); });
  }

  Scratch scratch_;
};

TEST_F(UkiTest, IsReadWithItsCommandLine) {
  const Uki uki = image("kamethod quiet kahostprefix=node");
  EXPECT_EQ(uki.words, "kamethod quiet kahostprefix=node");
  EXPECT_NO_THROW(check_uki_words(uki, "kahostprefix=node  quiet"));
  EXPECT_NO_THROW(check_uki_words(uki, ""));
}

TEST_F(UkiTest, WhatIsNoSignedImageIsRefused) {
  EXPECT_THAT(refused("#!/bin/sh\n"), AllOf(HasSubstr("--uki: "), HasSubstr("other.efi is no unified kernel image")));
  EXPECT_THAT(refused(program("shim,1\n", owner)), HasSubstr("it has no section .linux"));
  EXPECT_THAT(refused(program({{".initrd", "i"}, {".linux", "k"}}, owner)), HasSubstr("it has no section .cmdline"));
  EXPECT_THAT(refused(program({{".cmdline", "w"}, {".initrd", "i"}, {".linux", "k"}}, "")), HasSubstr("is not signed"));
  const std::string whole = program({{".cmdline", "w"}, {".initrd", "i"}, {".linux", "k"}}, owner);
  EXPECT_THAT(refused(whole.substr(0, 1600)), HasSubstr("is no unified kernel image")) << "cut off";
  EXPECT_THAT(refusal([&] { read_uki(scratch_.at("/none")); }), HasSubstr("/none"));
}

TEST_F(UkiTest, WordsThatWouldBeLostAreRefusedByName) {
  const Uki uki = image("kamethod quiet");
  const std::string why = refusal([&] { check_uki_words(uki, "quiet katarget=sda=wwn:1 console=ttyS0"); });
  EXPECT_THAT(why, HasSubstr("has not katarget=sda=wwn:1 console=ttyS0, which machines with UEFI would never see"));
  EXPECT_THAT(why, HasSubstr("make uki APPEND='katarget=sda=wwn:1 console=ttyS0'"));
  EXPECT_THAT(refusal([&] { check_uki_words(uki, "quie"); }), HasSubstr("has not quie,")) << "whole words";
}

TEST_F(UkiTest, OfAnotherVersionIsRefused) {
  const Uki uki = image("kamethod");
  EXPECT_NO_THROW(check_uki_parts(uki, "kernel", "initramfs", "/boot"));
  EXPECT_THAT(refusal([&] { check_uki_parts(uki, "newer", "initramfs", "/boot"); }), HasSubstr("than /boot/vmlinuz,"));
  EXPECT_THAT(refusal([&] { check_uki_parts(uki, "kernel", "newer", "/boot"); }), HasSubstr("than /boot/all.rdz,"));
}

TEST_F(UkiTest, NodesFindTheJob) {
  const auto here = make_address_v4("10.0.1.1");
  const Uki silent = image("kamethod");
  EXPECT_NO_THROW(check_uki_server(silent, here, wire::control_port, true)) << "by broadcast";
  for (const bool near : {false, true}) {
    const std::uint16_t port = near ? 4711 : wire::control_port;
    EXPECT_THAT(refusal([&] { check_uki_server(silent, here, port, near); }),
                HasSubstr("make uki APPEND='kaserver=10.0.1.1:" + std::to_string(port) + "'"));
  }
  const Uki told = image("kaserver=10.0.9.9 kamethod kaserver=10.0.1.1");
  EXPECT_NO_THROW(check_uki_server(told, here, wire::control_port, false));
  EXPECT_NO_THROW(check_uki_server(image("kaserver=10.0.1.1:4711"), here, 4711, false));
  EXPECT_THAT(refusal([&] { check_uki_server(told, make_address_v4("10.0.9.9"), wire::control_port, true); }),
              HasSubstr("sends nodes to the server 10.0.1.1, and the job is at 10.0.9.9:30765"));
}

}  // namespace
}  // namespace ka::server
