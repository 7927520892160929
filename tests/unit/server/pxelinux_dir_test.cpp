// Files for machines in a foreign boot server's tree: what stands in them, and whose files are never touched.

#include "server/boot/pxelinux_dir.h"

#include <gmock/gmock.h>

#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using State = NodeStatus::State;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char *card = "52:54:00:77:00:01", *other_card = "52:54:00:77:00:02";
constexpr const char *own = "/pxelinux.cfg/01-52-54-00-77-00-01", *others = "/pxelinux.cfg/01-52-54-00-77-00-02";
constexpr const char* own_grub = "/grub/grub.cfg-01-52-54-00-77-00-01";

constexpr const char* menu =
    "UI menu.c32\n"
    "DEFAULT local\n"
    "LABEL local\n"
    "    LOCALBOOT -1\n"
    "label rescue\n"
    "    KERNEL rescue\n"
    "Label kamethod\n"
    "    KERNEL images/vmlinuz\n"
    "    APPEND initrd=images/all.rdz kamethod\n";

class PxelinuxDirTest : public CoroutineTest {
 protected:
  PxelinuxDirTest() {
    scratch_.file("/pxelinux.cfg/default", menu);
    scratch_.file("/grub/grub.cfg", "menuentry 'x' --id local {\n}\nmenuentry 'y' --id kamethod {\n}\n");
    options_.folder = scratch_.root();
    options_.tries = 2;
  }

  std::unique_ptr<PxelinuxDir> started() {
    auto files = std::make_unique<PxelinuxDir>(options_);
    get(files->start([this](const std::string& line) { said_ += line + "\n"; }));
    files->listens();
    return files;
  }
  static NodeStatus node(State state, unsigned failures = 0, const char* address = card) {
    NodeStatus status;
    status.hardware_address = address;
    status.host_name = "node1";
    status.state = state;
    status.failures = failures;
    status.reason = "the disk is gone";
    return status;
  }
  void only(const std::string& cards) { options_.only = wire::Racks::parse("meant " + cards + "\n", "only"); }
  std::string refused() {
    try {
      const PxelinuxDir files(options_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  Scratch scratch_;
  PxelinuxOptions options_;
  std::string said_;
};

TEST_F(PxelinuxDirTest, AMachineThatCameHasAFileOfItsOwnByItsState) {
  const auto files = started();
  EXPECT_FALSE(scratch_.has(own));
  files->node(node(State::running));
  EXPECT_THAT(scratch_.content(own), HasSubstr("DEFAULT kamethod\nLabel kamethod\n    KERNEL images/vmlinuz\n"));
  EXPECT_THAT(scratch_.content(own), Not(HasSubstr("rescue")));
  EXPECT_THAT(scratch_.content(own_grub), HasSubstr("source $prefix/grub.cfg\nset default=kamethod\n"));
  EXPECT_EQ(scratch_.status(own).st_mode & 0777, 0644u);
  files->node(node(State::failed, 1));
  EXPECT_THAT(scratch_.content(own), HasSubstr("DEFAULT kamethod\n"));
  files->node(node(State::failed, 2));
  EXPECT_THAT(scratch_.content(own), HasSubstr("PROMPT 1\nTIMEOUT 0\n"));
  EXPECT_THAT(scratch_.content(own), HasSubstr("SAY the disk is gone\n"));
  EXPECT_THAT(scratch_.content(own_grub), HasSubstr("echo 'the disk is gone'\n"));
  files->node(node(State::done, 2));
  EXPECT_THAT(scratch_.content(own), HasSubstr("DEFAULT local\nLABEL local\n    LOCALBOOT -1\n"));
  EXPECT_THAT(scratch_.content(own_grub), HasSubstr("set default=local\n"));
  EXPECT_EQ(scratch_.content("/pxelinux.cfg/default"), menu);
}

TEST_F(PxelinuxDirTest, WithAListThoseAreThereFromTheBeginningAndNoOthers) {
  only(card);
  const auto files = started();
  EXPECT_THAT(scratch_.content(own), HasSubstr("DEFAULT kamethod\n"));
  files->node(node(State::running, 0, other_card));
  EXPECT_FALSE(scratch_.has(others));
}

TEST_F(PxelinuxDirTest, WhileNoJobIsThereAllBootFromTheirOwnDisk) {
  only(std::string(card) + " " + other_card);
  const auto files = started();
  files->node(node(State::failed, 2));
  files->serve(false);
  EXPECT_THAT(scratch_.content(own), HasSubstr("SAY the disk is gone\n"));
  EXPECT_THAT(scratch_.content(others), HasSubstr("DEFAULT local\n"));
  files->serve(true);
  EXPECT_THAT(scratch_.content(others), HasSubstr("DEFAULT kamethod\n"));
}

TEST_F(PxelinuxDirTest, AllGoesAtTheEndButWhatIsNotOurs) {
  scratch_.file(others, "DEFAULT somebody's\n");
  auto files = started();
  files->node(node(State::done));
  files->node(node(State::done, 0, other_card));
  EXPECT_THAT(said_, HasSubstr("01-52-54-00-77-00-02: ka-server has not written it"));
  files.reset();
  EXPECT_FALSE(scratch_.has(own));
  EXPECT_FALSE(scratch_.has(own_grub));
  EXPECT_EQ(scratch_.content(others), "DEFAULT somebody's\n");
}

TEST_F(PxelinuxDirTest, WhatAKilledOneLeftIsRemovedByTheNext) {
  {
    const auto killed = started();
    killed->node(node(State::done));
    std::filesystem::copy_file(scratch_.at(own), scratch_.at("/left"));
  }
  scratch_.file(own, scratch_.content("/left"));
  scratch_.file("/pxelinux.cfg/.ka-server.01-52-54-00-77-00-01", "half");
  const auto files = started();
  EXPECT_FALSE(scratch_.has(own));
  EXPECT_FALSE(scratch_.has("/pxelinux.cfg/.ka-server.01-52-54-00-77-00-01"));
}

TEST_F(PxelinuxDirTest, AForeignFileOfThatNameIsRefusedByNameBeforeAnythingIsChanged) {
  only(std::string(card) + " " + other_card);
  for (const bool is_link : {false, true}) {
    std::filesystem::remove(scratch_.at(others));
    if (is_link)
      scratch_.link(others, scratch_.at("/pxelinux.cfg/default"));
    else
      scratch_.file(others, "DEFAULT x\n");
    EXPECT_THAT(refused(), HasSubstr("/pxelinux.cfg/01-52-54-00-77-00-02: ka-server has not written it"));
    EXPECT_THAT(refused(), HasSubstr("move it away"));
    EXPECT_FALSE(scratch_.has(own));
  }
}

TEST_F(PxelinuxDirTest, ATreeThatCannotBeUsedIsRefused) {
  {
    const PxelinuxDir first(options_);
    EXPECT_THAT(refused(), HasSubstr("another ka-server keeps files there"));
  }
  scratch_.file("/grub/grub.cfg", "menuentry 'x' --id local {\n}\n");
  EXPECT_THAT(refused(), HasSubstr("no menu entry with --id kamethod"));
  scratch_.file("/pxelinux.cfg/default", "LABEL kamethod2\n");
  EXPECT_THAT(refused(), HasSubstr("/pxelinux.cfg/default: it has no label kamethod"));
  options_.folder = "/nowhere";
  EXPECT_THAT(refused(), StartsWith("--pxelinux-dir /nowhere: there is neither"));
}

}  // namespace
}  // namespace ka::server
