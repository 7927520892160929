#include "agent/boot/stage2.h"

#include "agent/boot/squashfs.h"
#include "agent/machine/sink.h"
#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

Awaitable<void> Stage2::receive(ServerLink& link, const std::string& session) {
  link.report("waiting for stage2");
  auto executor = co_await asio::this_coro::executor;
  FileSink sink(static_cast<asio::io_context&>(executor.context()), file);
  ReceiveStats stats;
  try {
    stats = co_await link.receive(session, sink);
  } catch (...) {
    machine_.remove_file(file);
    throw;
  }
  log_.line("Stage2: " + format_size(stats.bytes) + " received");
  co_await mount();
}

Awaitable<void> Stage2::mount() {
  Log::Step step(log_, std::string("Mounting stage2 as ") + root + " ");
  try {
    co_await mount_squashfs(machine_, drivers_, file, root);
    const std::string inside = root;
    for (const char* folder : {"/dev", "/proc", "/sys", "/run", "/mnt"}) machine_.bind(folder, inside + folder);
    // Not this system's /tmp: stage2 itself is there.
    machine_.mount("tmpfs", inside + "/tmp", "tmpfs", 0, "size=25%,mode=1777");
  } catch (const Error& error) {
    step.failed(error.what());
    throw in_context("mount stage2, as the server sent it", error);
  }
  mounted_ = true;
  step.ok();
}

}  // namespace ka::agent
