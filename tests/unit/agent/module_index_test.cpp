#include "agent/drivers/module_index.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ka::agent {
namespace {

using testing::Test;

TEST(Alias, PatternsOfDepmodMatchWholeModaliases) {
  const char* e1000 = "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00";
  EXPECT_TRUE(matches_alias("pci:v00008086d0000100Esv*sd*bc*sc*i*", e1000));
  EXPECT_FALSE(matches_alias("pci:v00008086d0000100Fsv*sd*bc*sc*i*", e1000));
  EXPECT_TRUE(matches_alias("pci:v*d*sv*sd*bc02sc00i*", e1000));
  EXPECT_FALSE(matches_alias("pci:v*d*sv*sd*bc01sc01i*", e1000));
  EXPECT_FALSE(matches_alias("pci:v00008086d0000100Esv*sd*bc*sc*i", e1000));
  EXPECT_FALSE(matches_alias("pci:v00008086", e1000));
  EXPECT_TRUE(matches_alias("virtio:d00000001v*", "virtio:d00000001v00001AF4"));
  EXPECT_TRUE(matches_alias("fs-squashfs", "fs-squashfs"));
  EXPECT_FALSE(matches_alias("fs-squashfs", "fs-squashfs2"));
  EXPECT_TRUE(matches_alias("scsi:t-0x00*", "scsi:t-0x00"));
  EXPECT_TRUE(
      matches_alias("usb:v0BDAp8152d*dc*dsc*dp*ic02isc06ip00in*", "usb:v0BDAp8152d3000dc00dsc00dp00ic02isc06ip00in00"));
}

TEST(Alias, SetsAndSingleCharacters) {
  EXPECT_TRUE(matches_alias("usb:v1D6Bp000[1-3]d*", "usb:v1D6Bp0002d0601"));
  EXPECT_FALSE(matches_alias("usb:v1D6Bp000[1-3]d*", "usb:v1D6Bp0004d0601"));
  EXPECT_TRUE(matches_alias("a[xyz]?c", "azbc"));
  EXPECT_FALSE(matches_alias("a[xyz]?c", "azc"));
  EXPECT_FALSE(matches_alias("a[xyz", "ax"));  // not closed: matches nothing, and reads nothing beyond
  EXPECT_FALSE(matches_alias("[", "["));
}

TEST(Alias, StarsTakeAsMuchAsIsNeeded) {
  EXPECT_TRUE(matches_alias("*", ""));
  EXPECT_TRUE(matches_alias("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(matches_alias("a*b*c", "aXbYbZ"));
  EXPECT_TRUE(matches_alias("*a", "aaaaaaaaaaaaaaaaaaaaaaaa"));
  // Exponential for a matcher that tries every way.
  EXPECT_FALSE(matches_alias("a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(2000, 'a')));
}

TEST(ModuleName, IsWhatTheKernelCallsIt) {
  EXPECT_EQ(module_name("kernel/drivers/net/foo-bar.ko"), "foo_bar");
  EXPECT_EQ(module_name("/lib/modules/6.1/kernel/x.ko.xz"), "x");
  EXPECT_EQ(module_name("snd-pcm"), "snd_pcm");
}

class ModuleIndexTest : public Test {
 protected:
  ModuleIndexTest() {
    ModuleTables tables;
    tables.dependencies =
        "kernel/lib/libata.ko: kernel/scsi/scsi_mod.ko kernel/scsi/scsi_common.ko\n"
        "kernel/scsi/scsi_common.ko:\n"
        "kernel/scsi/scsi_mod.ko: kernel/scsi/scsi_common.ko\n"
        "kernel/ata/ahci.ko: kernel/ata/libahci.ko kernel/lib/libata.ko kernel/scsi/scsi_mod.ko "
        "kernel/scsi/scsi_common.ko\n"
        "kernel/ata/libahci.ko: kernel/lib/libata.ko kernel/scsi/scsi_mod.ko kernel/scsi/scsi_common.ko\n"
        "kernel/fs/ext4.ko.xz: kernel/fs/jbd2.ko.xz\n"
        "kernel/fs/jbd2.ko.xz:\n"
        "kernel/crypto/crc32c_intel.ko:\n"
        "kernel/crypto/crc32c-generic.ko:\n"
        "kernel/a.ko:\nkernel/b.ko:\nkernel/c.ko: kernel/d.ko\nkernel/d.ko: kernel/c.ko\n";
    tables.aliases =
        "# Aliases extracted from modules themselves.\n"
        "alias pci:v*d*sv*sd*bc01sc06i01* ahci\n"
        "alias pci:v00008086d00002922sv*sd*bc*sc*i* ahci\n"
        "alias crypto-crc32c crc32c_intel\n"
        "alias crypto-crc32c crc32c_generic\n"
        "alias fs-ext4 ext4\n"
        "alias nothing\n"
        "alias pci:v*d*sv*sd*bc01sc06i01* left-out\n";
    tables.soft =
        "softdep ext4 pre: crypto-crc32c\n"
        "softdep a pre: b post: jbd2\n"
        "softdep b pre: a\n"
        "softdep libata\n";
    tables.builtin = "kernel/drivers/base/firmware_class.ko\nkernel/fs/nls-utf8.ko\n";
    index_.add("/m", tables);
  }

  std::vector<std::string> names(std::string_view name) const {
    std::vector<std::string> result;
    for (const std::string& file : index_.load_order(name)) result.push_back(module_name(file));
    return result;
  }
  using Names = std::vector<std::string>;

  ModuleIndex index_;
};

TEST_F(ModuleIndexTest, DependenciesComeBeforeWhatNeedsThem) {
  EXPECT_EQ(names("ahci"), (Names{"scsi_common", "scsi_mod", "libata", "libahci", "ahci"}));
  EXPECT_EQ(index_.load_order("ahci").back(), "/m/kernel/ata/ahci.ko");
}

TEST_F(ModuleIndexTest, ADeviceIsServedByWhatIsThereOnce) {
  const char* device = "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01";
  EXPECT_EQ(index_.serving(device), Names{"ahci"});  // twice in the table; left-out is not in the image
}

TEST_F(ModuleIndexTest, SoftDependenciesMayBeAliasesOfSeveralModules) {
  EXPECT_EQ(names("ext4"), (Names{"crc32c_intel", "crc32c_generic", "jbd2", "ext4"}));
}

TEST_F(ModuleIndexTest, AliasesCanBeLoaded) { EXPECT_EQ(names("fs-ext4").back(), "ext4"); }

TEST_F(ModuleIndexTest, CyclesAreCut) {
  EXPECT_EQ(names("a"), (Names{"b", "a", "jbd2"}));
  EXPECT_EQ(names("c"), (Names{"d", "c"}));
}

TEST_F(ModuleIndexTest, BuiltInNeedsNoFile) {
  EXPECT_TRUE(index_.knows("nls_utf8"));
  EXPECT_TRUE(index_.knows("nls-utf8"));
  EXPECT_TRUE(names("nls_utf8").empty());
  EXPECT_FALSE(index_.knows("left_out"));
  EXPECT_TRUE(names("left_out").empty());
}

// stage2 has all of all.rdz and more: what is there already is not taken from it.
TEST_F(ModuleIndexTest, TheFirstDirectoryWinsAndTheSecondAdds) {
  ModuleTables more;
  more.dependencies = "kernel/ata/ahci.ko:\nkernel/raid1.ko: kernel/scsi/scsi_mod.ko\n";
  more.aliases = "alias md-raid1 raid1\nalias pci:v*d*sv*sd*bc01sc06i01* ahci\n";
  index_.add("/s", more);
  EXPECT_EQ(index_.load_order("ahci").back(), "/m/kernel/ata/ahci.ko");
  EXPECT_EQ(index_.load_order("md-raid1"),
            (Names{"/m/kernel/scsi/scsi_common.ko", "/m/kernel/scsi/scsi_mod.ko", "/s/kernel/raid1.ko"}));
}

TEST_F(ModuleIndexTest, BrokenTablesDoNoHarm) {
  ModuleTables broken;
  broken.dependencies = ":\n\n: x\nno colon\nkernel/z.ko: kernel/not-there.ko\n";
  broken.aliases = "alias\nalias a b c d\n\xff\n";
  broken.soft = "softdep\nsoftdep z\nsoftdep z nothing pre:\n";
  broken.builtin = "\n \n";
  index_.add("/b", broken);
  EXPECT_EQ(names("z"), Names{"z"});
}

}  // namespace
}  // namespace ka::agent
