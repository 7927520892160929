// The way from a boot loader to the root file system, through files as distributions write them.
#include "wire/boot/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/file_map.h"
#include "wire/boot/bls.h"
#include "wire/boot/grub_config.h"
#include "wire/boot/lilo.h"
#include "wire/boot/loader_conf.h"

namespace ka::boot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// One disk: 1 /boot/efi, 2 /boot, 3 /, 4 swap; or /boot on / where a test unmounts it.
class Boot : public testing::Test {
 protected:
  Boot() {
    storage::Partition one, two, three, four;
    one.number = 1, two.number = 2, three.number = 3, four.number = 4;
    storage::add_disk(storage_, "sda", {64ull << 30, 512, ""}, {storage::Label::gpt, "", 128}, {one, two, three, four});
    for (const char* id : {"sda1", "sda2", "sda3"}) storage::add_content(storage_, id, storage::Ext{});
    storage::add_content(storage_, "sda4", storage::Swap{});
    mounts_ = {{"sda3:fs", "/", ""}, {"sda2:fs", "/boot", ""}, {"sda1:fs", "/boot/efi", ""}};
    names_ = {{"UUID=E-F", "sda1:fs"},  {"UUID=boot", "sda2:fs"}, {"UUID=root", "sda3:fs"},
              {"UUID=swap", "sda4:fs"}, {"/dev/sda3", "sda3:fs"}, {"LABEL=tiny", "sda3:fs"}};
    files_["/etc/fstab"] = "UUID=root / ext4 defaults 0 1\nUUID=boot /boot ext4 defaults 0 2\nproc /proc proc x 0 0\n";
    files_["/boot/vmlinuz-6.1"] = files_["/boot/initrd.img-6.1"] = "content";
    files_["/boot/vmlinuz-5.10"] = files_["/boot/initrd.img-5.10"] = "content";
  }

  Trail trail(const std::string& file = "/boot/grub/grub.cfg", const std::string& loader = "grub") {
    Question question{files_of_map(files_), storage_, mounts_, {}};
    question.find = [this](std::string_view name) -> std::optional<storage::Id> {
      auto found = names_.find(std::string(name));
      return found == names_.end() ? std::nullopt : std::optional(found->second);
    };
    return trace(question, {loader, file, false, arguments_});
  }
  std::string fault(const std::string& config) {
    files_["/boot/grub/grub.cfg"] = config;
    return trail().fault();
  }
  void grubenv(const std::string& lines, const std::string& folder = "/boot/grub") {
    std::string bytes = "# GRUB Environment Block\n" + lines;
    bytes.resize(grub_environment_size, '#');
    files_[folder + "/grubenv"] = bytes;
  }

  storage::Storage storage_;
  std::vector<Mounted> mounts_;
  std::map<std::string, std::string> names_, files_;
  std::string arguments_;
};

// In the form of grub-mkconfig.
const char* const debian = R"(if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="${saved_entry}"
fi
if [ x"${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
export menuentry_id_option
function load_video {
  if [ x$feature_all_video_module = xy ]; then
    insmod all_video
  else
    insmod efi_gop
  fi
}
if loadfont unicode ; then
  set gfxmode=auto
fi
terminal_output gfxterm
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple-root' {
	load_video
	insmod gzio
	if [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
	set root='hd0,gpt2'
	if [ x$feature_platform_search_hint = xy ]; then
	  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2  boot
	else
	  search --no-floppy --fs-uuid --set=root boot
	fi
	echo	'Loading Linux 6.1 ...'
	linux	/vmlinuz-6.1 root=UUID=root ro  quiet resume=UUID=swap
	echo	'Loading initial ramdisk ...'
	initrd	/initrd.img-6.1
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-root' {
	menuentry 'Debian GNU/Linux, with Linux 6.1' $menuentry_id_option 'gnulinux-6.1-advanced-root' {
		linux	/vmlinuz-6.1 root=UUID=root ro
		initrd	/initrd.img-6.1
	}
	menuentry 'Debian GNU/Linux, with Linux 5.10' $menuentry_id_option 'gnulinux-5.10-advanced-root' {
		linux	/vmlinuz-5.10 root=UUID=root ro
		initrd	/initrd.img-5.10
	}
}
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
)";

