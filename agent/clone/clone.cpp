#include "agent/clone/clone.h"

#include "agent/clone/before_write.h"
#include "agent/clone/bootable_end.h"
#include "agent/clone/data.h"
#include "agent/clone/explained.h"
#include "agent/clone/file_systems.h"
#include "agent/clone/fit.h"
#include "agent/clone/inodes.h"
#include "agent/clone/labels.h"
#include "agent/clone/passphrases.h"
#include "agent/clone/work.h"
#include "agent/machine/sink.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

Awaitable<void> receive_manifest(Work& work) {
  work.log.line("------| Ka |---- Install starting...");
  work.log.line("Current session is -s " + std::string(wire::manifest_session));
  Log::Step step(work.log, "Receiving partitions information");
  BufferSink sink(wire::largest_manifest);
  std::string session = wire::manifest_session;
  co_await work.context.link.receive(session, sink);
  work.manifest = wire::parse_manifest(sink.content());
  if (work.context.limit_steps) work.context.limit_steps(std::chrono::seconds(work.manifest.step_limit_s));
  step.ok();
}

Awaitable<void> make_file_systems(Work& work) {
  for (const Target& target : work.targets) {
    work.stage("partitioning " + target.disk.name);
    work.log.line(" Cleaning hard drive...");
    work.changed.push_back("/dev/" + target.disk.name);
    co_await work.build.make_table(target);
  }
  for (const Target& target : work.targets) work.build.let_programs_in(target);
  for (const storage::Node& node : work.manifest.storage.nodes) {
    if (maker(node).make) work.stage("formatting " + work.build.device(node.id));
    co_await work.build.make(node);
  }
}

void copy_log(Work& work) {
  const std::string& file = work.context.log_file;
  if (file.empty()) return;
  auto log = read_file_if_any(file);
  if (!log) throw Error("keep the log in the clone", "cannot read " + file);
  work.clone.write(work.manifest.log_directory + "/" + file.substr(file.rfind('/') + 1), *log);
}

Awaitable<void> end_of_files(Work& work, FileSystems& file_systems) {
  work.stage("unmounting");
  copy_log(work);
  co_await label_new_files(work);
  work.mounts.unmount_others();
  co_await note_what_was_written(work);
  // After the note, which takes a changed ctime for changed content.
  file_systems.take_away_apart();
  set_inode_flags(work.machine, work.clone, work.log, work.manifest, /*apart=*/false);
  co_await file_systems.unmount_and_check();
}

// A write that failed, and that no file system spoke of.
void check_kernel_log(Work& work) {
  for (const std::string& line : kernel_words(work))
    if (tells_of_lost_write(line)) throw Error("write the disk", "the kernel says: " + line);
}

// In their order; docs/design.md says why it is this one.
Awaitable<void> steps(Work& work, FileSystems& file_systems, BootableEnd& end) {
  co_await receive_manifest(work);
  co_await check_everything(work, file_systems);
  claim_disks(work);
  co_await ask_for_passphrases(work);
  std::vector<wire::DevicePassphrase> passphrases = co_await ask_to_write(work);
  take_passphrases(work, std::move(passphrases));

  co_await make_file_systems(work);
  file_systems.mount();
  co_await copy_system(work);
  for (const wire::Stream& stream : work.manifest.streams) co_await copy_blocks(work, stream);

  co_await fit(work);
  co_await end.prepare();

  co_await end_of_files(work, file_systems);
  co_await read_back(work, file_systems);
  check_kernel_log(work);
  work.build.check_whole();
  co_await end.write();
  show_passphrases(work);
  work.log.line("Installation finished. No error reported.");
}

}  // namespace

Awaitable<void> clone(CloneContext& context) {
  Work work(context);
  FileSystems file_systems(work);
  BootableEnd end(work, file_systems);
  std::exception_ptr failure;
  try {
    co_await steps(work, file_systems, end);
  } catch (...) {
    failure = std::current_exception();
  }
  if (failure) {
    // What was stopped has to unmount all the same.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    failure = with_what_is_known(work, failure);
    co_await work.mounts.give_up();
    try {
      co_await work.build.stop();
    } catch (const Error& error) {
      work.log.line(std::string(" - ") + error.what());
    }
    end.leave_unbootable();
  }
  work.machine.close_disks();
  co_await work.early_key.stop();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace ka::agent
