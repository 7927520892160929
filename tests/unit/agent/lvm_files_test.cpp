// What a clone's own LVM goes by, in a tree of files; programs are only noted.
#include "agent/bootable/lvm_files.h"

#include <gmock/gmock.h>

#include "agent/machine/linux_machine.h"
#include "base/error.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NotingMachine final : public LinuxMachine {
 public:
  NotingMachine(asio::io_context& io, Scratch& stage2) : LinuxMachine(io), stage2_(stage2) {}
  Awaitable<void> run(const Command& command, std::function<void(std::string_view)>) override {
    commands.push_back(command.text());
    if (command.argv[0] == fails) throw Error(command.text(), "it failed");
    if (command.argv[0] == "lvm") stage2_.file("/tmp/ka-backup-vg0", "of this machine");
    co_return;
  }
  Awaitable<std::string> output_of(const Command& command) override {
    commands.push_back(command.text());
    if (!sees_group) throw Error(command.text(), "Volume group \"vg0\" not found");
    co_return "  vg0\n";
  }
  std::vector<std::string> commands;
  std::string fails;
  bool sees_group = true;

 private:
  Scratch& stage2_;
};

class Lines final : public Log {
 public:
  void line(std::string_view text) override { all += std::string(text) + "\n"; }
  std::string all;
};

class LvmFiles : public CoroutineTest {
 protected:
  LvmFiles() {
    clone_.file("/usr/sbin/lvm", "", 0755);
    clone_.file("/usr/sbin/lvmdevices", "", 0755);
  }

  std::string fit() {
    CloneTree clone(machine_, clone_.root()), stage2(machine_, stage2_.root());
    return error_of(
        fit_lvm_files(machine_, clone, stage2, log_,
                      {{"vg0", {"/dev/vda3", "/dev/md0"}, {"PPPPPP-PPPP-PPPP-PPPP-PPPP-PPPP-PPPPPP", "Q-Q"}}}));
  }

  static constexpr const char* devices_ = "/etc/lvm/devices/system.devices";
  static constexpr const char* look_ = "lvm vgs --noheadings --options vg_name vg0";
  Scratch clone_, stage2_;
  NotingMachine machine_{io_, stage2_};
  Lines log_;
};

TEST_F(LvmFiles, TheDevicesFileNamesWhatWasMadeAndNothingElse) {
  clone_.file(devices_, "VERSION=1.1.9\nIDTYPE=sys_wwid IDNAME=naa.5000 DEVNAME=/dev/sda3 PVID=GOLDEN PART=3\n");
  EXPECT_EQ(fit(), "");
  EXPECT_EQ(clone_.content(devices_), "") << "what lvmdevices adds to";
  EXPECT_THAT(machine_.commands,
              ElementsAre("lvmdevices --yes --adddev /dev/vda3", "lvmdevices --yes --adddev /dev/md0", look_));
  EXPECT_THAT(log_.all, HasSubstr("names this machine's physical volumes: /dev/vda3, /dev/md0"));
}

TEST_F(LvmFiles, WithoutAProgramForItIsWrittenSoThatLvmLooksForTheUuid) {
  clone_.file(devices_, "IDTYPE=sys_wwid IDNAME=naa.5000 DEVNAME=/dev/sda3 PVID=GOLDEN PART=3\n");
  std::filesystem::remove(clone_.at("/usr/sbin/lvmdevices"));
  EXPECT_EQ(fit(), "");
  EXPECT_EQ(clone_.content(devices_),
            "IDTYPE=devname IDNAME=/dev/vda3 DEVNAME=/dev/vda3 PVID=PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP\n"
            "IDTYPE=devname IDNAME=/dev/md0 DEVNAME=/dev/md0 PVID=QQ\n");
}

TEST_F(LvmFiles, ADevicesFileThatIsNotThereIsNotMade) {
  EXPECT_EQ(fit(), "");
  EXPECT_FALSE(clone_.has(devices_));
  EXPECT_THAT(machine_.commands, ElementsAre(look_));
  EXPECT_THAT(log_.all, IsEmpty());
}

TEST_F(LvmFiles, ADevicesFileThatCannotBeWrittenFailsTheClone) {
  clone_.file(devices_, "");
  machine_.fails = "lvmdevices";
  EXPECT_THAT(fit(), HasSubstr("lvmdevices --yes --adddev /dev/vda3: it failed"));
}

TEST_F(LvmFiles, CopiesOfGoldenMetadataGiveWay) {
  clone_.file("/etc/lvm/backup/vg0", "of the golden machine");
  clone_.file("/etc/lvm/backup/data", "of another group");
  clone_.file("/etc/lvm/archive/vg0_00001-18042893.vg", "");
  clone_.file("/etc/lvm/archive/vg0_1_00001-18042893.vg", "");
  EXPECT_EQ(fit(), "");
  EXPECT_EQ(clone_.content("/etc/lvm/backup/vg0"), "of this machine");
  EXPECT_EQ(clone_.content("/etc/lvm/backup/data"), "of another group");
  EXPECT_FALSE(clone_.has("/etc/lvm/archive/vg0_00001-18042893.vg"));
  EXPECT_TRUE(clone_.has("/etc/lvm/archive/vg0_1_00001-18042893.vg")) << "of a group called vg0_1";
  EXPECT_THAT(machine_.commands[0], HasSubstr("--devices /dev/vda3,/dev/md0 --file /tmp/ka-backup-vg0 vg0"));
}

TEST_F(LvmFiles, ACloneThatDoesNotSeeItsGroupIsWarnedOf) {
  machine_.sees_group = false;
  EXPECT_EQ(fit(), "");
  EXPECT_THAT(log_.all, HasSubstr("WARNING: the clone's own LVM does not see vg0"));
  EXPECT_THAT(log_.all, HasSubstr("not found"));
}

}  // namespace
}  // namespace ka::agent