TEST_F(Boot, DebiansGrubFromItsFirstFileToFstab) {
  files_["/boot/grub/grub.cfg"] = debian;
  const Trail found = trail();
  EXPECT_EQ(found.fault(), "");
  EXPECT_TRUE(found.boots());
  EXPECT_EQ(found.summary(), "\"Debian GNU/Linux\", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda3:fs");
  std::vector<std::string> lines;
  for (const Link& link : found.links) lines.push_back(link.text());
  EXPECT_THAT(
      lines,
      ElementsAre("GRUB's /boot/grub/grub.cfg: found", "/boot/grub/grub.cfg:30: entry \"Debian GNU/Linux\": found",
                  "/boot/grub/grub.cfg:41: kernel /boot/vmlinuz-6.1: found",
                  "/boot/grub/grub.cfg:43: initrd /boot/initrd.img-6.1: found",
                  "/boot/grub/grub.cfg:41: resume=UUID=swap: found, sda4:fs",
                  "/boot/grub/grub.cfg:41: root=UUID=root: found, sda3:fs, mounted at /",
                  "/etc/fstab:1: / on UUID=root: found, sda3:fs", "/etc/fstab:2: /boot on UUID=boot: found, sda2:fs"));
}

TEST_F(Boot, TheSavedEntryOfASubmenuByItsId) {
  files_["/boot/grub/grub.cfg"] = debian;
  grubenv("saved_entry=gnulinux-advanced-root>gnulinux-5.10-advanced-root\n");
  EXPECT_EQ(trail().kernel, "/boot/vmlinuz-5.10");
  grubenv("saved_entry=1>1\n");
  EXPECT_EQ(trail().kernel, "/boot/vmlinuz-5.10");
  grubenv("saved_entry=Advanced options for Debian GNU/Linux\n");  // its own first
  EXPECT_EQ(trail().title, "Debian GNU/Linux, with Linux 6.1");
  grubenv("saved_entry=0\nnext_entry=1>Debian GNU/Linux, with Linux 5.10\n");
  EXPECT_EQ(trail().kernel, "/boot/vmlinuz-5.10");
  grubenv("saved_entry=gone\n");  // GRUB takes the first
  EXPECT_EQ(trail().kernel, "/boot/vmlinuz-6.1");
  files_["/boot/grub/grubenv"] = "# GRUB Environment Block\nsaved_entry=1>1\n";  // no 1024 bytes: not read
  EXPECT_EQ(trail().kernel, "/boot/vmlinuz-6.1");
}

TEST_F(Boot, WhatIsMissingIsNamedWithFileAndLine) {
  files_["/boot/grub/grub.cfg"] = debian;
  files_.erase("/boot/initrd.img-6.1");
  EXPECT_EQ(trail().fault(), "/boot/grub/grub.cfg:43: initrd /boot/initrd.img-6.1: there is no such file");
  files_["/boot/initrd.img-6.1"] = "";
  EXPECT_EQ(trail().fault(), "/boot/grub/grub.cfg:43: initrd /boot/initrd.img-6.1: it is empty");
  files_["/boot/initrd.img-6.1"] = "x";
  files_.erase("/boot/vmlinuz-6.1");
  EXPECT_EQ(trail().fault(), "/boot/grub/grub.cfg:41: kernel /boot/vmlinuz-6.1: there is no such file");
  files_["/boot/vmlinuz-6.1"] = "x";
  names_.erase("UUID=root");
  EXPECT_EQ(trail().fault(), "/boot/grub/grub.cfg:41: root=UUID=root: no clone has a file system of that name");
  names_["UUID=root"] = "sda2:fs";
  EXPECT_EQ(trail().fault(), "/boot/grub/grub.cfg:41: root=UUID=root: it is sda2:fs, which is /boot here");
  files_.clear();
  EXPECT_EQ(trail().fault(), "GRUB's /boot/grub/grub.cfg: there is no such file among what is cloned");
}

TEST_F(Boot, ADefaultEntryThatStartsSomethingElseIsNotUnderstood) {
  EXPECT_EQ(fault("menuentry Windows {\n  chainloader +1\n}\n"),
            "/boot/grub/grub.cfg:2: entry \"Windows\": not understood: it starts something by chainloader");
  EXPECT_THAT(fault("menuentry Xen {\n  multiboot2 /xen.gz\n  module2 /vmlinuz\n}\n"), HasSubstr("by multiboot2"));
  EXPECT_THAT(fault("menuentry nothing {\n  echo hello\n}\n"), HasSubstr("it loads no Linux kernel"));
  EXPECT_THAT(fault("set timeout=1\n"), HasSubstr("menu: it has no entries"));
  EXPECT_THAT(fault("menuentry a {\n"), HasSubstr("\"}\" is missing"));
  EXPECT_THAT(fault("set a='b\n"), HasSubstr("/boot/grub/grub.cfg:1: a quote is not closed"));
  // Other entries do not matter.
  EXPECT_EQ(fault("set default=1\nmenuentry Windows { chainloader +1; }\nmenuentry Linux {\n"
                  "linux /vmlinuz-6.1 root=LABEL=tiny\n}\n"),
            "");
}

