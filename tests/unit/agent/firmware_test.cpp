// Boot entries in a folder that looks like efivarfs.
#include "agent/bootable/firmware.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/bootable/esp.h"
#include "agent/machine/linux_machine.h"
#include "base/efi_variable.h"
#include "base/error.h"
#include "tests/unit/efi_fixture.h"
#include "tests/unit/scratch.h"
#include "wire/boot/pe.h"

namespace ka::agent {
namespace {

using boot::LoadOption;
using testing::ElementsAre;
using testing::HasSubstr;

class Lines final : public Log {
 public:
  void line(std::string_view text) override { all += std::string(text) + "\n"; }
  std::string all;
};

// Firmware that has no room.
class FullMachine final : public LinuxMachine {
 public:
  using LinuxMachine::LinuxMachine;
  void write_file(const std::string& path, std::string_view, mode_t) override {
    throw Error("write " + path, "No space left on device");
  }
};

LoadOption entry(const std::string& label, const std::string& path = "\\EFI\\debian\\shimx64.efi",
                 std::uint64_t start = 2048) {
  LoadOption option;
  option.label = label;
  option.drive = boot::HardDrive{1, start, 40960, "5D1C0000-1111-2222-3333-444455556666"};
  option.path = path;
  return option;
}

class FirmwareTest : public testing::Test {
 protected:
  FirmwareTest() : machine_(io_) {
    LoadOption network;
    network.label = "PXE";
    set("Boot0000", boot::load_option(network));
    set("Boot0003", boot::load_option(network));
    set("BootOrder", boot::boot_numbers({3, 0}));
    set("BootCurrent", boot::boot_numbers({0}));
  }

  void set(const std::string& name, const std::string& content) {
    folder_.file("/" + name + "-" + std::string(efi_global), efi_variable_content(content));
  }
  std::string get(const std::string& name) {
    return read_efi_variable(folder_.root(), name, efi_global).value_or("none");
  }
  std::string write(boot::Order order) {
    return write_boot_entries(machine_, log_, folder_.root(), {entry("debian")}, order);
  }
  std::vector<std::uint16_t> order() { return boot::parse_boot_numbers(get("BootOrder")); }

  asio::io_context io_;
  LinuxMachine machine_;
  Lines log_;
  Scratch folder_;
};

TEST_F(FirmwareTest, TheEntryComesFirstAndStartsNext) {
  EXPECT_EQ(write(boot::Order::disk_first), "");
  EXPECT_EQ(boot::parse_load_option(get("Boot0001")), entry("debian"));
  EXPECT_THAT(order(), ElementsAre(1, 3, 0));
  EXPECT_EQ(get("BootNext"), std::string("\x01\0", 2));
}

TEST_F(FirmwareTest, BehindTheNetworkCardThatItCameBy) {
  EXPECT_EQ(write(boot::Order::pxe_first), "");
  EXPECT_THAT(order(), ElementsAre(0, 1, 3));
}

TEST_F(FirmwareTest, BehindAll) {
  EXPECT_EQ(write(boot::Order::leave), "");
  EXPECT_THAT(order(), ElementsAre(3, 0, 1));
  EXPECT_EQ(get("BootNext"), std::string("\x01\0", 2));
}

TEST_F(FirmwareTest, EntriesOfAnEarlierCloneAreReplacedAndTheSameIsKept) {
  set("Boot0007", boot::load_option(entry("old", "\\efi\\DEBIAN\\shimx64.efi", 4096)));
  set("Boot0008", boot::load_option(entry("other", "\\EFI\\other\\grubx64.efi")));
  set("Boot0009", boot::load_option(entry("debian")));
  set("BootOrder", boot::boot_numbers({7, 8, 9, 3}));
  EXPECT_EQ(write(boot::Order::disk_first), "");
  EXPECT_EQ(get("Boot0007"), "none");
  EXPECT_EQ(get("Boot0001"), "none");
  EXPECT_THAT(order(), ElementsAre(9, 8, 3));
  EXPECT_THAT(log_.all, HasSubstr("NVRAM has Boot0009 \"debian\" \\EFI\\debian\\shimx64.efi already"));
}

TEST_F(FirmwareTest, BrokenVariablesAreNobodysBusiness) {
  set("Boot0001", "x");
  set("BootOrder", "\x03");
  folder_.file("/Boot0002-" + std::string(efi_global), "");
  EXPECT_EQ(write(boot::Order::disk_first), "");
  EXPECT_EQ(boot::parse_load_option(get("Boot0004")), entry("debian"));
  EXPECT_THAT(order(), ElementsAre(4));
}

TEST_F(FirmwareTest, WithoutRoomOrVariablesItSaysWhy) {
  FullMachine full(io_);
  EXPECT_THAT(write_boot_entries(full, log_, folder_.root(), {entry("debian")}, boot::Order::leave),
              HasSubstr("No space left on device"));
  EXPECT_THAT(write_boot_entries(machine_, log_, folder_.at("/none"), {entry("debian")}, boot::Order::leave),
              HasSubstr("does not show the firmware's variables"));
}

class EspTest : public testing::Test {
 protected:
  EspTest() : machine_(io_), clone_(machine_, root_.root()) {
    shim_ = boot::efi_fixture::program("sbat,1\nshim,4\n"), grub_ = boot::efi_fixture::program("sbat,1\ngrub,3\n");
    root_.file("/boot/efi/EFI/debian/shimx64.efi", shim_);
    root_.file("/boot/efi/EFI/debian/grubx64.efi", grub_);
    for (const char* name : {"shimx64.efi", "grubx64.efi"}) {
      const std::string path = std::string("/boot/efi/EFI/debian/") + name;
      way_.chain.push_back(boot::read_program(root_.content(path)));
      way_.chain.back().path = path;
    }
  }

