#include "server/command/save_command.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/utc_text.h"
#include "server/command/block_streams.h"
#include "server/command/clone_command.h"
#include "server/command/run_task.h"
#include "server/command/saved_options.h"
#include "server/golden/paths.h"
#include "server/job/chunk_source.h"
#include "server/options/installed.h"
#include "server/options/option_table.h"
#include "server/shelf/save.h"
#include "wire/messages.h"

namespace ka::server {

namespace {

constexpr const char* level_for_keeping = "3";  // zstd's own default

struct SaveOptions : CloneOptions {
  std::vector<std::string> words;  // of the plan, to be kept

  bool uses_zstd() const { return compression != "off" && (compression != "auto" || can_pack()); }
};

struct stat look_at(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw Error::from_errno("look at " + escape_bytes(path));
  return status;
}

std::string real_path(const std::string& path) {
  std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (!real) throw Error::from_errno("find " + path);
  return real.get();
}

// An image that is among what it is made of would hold itself.
void refuse_own_tree(const Prepared& ready, const std::string& folder) {
  const std::string real = real_path(folder);
  const struct stat here = look_at(real);
  std::set<dev_t> cloned, copied;
  for (const wire::Mount& mount : ready.plan.manifest.mounts)
    cloned.insert(look_at((mount.apart ? ready.tree->apart() : ready.tree->root()) + mount.point).st_dev);
  for (const wire::Stream& stream : ready.plan.manifest.streams)
    copied.insert(look_at(source_of(ready.plan.manifest.storage, stream.of)).st_rdev);
  if (copied.count(here.st_dev)) throw Error("save to " + folder, "it is on a partition that is copied (-D)");
  struct stat seen {};
  const bool in_tree = ::stat((ready.tree->root() + real).c_str(), &seen) == 0 && seen.st_dev == here.st_dev &&
                       seen.st_ino == here.st_ino;
  if (!in_tree && !cloned.count(here.st_dev)) return;
  for (const std::string& path : ready.plan.excluded)
    if (in_tree && lies_in(real, path)) return;
  throw Error("save to " + folder, "it is on a file system that is saved itself: leave it out with -x " + real +
                                       ", or name a folder on another disk or server");
}

// One image being made.
class Saving {
 public:
  Saving(asio::io_context& io, const SaveOptions& options, Output& output)
      : io_(io), options_(options), output_(output), writer_(make_image_writer(options.shelf)) {}

  Awaitable<void> run() {
    if (options_.uses_zstd()) compression_ = options_.compression == "auto" ? level_for_keeping : options_.compression;
    Prepared ready = co_await prepare(io_, options_);
    refuse_own_tree(ready, writer_->folder());
    output_.write_for_sure(text_of(ready));
    if (options_.compression == "auto" && compression_ == "off")
      output_.write_for_sure("! there is no zstd on this machine: the image is not packed\n");
    auto said = std::make_shared<Said>();
    said->file = writer_->place() + "/tar-said.txt";
    std::vector<Session> sessions = clone_sessions(io_, options_, ready, said);
    // Blocks first where a later run can go on with them; else as they will be read. What tells of the files comes
    // right before them.
    if (writer_->takes_notes()) std::stable_partition(sessions.begin(), sessions.end(), is_of_blocks);
    for (Session& session : sessions) co_await keep_session(ready, std::move(session));
    co_await keep_boot_files();
    keep_said(*said);
    index_.made_by = KA_VERSION;
    index_.options = options_.words;
    index_.golden_host = ready.plan.manifest.golden_host;
    index_.saved = utc_text(std::chrono::system_clock::now());
    index_.warnings.insert(index_.warnings.begin(), ready.plan.warnings.begin(), ready.plan.warnings.end());
    writer_->finish(index_);
    for (const std::string& warning : index_.warnings) output_.write_for_sure("! " + escape_bytes(warning) + "\n");
    output_.write_for_sure("Saved: " + format_size(size_of(index_)) + " in " + writer_->place() + "\n");
  }

 private:
  static bool is_of_blocks(const Session& session) {
    return session.name != wire::stage2_session && session.name != wire::manifest_session &&
           session.name != wire::system_session;
  }

  Awaitable<void> keep_session(const Prepared& ready, Session session) {
    const std::string name = session.name;
    if (name == wire::stage2_session)
      index_.stage2 = co_await keep_file(std::move(session), "stage2.sqfs");
    else if (name == wire::manifest_session)
      index_.manifest = co_await keep_file(std::move(session), "manifest.json");
    else if (name == wire::system_session)
      co_await keep_system(std::move(session));
    else
      co_await keep_blocks(ready, std::move(session));
  }