TEST_F(Boot, WhatNeverEndsDoesEnd) {
  EXPECT_THAT(fault("function again { again; again; }\nagain\n"), HasSubstr("without an end"));
  EXPECT_THAT(fault("source /grub/grub.cfg\n"), HasSubstr("have no end"));
  std::string grows = "set a=xxxxxxxxxxxxxxxx\n";
  for (int i = 0; i < 40; ++i) grows += "set a=\"$a$a\"\n";
  EXPECT_THAT(fault(grows), HasSubstr("too long"));
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "if true; then ";
  EXPECT_THAT(fault(deep), HasSubstr("too deeply"));
  std::string loops = "set l=\"1 2 3 4 5 6 7 8 9 0\"\n", end;
  for (int i = 0; i < 9; ++i) loops += "for a in $l; do ", end += "; done";
  EXPECT_THAT(fault(loops + "true" + end + "\n"), HasSubstr("on and on"));
}

TEST_F(Boot, FedorasEntriesByGrubAndItsKernelOptions) {
  files_["/boot/grub2/grub.cfg"] =
      "load_env\nset default=\"${saved_entry}\"\nsearch --no-floppy --fs-uuid --set=boot boot\n"
      "if [ -z \"${kernelopts}\" ]; then\n  set kernelopts=\"root=UUID=gone\"\nfi\ninsmod blscfg\nblscfg\n";
  const std::string entry = "title Fedora Linux 41\nversion 6.1\nlinux /vmlinuz-6.1\ninitrd /initrd.img-6.1\n";
  files_["/boot/loader/entries/abc-6.1.conf"] = entry + "options $kernelopts $tuned_params\n";
  files_["/boot/loader/entries/abc-6.1.10.conf"] = "title newer\nlinux /gone\noptions root=UUID=root\n";
  grubenv("saved_entry=abc-6.1\nkernelopts=root=UUID=root ro quiet\n", "/boot/grub2");
  Trail found = trail("/boot/grub2/grub.cfg");
  EXPECT_EQ(found.fault(), "");
  EXPECT_EQ(found.summary(), "\"Fedora Linux 41\", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda3:fs");
  grubenv("kernelopts=root=UUID=root\n", "/boot/grub2");  // the newest one
  EXPECT_EQ(trail("/boot/grub2/grub.cfg").fault(),
            "/boot/loader/entries/abc-6.1.10.conf:2: kernel /boot/gone: there is no such file");
  files_["/boot/loader/entries/abc-6.1.conf"] = entry + "options root=UUID=elsewhere\n";
  grubenv("saved_entry=abc-6.1\n", "/boot/grub2");
  EXPECT_EQ(trail("/boot/grub2/grub.cfg").fault(),
            "/boot/loader/entries/abc-6.1.conf:3: root=UUID=elsewhere: no clone has a file system of that name");
}

TEST_F(Boot, AStubInTheEspLeadsToTheMenu) {
  const std::string stub = "/boot/efi/EFI/debian/grub.cfg";
  files_[stub] = "search.fs_uuid boot root hd0,gpt2\nset prefix=($root)'/grub'\nconfigfile $prefix/grub.cfg\n";
  files_["/boot/grub/grub.cfg"] = debian;
  EXPECT_EQ(trail(stub).summary(), "\"Debian GNU/Linux\", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda3:fs");
  names_.erase("UUID=boot");
  EXPECT_EQ(trail(stub).fault(), stub + ":3: configfile (sda1:fs)/grub/grub.cfg: there is no such file");
}

TEST_F(Boot, OpenSusesSubvolumes) {
  mounts_ = {{"sda3:fs", "/", "@/.snapshots/1/snapshot"},
             {"sda3:fs", "/var", "@/var"},
             {"sda3:fs", "/boot/grub2/i386-pc", "@/boot/grub2/i386-pc"}};
  files_["/boot/grub2/grub.cfg"] =
      "search --fs-uuid --set=root root\nmenuentry 'openSUSE' {\n linux /boot/vmlinuz-6.1 root=UUID=root\n"
      " initrd /@/.snapshots/1/snapshot/boot/initrd.img-6.1\n}\n";
  EXPECT_EQ(trail("/boot/grub2/grub.cfg").summary(),
            "\"openSUSE\", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda3:fs");
}