  asio::io_context io_;
  LinuxMachine machine_;
  Lines log_;
  Scratch root_;
  CloneTree clone_;
  boot::UefiWay way_;
  std::string shim_, grub_;
};

TEST_F(EspTest, TheRemovablePathIsAddedWhereItLacks) {
  EXPECT_THROW(check_programs(root_.at("/boot/efi"), "/boot/efi", way_), Error);
  add_removable_path(clone_, log_, "/boot/efi", way_);
  EXPECT_EQ(root_.content("/boot/efi/EFI/BOOT/BOOTX64.EFI"), shim_);
  EXPECT_EQ(root_.content("/boot/efi/EFI/BOOT/grubx64.efi"), grub_);
  EXPECT_NO_THROW(check_programs(root_.at("/boot/efi"), "/boot/efi", way_));
  root_.file("/boot/efi/EFI/BOOT/BOOTX64.EFI", "another");
  add_removable_path(clone_, log_, "/boot/efi", way_);
  EXPECT_EQ(root_.content("/boot/efi/EFI/BOOT/BOOTX64.EFI"), "another");
}

TEST_F(EspTest, AKernelThatItsEntryTellsItsRootIsNotPutWhereNobodyTellsIt) {
  way_.loader = boot::UefiWay::Loader::stub;
  way_.entries = {{"sda1:fs", "\\EFI\\debian\\shimx64.efi", "golden", "root=UUID=1 initrd=initrd"}};
  add_removable_path(clone_, log_, "/boot/efi", way_);
  EXPECT_FALSE(clone_.exists("/boot/efi/EFI/BOOT"));
  EXPECT_NO_THROW(check_programs(root_.at("/boot/efi"), "/boot/efi", way_));
  way_.entries[0].arguments = "";  // a unified kernel has its own
  add_removable_path(clone_, log_, "/boot/efi", way_);
  EXPECT_EQ(root_.content("/boot/efi/EFI/BOOT/BOOTX64.EFI"), shim_);
}

TEST_F(EspTest, WithoutAnEntryNothingRestartsForEver) {
  root_.file("/boot/efi/EFI/BOOT/BOOTX64.EFI", shim_);
  start_without_fallback(machine_, log_, root_.at("/boot/efi"), "/boot/efi", way_);
  EXPECT_EQ(log_.all, "");
  root_.file("/boot/efi/EFI/BOOT/fbx64.efi", "fallback");
  start_without_fallback(machine_, log_, root_.at("/boot/efi"), "/boot/efi", way_);
  EXPECT_EQ(root_.content("/boot/efi/EFI/BOOT/fbx64.efi.ka"), "fallback");
  EXPECT_FALSE(clone_.exists("/boot/efi/EFI/BOOT/fbx64.efi"));
  EXPECT_EQ(root_.content("/boot/efi/EFI/BOOT/grubx64.efi"), grub_);
}

TEST_F(EspTest, AProgramThatTheDiskHasOtherwiseIsNamed) {
  add_removable_path(clone_, log_, "/boot/efi", way_);
  grub_[600] = 'x';
  root_.file("/boot/efi/EFI/debian/grubx64.efi", grub_);
  try {
    check_programs(root_.at("/boot/efi"), "/boot/efi", way_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("grubx64.efi back: the disk does not give back what the golden machine has"));
  }
}

}  // namespace
}  // namespace ka::agent
