// A file system whose programs firmware would start: nothing of it is to be found before all is.
#include "agent/clone/staged.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "agent/machine/linux_machine.h"
#include "base/error.h"
#include "base/files.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class NoLog final : public Log {
 public:
  void line(std::string_view) override {}
};

// Files are real; what is mounted is a folder that is there.
class FolderMachine final : public LinuxMachine {
 public:
  using LinuxMachine::LinuxMachine;

  void mount(const std::string&, const std::string& target, const std::string&, unsigned long,
             const std::string&) override {
    call("mount");
    mounted.push_back(target);
  }
  void bind(const std::string&, const std::string& target) override {
    call("bind");
    mounted.push_back(target);
  }
  void unmount(const std::string& target) override {
    std::erase(mounted, target);
    call("unmount");
  }
  void watch_writes(const std::string&, const std::string&) override { call("watch_writes"); }
  Awaitable<void> write_back(const std::string&) override {
    call("write_back");
    co_return;
  }
  void release(const std::string&) override {}
  Awaitable<void> finish_writes(const std::string&) override {
    call("finish_writes");
    co_return;
  }
  void rename(const std::string& from, const std::string& to) override {
    call("rename " + from.substr(from.rfind('/') + 1));
    LinuxMachine::rename(from, to);
  }
  void remove_directory(const std::string& path) override {
    call("remove_directory");
    LinuxMachine::remove_directory(path);
  }

  std::vector<std::string> calls, mounted;
  int fail_at = -1;

 private:
  void call(const std::string& text) {
    calls.push_back(text);
    if (static_cast<int>(calls.size()) - 1 == fail_at) throw Error("injected", text);
  }
};

class StagedTest : public CoroutineTest {
 protected:
  StagedTest() : machine_(io_), mounts_(io_, machine_, log_), staged_(machine_, mounts_, folder_.root()) {
    target_.directory("/boot/efi");
  }

  void fill() {
    staged_.mount("/dev/vda1", target_.at("/boot/efi"), "vfat", 0, "");
    folder_.file("/vda1/KA.NEW/efi/BOOT/BOOTX64.EFI", "shim");
    folder_.file("/vda1/KA.NEW/startup.nsh", "text");
    folder_.file("/vda1/KA.NEW/zz/x", "x");
    mounts_.unmount_all();
    machine_.calls.clear();
  }
  std::vector<std::string> top() { return list_directory(folder_.at("/vda1")); }

  Awaitable<void> finish_it() {
    Staged::Look before = [this](const std::string& folder) { seen_before_ = folder; };
    Staged::Look after = [this](const std::string& folder) { seen_after_ = list_directory(folder); };
    std::string device = "/dev/vda1", type = "vfat", data;
    co_await staged_.finish(device, type, data, before, after);
  }
  std::string finish() { return error_of(finish_it()); }

  NoLog log_;
  Scratch folder_, target_;
  FolderMachine machine_;
  Mounts mounts_;
  Staged staged_;
  std::string seen_before_;
  std::vector<std::string> seen_after_;
};

TEST_F(StagedTest, AllThatItHoldsIsInAFolderUntilTheEnd) {
  fill();
  EXPECT_THAT(top(), ElementsAre("KA.NEW"));
  EXPECT_EQ(finish(), "");
  EXPECT_THAT(top(), ElementsAre("efi", "startup.nsh", "zz"));
  EXPECT_EQ(seen_before_, folder_.at("/vda1/KA.NEW"));
  EXPECT_THAT(seen_after_, ElementsAre("efi", "startup.nsh", "zz"));
  EXPECT_THAT(machine_.mounted, IsEmpty());
}

TEST_F(StagedTest, TheProgramsComeAfterAllElseIsOnTheDisk) {
  fill();
  finish();
  EXPECT_THAT(machine_.calls,
              ElementsAre("mount", "watch_writes", "rename startup.nsh", "rename zz", "write_back", "rename efi",
                          "remove_directory", "write_back", "unmount", "finish_writes", "mount", "unmount"));
}

TEST_F(StagedTest, WhereverItFailsFirmwareFindsNothingOrAll) {
  for (int step = 0; step < 12; ++step) {
    std::filesystem::remove_all(folder_.at("/vda1"));
    machine_.fail_at = -1;
    fill();
    machine_.fail_at = step;
    EXPECT_NE(finish(), "") << step;
    const auto there = top();
    if (std::find(there.begin(), there.end(), "efi") == there.end()) continue;
    EXPECT_EQ(folder_.content("/vda1/efi/BOOT/BOOTX64.EFI"), "shim");
    EXPECT_EQ(folder_.content("/vda1/startup.nsh"), "text");
    machine_.fail_at = -1;
    mounts_.unmount_all();
  }
}

}  // namespace
}  // namespace ka::agent
