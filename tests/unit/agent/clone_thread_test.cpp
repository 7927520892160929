// A clone that waits for a disk, here a FIFO in the place of a file, does not keep the node from answering its server.
#include "agent/clone/clone_thread.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <pthread.h>
#include <sys/stat.h>

#include "agent/machine/linux_machine.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"
#include "wire/manifest.h"

namespace ka::agent {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Link final : public ServerLink {
 public:
  explicit Link(std::string manifest) : manifest_(std::move(manifest)) {}
  Awaitable<ReceiveStats> receive(std::string, Sink& sink) override {
    on_loop = ::pthread_equal(loop, ::pthread_self());
    co_await sink.write(std::as_bytes(std::span(manifest_)));
    co_await sink.close();
    on_loop = on_loop && ::pthread_equal(loop, ::pthread_self());
    co_return ReceiveStats{};
  }
  Awaitable<std::vector<wire::DevicePassphrase>> ask_to_write(std::vector<wire::DiskOffer>) override {
    co_return std::vector<wire::DevicePassphrase>();
  }
  void report(std::string stage) override {
    EXPECT_TRUE(::pthread_equal(loop, ::pthread_self()));
    stages.push_back(std::move(stage));
  }
  void tell_identity(std::vector<wire::IdentityNote>) override {}
  Awaitable<void> done() override { co_return; }
  Awaitable<void> failed(std::string) override { co_return; }

  const pthread_t loop = ::pthread_self();
  bool on_loop = false;
  std::vector<std::string> stages;

 private:
  std::string manifest_;
};

class Lines final : public Log {
 public:
  void line(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

class Nobody final : public Person {
 public:
  Awaitable<Secret> ask(std::string what) override {
    EXPECT_TRUE(::pthread_equal(loop, ::pthread_self())) << what;
    throw Error("ask for " + what, "nobody is there");
  }
  void show(std::string_view) override { EXPECT_TRUE(::pthread_equal(loop, ::pthread_self())); }

  const pthread_t loop = ::pthread_self();
};

class CloneThreadTest : public CoroutineTest {
 protected:
  CloneThreadTest() : link_(manifest()) {
    for (const char* program : {"sh", "sfdisk", "truncate", "tar", "mke2fs", "tune2fs", "e2fsck", "mkswap",
                                "grub-install", "dd", "blkid", "wipefs"})
      stage2_.file(std::string("/usr/sbin/") + program, "", 0755);
    proc_.directory("/self");
    EXPECT_EQ(::mkfifo(mounts_.c_str(), 0600), 0);
    proc_.file("/filesystems", "nodev\tproc\n\text4\n");
    context_.stage2_root = stage2_.root();
    context_.sysfs = context_.target = proc_.root();
    context_.procfs = proc_.root();
    context_.kernel_log = "";
    context_.load_module = [](std::string) -> Awaitable<void> { co_return; };
    context_.settle_drivers = [this] { return settle_drivers(); };
  }

  Awaitable<SettledDrivers> settle_drivers() {
    EXPECT_TRUE(::pthread_equal(link_.loop, ::pthread_self()));
    SettledDrivers none;
    co_return none;
  }

  static std::string manifest() {
    wire::Manifest m;
    m.golden_host = "golden";
    storage::Partition partition;
    partition.number = 1;
    partition.type = "83";
    partition.size.fill = true;
    storage::add_disk(m.storage, "sda", {8ull << 30, 512, ""}, {}, {partition});
    storage::Ext root;
    root.version = "ext4";
    storage::add_content(m.storage, "sda1", root);
    m.mounts = {{"sda1:fs", "/", ""}};
    m.step_limit_s = 1;  // a clone that hangs for good, where no test lets it go on, is given up
    return wire::to_json(m);
  }

  Scratch stage2_, proc_;
  const std::string mounts_ = proc_.at("/self/mountinfo");
  Lines log_;
  Link link_;
  Nobody person_;
  LinuxMachine machine_{io_};
  CloneContext context_{{}, io_, machine_, log_, link_, person_, {}, {}, {}};
};

TEST_F(CloneThreadTest, TheLoopGoesOnWhileTheCloneWaitsForADisk) {
  int turns = 0;
  std::string why;
  auto clone_it = [&]() -> Awaitable<void> {
    try {
      co_await clone_beside(context_);
    } catch (const Error& error) {
      why = error.what();
    }
  };
  auto go_on = [&]() -> Awaitable<void> {
    asio::steady_timer timer(io_);
    // Without O_NONBLOCK this would wait for a reader, and for ever if the clone came to its end before.
    for (UniqueFd mounts; !mounts.valid() && why.empty();) {
      timer.expires_after(std::chrono::milliseconds(5));
      co_await timer.async_wait(asio::use_awaitable);
      if (++turns >= 20) mounts.reset(::open(mounts_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    }
  };
  auto both = [&]() -> Awaitable<void> {
    using namespace asio::experimental::awaitable_operators;
    co_await (clone_it() && go_on());
  };
  get(both());
  EXPECT_GE(turns, 20) << "it did not wait: " << why;
  EXPECT_THAT(why, HasSubstr("Nothing was written"));
  EXPECT_TRUE(link_.on_loop);
  EXPECT_THAT(link_.stages, Contains("checking"));
  EXPECT_THAT(log_.lines, Contains(" - Receiving partitions information...OK"));
}

TEST_F(CloneThreadTest, TypesOfErrorsStayWhatTheyAre) {
  class Gone final : public ServerLink {
   public:
    Awaitable<ReceiveStats> receive(std::string, Sink& sink) override {
      sink.abort();
      throw ServerLost("the KA server is lost", "a test");
      co_return ReceiveStats{};
    }
    Awaitable<std::vector<wire::DevicePassphrase>> ask_to_write(std::vector<wire::DiskOffer>) override {
      co_return std::vector<wire::DevicePassphrase>();
    }
    void report(std::string) override {}
    void tell_identity(std::vector<wire::IdentityNote>) override {}
    Awaitable<void> done() override { co_return; }
    Awaitable<void> failed(std::string) override { co_return; }
  } gone;
  CloneContext context{{}, io_, machine_, log_, gone, person_, {}, {}, {}};
  context.kernel_log = "";
  EXPECT_THROW(get(clone_beside(context)), ServerLost);
}

}  // namespace
}  // namespace ka::agent