  Awaitable<Stored> keep(ToStore what, std::function<std::string()> key_now) {
    const std::uint64_t expected = what.session.expected;
    const std::string name = what.name;
    std::uint64_t tenths = 0;
    auto progress = [this, expected, name, tenths](std::uint64_t bytes) mutable {
      if (expected < tell_from || bytes * 10 / expected <= tenths || bytes >= expected) return;
      tenths = bytes * 10 / expected;
      output_.write("Saving " + name + ": " + std::to_string(tenths * 10) + " % of " + format_size(expected) + "\n");
    };
    Stored stored = co_await store(io_, *writer_, std::move(what), std::move(key_now), std::move(progress));
    index_.warnings.insert(index_.warnings.end(), stored.warnings.begin(), stored.warnings.end());
    const StoredStream& stream = stored.stream;
    std::string line = stream.file.name + ": " + format_size(stream.unpacked);
    if (!stream.packing.empty()) line += " in " + format_size(stream.file.size);
    if (stored.noted) line += ", there already, and not written to since";
    output_.write_for_sure(line + "\n");
    co_return stored;
  }

  Awaitable<StoredFile> keep_file(Session session, std::string name) {
    ToStore what{std::move(session), std::move(name), "off", ""};
    std::function<std::string()> never = [] { return std::string(); };
    Stored stored = co_await keep(std::move(what), std::move(never));
    co_return stored.stream.file;
  }

  Awaitable<void> keep_system(Session session) {
    ToStore what{std::move(session), "system.tar", compression_, ""};
    std::function<std::string()> never = [] { return std::string(); };
    Stored stored = co_await keep(std::move(what), std::move(never));
    index_.streams.insert(index_.streams.begin(), stored.stream);
  }

  Awaitable<void> keep_blocks(const Prepared& ready, Session session) {
    std::string device;
    for (const wire::Stream& stream : ready.plan.manifest.streams)
      if (stream.session == session.name) device = source_of(ready.plan.manifest.storage, stream.of);
    const std::string how = " " + compression_ + " " KA_VERSION;
    auto key_now = [device, how] {
      const std::string key = untouched_key(device);
      return key.empty() ? key : key + how;
    };
    const std::string name = session.name + ".blocks";
    ToStore what{std::move(session), name, compression_, key_now()};
    Stored stored = co_await keep(std::move(what), key_now);
    index_.streams.push_back(stored.stream);
  }

  Awaitable<void> keep_boot_files() {
    const std::string folder = installed("lib/ka/boot");
    for (const char* name : {"vmlinuz", "all.rdz"}) {
      const std::string path = folder + "/" + name;
      if (::access(path.c_str(), R_OK) != 0) continue;
      Session session;
      session.name = name;
      session.open = [&io = io_, path] { return file_source(io, path); };
      index_.boot.push_back(co_await keep_file(std::move(session), name));
    }
    if (index_.boot.size() == 1) index_.boot.clear();
    if (index_.boot.empty())
      output_.write_for_sure("! no boot files in " + folder +
                             ": whoever deploys this image needs a boot server with those of KA " KA_VERSION "\n");
  }

  void keep_said(const Said& said) {
    if (said.text.empty()) return;
    const std::unique_ptr<NewFile> file = writer_->begin("tar-said.txt");
    file->write(said.text);
    index_.others.push_back(file->commit());
  }

  static constexpr std::uint64_t tell_from = 256u << 20;

  asio::io_context& io_;
  const SaveOptions& options_;
  Output& output_;
  std::unique_ptr<ImageWriter> writer_;
  std::string compression_ = "off";
  ImageIndex index_;
};

int run_save(CLI::App& app, SaveOptions& options) {
  apply_plan_conf(app, options);
  options.words = plan_words(app);
  asio::io_context io;
  Output output(io, STDOUT_FILENO);
  reap_children(io);
  auto save = [&]() -> Awaitable<void> {
    Saving saving(io, options, output);
    co_await saving.run();
  };
  run_task(io, save());
  return 0;
}

}  // namespace

void add_save_command(CLI::App& app, std::function<int()>& chosen) {
  auto options = std::make_shared<SaveOptions>();
  CLI::App* save = app.add_subcommand("save", "Keep what a clone of this machine would be sent, in a folder or a file");
  add_help_and_version(*save);
  save->add_option("IMAGE", options->shelf,
                   "The folder; it is made, and must be empty or a saving that has not ended. A name that ends in .ka: "
                   "a file")
      ->required()
      ->type_name("");
  add_plan_options(*save, *options);
  add_compression_option(*save, options->compression,
                         "Pack with zstd: auto, if this machine has it; off; or a level from 1 to 19");
  save->callback([options, save, &chosen] { chosen = [options, save] { return run_save(*save, *options); }; });
}

}  // namespace ka::server
