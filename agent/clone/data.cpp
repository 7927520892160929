#include "agent/clone/data.h"

#include <algorithm>

#include "agent/clone/before_write.h"
#include "agent/clone/boot_proof.h"
#include "agent/clone/explained.h"
#include "agent/clone/inodes.h"
#include "agent/clone/repeat.h"
#include "agent/machine/sink.h"
#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"

namespace ka::agent {

namespace {

void log_received(Work& work, const ReceiveStats& stats) {
  double seconds = std::max(stats.elapsed.count(), 0.001);
  work.log.line("Total data received = " + format_size(stats.bytes) + " (" +
                format_size(static_cast<std::uint64_t>(static_cast<double>(stats.bytes) / seconds)) + "/sec)");
}

// Through what the disk has, and not through what should be there.
Awaitable<void> prove_that_it_boots(Work& work) {
  work.stage("following the boot");
  const std::string summary =
      co_await prove_boot(work.clone, work.initrds, work.log, work.manifest, work.modules, is_uefi(work));
  if (summary.empty()) co_return;
  work.log.line(" - This clone will boot: " + summary);
  work.stage("will boot: " + summary);
}

}  // namespace

Awaitable<void> copy_system(Work& work) {
  work.log.line("Linux copy is about to start");
  work.stage("copying");
  // Directories get their times and modes once all that is in them is there. Times are the golden node's: its
  // clock need not agree with this one.
  Command tar({"tar", "--extract", "--file=-", "--blocking-factor=128", "--directory=" + work.context.target,
               "--numeric-owner", "--same-owner", "--same-permissions", "--xattrs", "--xattrs-include=*",
               "--delay-directory-restore", "--warning=no-timestamp"});
  tar.root = work.context.stage2_root;
  // Into the file that is there; else it would be removed and made anew.
  if (make_early_inodes(work.machine, work.clone, work.manifest) > 0) tar.argv.emplace_back("--overwrite");
  // tar ends well also when it could not set an attribute or an ACL, and only says so.
  std::string lost;
  auto show = [&work, &lost](std::string_view line) {
    work.log.line(line);
    if (lost.empty() && line.find("Cannot ") != std::string_view::npos) lost = line;
  };
  if (wire::fate_of(wire::IdentityItem::ssh_host_keys, work.manifest.identity) != wire::IdentityFate::keep)
    work.early_key.start(work.host_name());
  work.proof = std::make_shared<Proof>(work.manifest.verify_all);
  auto sink = explained(work, work.proof->listen(work.machine.command_sink(tar, show)));
  std::string session = wire::system_session;
  ReceiveStats stats = co_await work.context.link.receive(session, *sink);
  work.proof->copied();
  log_received(work, stats);
  if (!lost.empty()) throw Error("copy the system", lost);
  remove_unwritten(work.machine, work.clone, work.manifest);
  work.log.line("Linux copy done.");
}

Awaitable<void> copy_blocks(Work& work, const wire::Stream& stream) {
  const std::string& device = work.build.device(stream.of);
  work.stage("copying " + device);
  const storage::Node& content = work.manifest.storage.at(stream.of);
  const std::uint64_t size = storage::rule(content).need(content);
  work.log.line(" - Copying " + device + ": " + storage::rule(content).text(content));
  auto sink = work.machine.device_sink(device, size);
  if (work.manifest.verify_all) sink = work.proof->listen_raw(std::move(sink), device, size);
  sink = explained(work, std::move(sink));
  std::string session = stream.session;
  ReceiveStats stats = co_await work.context.link.receive(session, *sink);
  log_received(work, stats);
}

Awaitable<void> note_what_was_written(Work& work) {
  auto note = [proof = work.proof, target = work.context.target] { proof->note_changes(target); };
  co_await run_beside(work.context.io, std::move(note));
}

Awaitable<void> read_back(Work& work, FileSystems& file_systems) {
  work.stage("reading back");
  Log::Step step(work.log, work.manifest.verify_all ? "Reading all files back from the disk"
                                                    : "Reading the files of /boot back from the disk");
  const std::map<std::string, std::string> elsewhere = co_await file_systems.mount_to_read_back();
  {
    auto tell = [&work, before = std::uint64_t{0}]() mutable {
      const std::uint64_t now = work.proof->bytes_read();
      if (now != before) work.stage("reading back, " + format_size(now) + " of " + format_size(work.proof->bytes()));
      before = now;
    };
    Repeat news(work.context.io, between_stages, std::move(tell));
    auto read = [proof = work.proof, target = work.context.target, elsewhere] { proof->read_back(target, elsewhere); };
    co_await run_beside(work.context.io, std::move(read));
  }
  step.ok();
  work.log.line(" - " + std::to_string(work.proof->files()) + " files, " + format_size(work.proof->bytes()) +
                " are as they were written");
  co_await prove_that_it_boots(work);
  work.mounts.unmount_all();
}

}  // namespace ka::agent
