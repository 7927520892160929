// What names the golden machine is found below /etc, and nothing else is looked at.
#include "agent/identity/golden_marks.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "agent/machine/linux_machine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class GoldenMarksTest : public testing::Test {
 protected:
  GoldenMarksTest() {
    manifest_.golden_host = "Golden.example.org";
    manifest_.golden_addresses = {"10.0.1.40", "2001:db8::28"};
    manifest_.network_cards = {{"52:54:00:12:34:56", "0000:00:03.0"}, {"52:54:00:aa:bb:cc", ""}};
  }

  GoldenMarks marks() const { return GoldenMarks({manifest_.golden_host, name_}, manifest_, here_); }
  std::string in(std::string_view line) const {
    const char* what = marks().in(line);
    return what ? what : "";
  }
  std::vector<std::string> found() {
    IdentityRecord record;
    return found(record);
  }
  std::vector<std::string> found(IdentityRecord& record) {
    find_golden_marks(tree_, record, marks(), limits_);
    std::vector<std::string> places;
    for (const wire::IdentityNote& note : record.notes())
      if (note.what == wire::IdentityClass::found) places.push_back(note.item + " " + note.where);
    return places;
  }

  asio::io_context io_;
  LinuxMachine machine_{io_};
  Scratch root_;
  CloneTree tree_{machine_, root_.root()};
  wire::Manifest manifest_;
  std::string name_ = "node7";
  std::vector<NetworkCard> here_ = {{"eth0", "02:0a:ff:00:00:07", "0000:00:03.0"}};
  SearchLimits limits_;
};

TEST_F(GoldenMarksTest, AHostNameIsAWholeWord) {
  for (const char* line : {"myhostname = golden", "golden:/srv /mnt nfs", "user@GOLDEN.example.org", "db.golden.lan",
                           "\"golden\"", "a=golden,b"})
    EXPECT_EQ(in(line), "host-name") << line;
  for (const char* line : {"goldenrod", "my-golden", "golden_2", "golden1", "# golden", "  ; golden", "gold", ""})
    EXPECT_EQ(in(line), "") << line;
}

TEST_F(GoldenMarksTest, AnAddressIsAWholeOne) {
  for (const char* line : {"10.0.1.40", "listen 10.0.1.40:80;", "address=10.0.1.40/24", "at 10.0.1.40.",
                           "[2001:db8::28]:80", "abcd:10.0.1.40", "2001:DB8:0:0:0:0:0:28/64", "x 2001:db8::28"})
    EXPECT_EQ(in(line), "address") << line;
  for (const char* line : {"10.0.1.4", "10.0.1.401", "110.0.1.40", "10.0.1.40.1", "1.10.0.1.40", "2001:db8::280",
                           "2001:db8::", "::28", "# 10.0.1.40", "12:30:45", "..:..", "1.2.3"})
    EXPECT_EQ(in(line), "") << line;
}

TEST_F(GoldenMarksTest, AHardwareAddressInAnyForm) {
  for (const char* line :
       {"HWADDR=52:54:00:12:34:56", "52-54-00-12-34-56", "mac 525400123456", "5254.0012.3456", "52:54:00:AA:BB:CC"})
    EXPECT_EQ(in(line), "hardware-address") << line;
  EXPECT_EQ(in("52:54:00:12:34:57"), "");
  EXPECT_EQ(in("02:0a:ff:00:00:07"), "");
}

TEST_F(GoldenMarksTest, WhatIsThisMachinesTooIsNoMark) {
  here_[0].address = "52:54:00:12:34:56";
  EXPECT_EQ(in("52:54:00:12:34:56"), "") << "its own card";
  for (const char* name : {"golden", "golden.other.net", "", "localhost"}) {
    name_ = name;
    EXPECT_EQ(in("golden"), "") << name;
  }
  name_ = "node7";
  manifest_.golden_host = "localhost.localdomain";
  EXPECT_EQ(in("localhost"), "");
}

TEST_F(GoldenMarksTest, TheFirstLineOfEachFileThoseWithAnAddressFirst) {
  root_.file("/etc/aliases", "# golden\nroot: me@golden\nme: golden\n");
  root_.file("/etc/deep/er/x.conf", "\n\nlisten 10.0.1.40");
  root_.file("/etc/deep/lan", "mac 52:54:00:12:34:56\n");
  root_.file("/etc/motd", "welcome\n");
  root_.file("/var/lib/x", "golden\n");
  const std::vector<std::string> all = found();
  EXPECT_THAT(all, UnorderedElementsAre("address /etc/deep/er/x.conf:3", "hardware-address /etc/deep/lan:1",
                                        "host-name /etc/aliases:2"));
  EXPECT_EQ(all.back(), "host-name /etc/aliases:2");
}

TEST_F(GoldenMarksTest, WhatIsToldOfAlreadyIsNotToldTwice) {
  root_.file("/etc/krb5.keytab", "golden");
  root_.file("/etc/hosts", "10.0.1.40 golden");
  IdentityRecord record;
  record.add(wire::IdentityClass::reported, wire::IdentityItem::kerberos_keytab, "/etc/krb5.keytab");
  record.add(wire::IdentityClass::renewed, wire::IdentityItem::host_name, "/etc/hosts");
  EXPECT_THAT(found(record), ElementsAre("address /etc/hosts:1"));
}

TEST_F(GoldenMarksTest, OnlyTextInRegularFilesIsRead) {
  Scratch outside;
  outside.file("/secret", "golden\n");
  root_.file("/etc/binary", std::string("golden\n\0", 8));
  root_.file("/etc/large", std::string(limits_.file_bytes, '\n') + "golden\n");
  root_.link("/etc/out", outside.root());
  root_.link("/etc/file", outside.at("/secret"));
  root_.link("/etc/round", "round");
  root_.link("/etc/up", "..");
  root_.file("/srv/own", "golden\n");
  root_.link("/etc/inside", "/srv/own");
  ASSERT_EQ(::mkfifo(root_.at("/etc/fifo").c_str(), 0600), 0);
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(GoldenMarksTest, AnEtcThatIsALinkIsTheClones) {
  root_.file("/usr/etc/x", "golden\n");
  root_.link("/etc", "/usr/etc");
  EXPECT_THAT(found(), ElementsAre("host-name /etc/x:1"));
}

TEST_F(GoldenMarksTest, WhatIsTooMuchIsCounted) {
  limits_.listed = 3;
  for (int i = 1; i <= 9; ++i) root_.file("/etc/f" + std::to_string(i), "golden\n");
  root_.file("/etc/z", "10.0.1.40\n");
  EXPECT_THAT(found(),
              ElementsAre("address /etc/z:1", "host-name /etc/f1:1", "host-name /etc/f2:1", "more and 7 more"));
}

TEST_F(GoldenMarksTest, AHugeEtcIsNotLookedThroughToItsEndAndThatIsSaid) {
  limits_.files = 100;
  for (int i = 0; i < 60; ++i) {
    root_.file("/etc/a/" + std::to_string(i), "");
    root_.file("/etc/b/" + std::to_string(i), "golden\n");
  }
  const std::vector<std::string> places = found();
  ASSERT_EQ(places.size(), 41u);
  EXPECT_EQ(places.back(), "more /etc has more files than the 100 that were looked at");
  limits_.files = 120;
  EXPECT_EQ(found().size(), 51u) << "50 of 60, and how many more";
}

}  // namespace
}  // namespace ka::agent