TEST_F(Boot, WordsAndConditionsAsGrubHasThem) {
  const std::string end =
      "; then set default=1; fi\nmenuentry a { linux /gone; }\nmenuentry b { linux /vmlinuz-6.1 \\\n"
      " root=LABEL=tiny; }\n";
  for (const char* holds :
       {"[ 1 = 1 ]", "[ ! 1 = 2 -a -f /vmlinuz-6.1 ]", "test -z \"\"", "[ -d /grub ]", "[ 3 -gt 2 ]",
        "[ a = b -o -e /grub/grub.cfg ]", "[ \"$grub_platform\" = pc ]", "[ -s ($root)/vmlinuz-6.1 ]"})
    EXPECT_EQ(fault("if " + std::string(holds) + end), "") << holds;
  for (const char* fails :
       {"[ 1 = 2 ]", "[ $unset ]", "false", "[ -f /gone ]", "[ -n \"${unset}\" ]", "search --file /x"})
    EXPECT_THAT(fault("if " + std::string(fails) + end), HasSubstr("/gone")) << fails;
}

// Whatever is cut off or spoiled: an answer, and no crash.
TEST_F(Boot, EveryBeginningOfAConfigurationHasAnAnswer) {
  const std::string whole = debian;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    fault(whole.substr(0, size));
    std::string spoiled = whole;
    spoiled[size] = "\0\"'{};$\\\n"[size % 9];
    fault(spoiled);
  }
}

// In the form of kernel-install and bootctl, kernels on the ESP.
TEST_F(Boot, SystemdBootsDefaultAndItsOrder) {
  const std::string conf = "/boot/efi/loader/loader.conf", entries = "/boot/efi/loader/entries/";
  files_[conf] = "timeout 3\n#console-mode keep\n";
  files_["/boot/efi/abc/6.1/linux"] = files_["/boot/efi/abc/6.1/initrd"] = "content";
  files_[entries + "abc-6.1.conf"] =
      "title      Debian\nversion    6.1\nsort-key   debian\nmachine-id abc\noptions    root=UUID=root ro\n"
      "linux      /abc/6.1/linux\ninitrd     /abc/6.1/initrd\n";
  files_[entries + "abc-5.10.conf"] =
      "title Debian\nversion 5.10\nsort-key debian\nmachine-id abc\noptions root=UUID=root\nlinux /gone\n";
  EXPECT_EQ(trail(conf, "systemd-boot").summary(),
            "\"Debian\", /boot/efi/abc/6.1/linux, /boot/efi/abc/6.1/initrd, root sda3:fs");
  files_[conf] = "default ABC-5*\n";
  EXPECT_EQ(trail(conf, "systemd-boot").fault(),
            entries + "abc-5.10.conf:6: kernel /boot/efi/gone: there is no such file");
  files_[conf] = "default @saved\n";
  EXPECT_TRUE(trail(conf, "systemd-boot").boots());
  // An entry whose tries are used up is the last.
  files_[entries + "abc-6.2+0-3.conf"] = "sort-key debian\nmachine-id abc\nversion 6.2\nlinux /gone\n";
  files_.erase(conf);
  EXPECT_TRUE(trail(conf, "systemd-boot").boots());
  for (const char* name : {"abc-6.1.conf", "abc-5.10.conf", "abc-6.2+0-3.conf"}) files_.erase(entries + name);
  EXPECT_THAT(trail(conf, "systemd-boot").fault(), HasSubstr("there is no entry in loader/entries or EFI/Linux"));
  files_["/boot/efi/EFI/Linux/arch-linux.efi"] = "image";
  EXPECT_EQ(trail(conf, "systemd-boot").kernel, "/boot/efi/EFI/Linux/arch-linux.efi");
}

TEST_F(Boot, SystemdBootsPatterns) {
  EXPECT_TRUE(matches_pattern("arch*", "Arch-Linux.conf"));
  EXPECT_TRUE(matches_pattern("*-6.[0-4]?", "abc-6.1x"));
  EXPECT_TRUE(matches_pattern("[!b]*", "abc"));
  EXPECT_FALSE(matches_pattern("arch", "arch.conf"));
  EXPECT_FALSE(matches_pattern("?", ""));
  EXPECT_TRUE(matches_pattern("a[", "a["));
}

