// The files that make a clone boot on this machine's hardware: modprobe, initrd and GRUB configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/bootable/boot_loader.h"
#include "agent/bootable/disk_drivers.h"
#include "agent/bootable/initrd_tools.h"
#include "agent/machine/linux_machine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::ElementsAre;

TEST(ModprobeConfTest, AdaptersAreNumberedAsTheMethodDoes) {
  EXPECT_EQ(modprobe_conf({"sd_mod", "aic7xxx", "ata_piix"}),
            "# Drivers of this machine's disks, found when KA cloned it.\n"
            "alias scsi_hostadapter aic7xxx\n"
            "alias scsi_hostadapter1 ata_piix\n");
}

TEST(InstalledKernelsTest, EachWithItsModulesAndItsInitrd) {
  asio::io_context io;
  LinuxMachine machine(io);
  Scratch root;
  CloneTree tree(machine, root.root());
  root.file("/usr/lib/modules/6.1.0-13-amd64/modules.dep",
            "kernel/drivers/ata/ahci.ko: kernel/drivers/ata/libahci.ko\nkernel/drivers/nvme/host/nvme-core.ko:\n");
  root.file("/usr/lib/modules/6.1.0-13-amd64/modules.builtin", "kernel/drivers/virtio/virtio_pci.ko\n");
  root.directory("/usr/lib/modules/5.10.0-9-amd64");  // removed: only its directory is left
  root.link("/lib", "usr/lib");
  root.file("/boot/initrd.img-6.1.0-13-amd64", "");
  auto kernels = installed_kernels(tree);
  ASSERT_EQ(kernels.size(), 1u);
  EXPECT_EQ(kernels[0].version, "6.1.0-13-amd64");
  EXPECT_THAT(kernels[0].modules, ElementsAre("ahci", "nvme_core"));
  EXPECT_THAT(kernels[0].built_in, ElementsAre("virtio_pci"));
  EXPECT_EQ(kernels[0].initrd, "/boot/initrd.img-6.1.0-13-amd64");
}

TEST(InitrdToolsTest, OurBlockReplacesAnEarlierOneOfOurs) {
  std::string once = with_block("# List\nraid1\n", "ahci\nsd_mod");
  EXPECT_EQ(once, "# List\nraid1\n# KA: drivers of this machine's disks\nahci\nsd_mod\n# KA: end\n");
  EXPECT_EQ(with_block(once, "nvme"), "# List\nraid1\n# KA: drivers of this machine's disks\nnvme\n# KA: end\n");
  EXPECT_EQ(with_block("", "nvme"), "# KA: drivers of this machine's disks\nnvme\n# KA: end\n");
}

TEST(InitrdToolsTest, BoosterHasOneListOfModules) {
  EXPECT_EQ(with_booster_modules("compression: zstd\nmodules: nvme, ahci\nuniversal: false\n", {"ahci", "sd_mod"}),
            "compression: zstd\nuniversal: true\nmodules: nvme,ahci,sd_mod\n");
  EXPECT_EQ(with_booster_modules("", {"nvme"}), "universal: true\nmodules: nvme\n");
}

// Each tool is told of the drivers where it looks, and builds the images that are there and no others.
TEST(InitrdToolsTest, EachToolHasItsOwnConfigurationAndImages) {
  struct Case {
    const char *program, *file, *content, *command;
  };
  const Case cases[] = {
      {"update-initramfs", "/etc/initramfs-tools/modules", "ahci\nnvme\n", "update-initramfs -u -k all"},
      {"dracut", "/etc/dracut.conf.d/ka.conf", "add_drivers+=\" ahci nvme \"\n",
       "dracut --force --no-hostonly /boot/initramfs-6.1.img 6.1"},
      {"mkinitcpio", "/etc/mkinitcpio.conf", "MODULES+=(ahci nvme)\n", "mkinitcpio -P"},
      {"booster", "/etc/booster.yaml", "modules: ahci,nvme\n",
       "booster build --force --kernel-version 6.1 /boot/initramfs-6.1.img"},
  };
  asio::io_context io;
  LinuxMachine machine(io);
  for (const Case& one : cases) {
    Scratch root;
    CloneTree tree(machine, root.root());
    EXPECT_EQ(initrd_tool(tree), nullptr);
    root.file(std::string("/usr/bin/") + one.program, "", 0755);
    const InitrdTool* tool = initrd_tool(tree);
    ASSERT_NE(tool, nullptr);
    tool->configure(tree, {"ahci", "nvme"});
    EXPECT_THAT(root.content(one.file), testing::HasSubstr(one.content));
    InstalledKernel kernel;
    kernel.version = "6.1";
    kernel.initrd = "/boot/initramfs-6.1.img";
    const auto commands = tool->rebuild({kernel});
    ASSERT_EQ(commands.size(), 1u);
    EXPECT_EQ(commands[0].text(), one.command);
  }
}

TEST(InstallDeviceTest, OnlyWholeDisksChange) {
  EXPECT_EQ(
      with_install_device(
          "/dev/disk/by-id/ata-QEMU_QM00001\n/dev/disk/by-id/ata-X-part2\n/dev/sda\n/dev/sda1\nactivate\n", "/dev/vda"),
      "/dev/vda\n/dev/disk/by-id/ata-X-part2\n/dev/vda\n/dev/sda1\nactivate\n");
}

TEST(DebconfTest, OnlyTheValueOfTheQuestionChanges) {
  const std::string database =
      "Name: grub-pc/install_devices\nTemplate: grub-pc/install_devices\nValue: /dev/disk/by-id/ata-QEMU_QM00001\n"
      "Owners: grub-pc\nFlags: seen\n\nName: grub-pc/timeout\nTemplate: grub-pc/timeout\nValue: 5\n";
  EXPECT_EQ(with_debconf_value(database, "grub-pc/install_devices", "/dev/vda"),
            "Name: grub-pc/install_devices\nTemplate: grub-pc/install_devices\nValue: /dev/vda\n"
            "Owners: grub-pc\nFlags: seen\n\nName: grub-pc/timeout\nTemplate: grub-pc/timeout\nValue: 5\n");
  EXPECT_EQ(with_debconf_value("Name: grub-pc/install_devices\nValue: \n", "grub-pc/install_devices", "/dev/vda"),
            "Name: grub-pc/install_devices\nValue: \n");
  EXPECT_EQ(with_debconf_value(database, "grub-pc/hidden_timeout", "x"), database);
}

}  // namespace
}  // namespace ka::agent