// In the form of Debian's extlinux-update.
TEST_F(Boot, ExtlinuxWithItsIncludedFile) {
  const std::string conf = "/boot/extlinux/extlinux.conf";
  files_[conf] = "default l0\nprompt 1\ntimeout 50\n\ninclude themes/debian/theme.cfg\ninclude linux.cfg\n";
  files_["/boot/extlinux/linux.cfg"] =
      "label l0\n\tmenu label Debian, kernel 6.1\n\tlinux /vmlinuz-6.1\n\tinitrd /initrd.img-6.1\n"
      "\tappend root=UUID=root ro quiet\n\nlabel l0r\n\tlinux ../vmlinuz-5.10\n"
      "\tappend initrd=../initrd.img-5.10 root=UUID=gone\n";
  const Trail found = trail(conf, "extlinux");
  EXPECT_EQ(found.fault(), "");
  EXPECT_EQ(found.summary(), "\"l0\", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda3:fs");
  files_["/boot/extlinux/linux.cfg"] += "\tmenu default\n";
  EXPECT_EQ(trail(conf, "extlinux").fault(),
            "/boot/extlinux/linux.cfg:8: root=UUID=gone: no clone has a file system of that name");
  files_[conf] = "DEFAULT vesamenu.c32\nLABEL x\nKERNEL /vmlinuz-6.1\n";
  EXPECT_EQ(trail(conf, "extlinux").fault(), conf + ": default \"vesamenu.c32\": there is no such label");
  files_[conf] = "DEFAULT x\nLABEL x\nKERNEL chain.c32\nAPPEND hd0\n";
  EXPECT_EQ(trail(conf, "extlinux").fault(), conf + ":3: chain.c32: not understood: it is no Linux kernel");
}

TEST_F(Boot, AKernelThatTheFirmwareStarts) {
  files_["/boot/efi/vmlinuz.efi"] = files_["/boot/efi/EFI/initrd"] = "content";
  for (const char c : std::string(R"(root=UUID=root ro initrd=\EFI\initrd)")) arguments_ += c, arguments_ += '\0';
  EXPECT_EQ(trail("/boot/efi/vmlinuz.efi", "efi-stub").summary(),
            "\"vmlinuz.efi\", /boot/efi/vmlinuz.efi, /boot/efi/EFI/initrd, root sda3:fs");
  arguments_ = "root=UUID=gone";
  EXPECT_EQ(trail("/boot/efi/vmlinuz.efi", "efi-stub").fault(),
            "root=UUID=gone: no clone has a file system of that name");
}

TEST_F(Boot, LilosImages) {
  const std::string conf = "/etc/lilo.conf";
  files_[conf] =
      "boot = /dev/sda\nroot = \"UUID=root\"\ndefault = old\n# image=/none\nimage = /boot/vmlinuz-6.1\n"
      "  label = new\nimage = /boot/vmlinuz-5.10\n  label = old\n  initrd = /boot/initrd.img-5.10\n";
  EXPECT_EQ(trail(conf, "lilo").summary(), "\"old\", /boot/vmlinuz-5.10, /boot/initrd.img-5.10, root sda3:fs");
  files_.erase("/boot/initrd.img-5.10");
  EXPECT_EQ(trail(conf, "lilo").fault(), "/etc/lilo.conf:9: initrd /boot/initrd.img-5.10: there is no such file");
  files_[conf] = "default=gone\nimage=/boot/vmlinuz-6.1\n";
  EXPECT_EQ(trail(conf, "lilo").fault(), "/etc/lilo.conf: default=gone: there is no image with this label");
  EXPECT_EQ(with_lilo_boot("boot = /dev/sda\nroot=/dev/sda1\n", "/dev/vda"), "boot =/dev/vda\nroot=/dev/sda1\n");
}

TEST_F(Boot, ALoaderThatIsNotKnownIsCalledByItsName) {
  EXPECT_EQ(trail("/boot/grub/menu.lst", "GRUB legacy").fault(),
            "GRUB legacy: not understood: nobody here can read what this boot loader reads");
}

TEST(BlsTest, VersionsInTheOrderOfTheirNumbers) {
  const char* const rising[] = {"6.1~rc1", "6.1", "6.1.0-13", "6.1.0-100", "6.10", "6.10.fc41"};
  for (std::size_t a = 0; a < std::size(rising); ++a)
    for (std::size_t b = 0; b < std::size(rising); ++b) {
      const int order = compare_versions(rising[a], rising[b]);
      EXPECT_EQ(order < 0, a < b) << rising[a] << " " << rising[b];
      EXPECT_EQ(order > 0, a > b) << rising[a] << " " << rising[b];
    }
}

}  // namespace
}  // namespace ka::boot
