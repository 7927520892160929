#include "agent/clone/clone.h"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "agent/bootable/device_names.h"
#include "agent/bootable/disk_drivers.h"
#include "agent/bootable/esp.h"
#include "agent/bootable/firmware.h"
#include "agent/bootable/initrd.h"
#include "agent/bootable/loaders.h"
#include "agent/clone/boot_proof.h"
#include "agent/clone/build.h"
#include "agent/clone/inodes.h"
#include "agent/clone/proof.h"
#include "agent/clone/repeat.h"
#include "agent/clone/staged.h"
#include "agent/identity/identity.h"
#include "agent/identity/network_files.h"
#include "agent/identity/ssh_host_keys.h"
#include "agent/link/memory.h"
#include "agent/machine/clone_tree.h"
#include "agent/machine/mounts.h"
#include "agent/machine/sink.h"
#include "agent/storage/disk_contents.h"
#include "agent/storage/disks.h"
#include "agent/storage/kernel_log.h"
#include "agent/storage/targets.h"
#include "agent/storage/unfinished.h"
#include "base/efi_variable.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "base/thread.h"
#include "wire/manifest.h"

namespace ka::agent {

namespace {

using storage::boot_code_size;
constexpr auto between_news = std::chrono::seconds(2);

// The steps of one clone, in their order; docs/design.md says why it is this one.
class Clone {
 public:
  explicit Clone(CloneContext& context)
      : context_(context),
        machine_(context.machine),
        log_(context.log),
        mounts_(context.io, context.machine, context.log),
        staged_(context.machine, mounts_, context.target + "-staged"),
        stage2_(context.machine, context.stage2_root),
        clone_(context.machine, context.target),
        kernel_log_(context.kernel_log),
        build_(context.machine, context.log, manifest_, context.stage2_root, context.sysfs) {}

  Awaitable<void> run() {
    std::exception_ptr failure;
    try {
      co_await steps();
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) {
      // What was stopped has to unmount all the same.
      co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
      failure = with_words_of_kernel(failure);
      co_await mounts_.give_up();
      leave_unbootable();
    }
    machine_.close_disks();
    if (failure) std::rethrow_exception(failure);
  }

 private:
  Awaitable<void> steps() {
    co_await receive_manifest();
    co_await check_everything();
    claim_disks();
    co_await ask_to_write();

    for (const Target& target : targets_) co_await partition(target);
    for (const Target& target : targets_) build_.let_programs_in(target);
    for (const storage::Node& node : manifest_.storage.nodes) co_await make(node);
    mount_file_systems();
    co_await copy_system();
    for (const wire::Stream& stream : manifest_.streams) co_await copy_blocks(stream);

    make_bare_inodes(machine_, clone_, log_, manifest_);
    initrd_is_old_ = correct_device_names(clone_, log_, manifest_);
    renew_identity(clone_, log_, manifest_.golden_host, context_.host_name);
    fit_network();
    mount_kernel_file_systems();
    co_await renew_ssh_host_keys(machine_, clone_, log_, host_name());
    co_await fit_drivers();
    co_await run_hooks();
    co_await prepare_boot_loader();

    co_await unmount_and_check();
    co_await read_back();
    check_kernel_log();
    co_await make_bootable();
    log_.line("Installation finished. No error reported.");
  }

  void stage(const std::string& text) { context_.link.report(text); }

  const std::string& host_name() const {
    return context_.host_name.empty() ? manifest_.golden_host : context_.host_name;
  }

  // ---- Before anything is written ----

  Awaitable<void> receive_manifest() {
    log_.line("------| Ka |---- Install starting...");
    log_.line("Current session is -s " + std::string(wire::manifest_session));
    Log::Step step(log_, "Receiving partitions information");
    BufferSink sink(wire::largest_manifest);
    std::string session = wire::manifest_session;
    co_await context_.link.receive(session, sink);
    manifest_ = wire::parse_manifest(sink.content());
    if (context_.limit_steps) context_.limit_steps(std::chrono::seconds(manifest_.step_limit_s));
    step.ok();
  }

  Awaitable<void> check_everything() {
    stage("checking");
    try {
      // What needs no disk comes first: drivers may still be looking for them.
      check_firmware();
      check_programs();
      co_await load_file_systems();
      co_await look_at_firmware();
      drivers_ = co_await context_.settle_drivers();
      co_await choose_disks();
      co_await build_.check_contents();
    } catch (const Error& error) {
      throw Error(std::string(error.what()) + ". Nothing was written");
    }
  }

  // What the firmware starts a system by shows in how it started this one.
  void check_firmware() const {
    const std::string mine = is_uefi() ? "uefi" : "bios";
    const auto& fitting = manifest_.firmware;
    if (std::find(fitting.begin(), fitting.end(), mine) != fitting.end()) return;
    throw Error("be a clone of " + manifest_.golden_host,
                mine == "uefi" ? "this machine started by UEFI, and what the golden machine sends starts by BIOS only; "
                                 "switch the firmware of this machine to legacy (BIOS, CSM) boot"
                               : "this machine started by BIOS, and what the golden machine sends starts by UEFI only; "
                                 "switch the firmware of this machine to UEFI boot");
  }

  bool is_uefi() const { return ::access((context_.sysfs + "/firmware/efi").c_str(), F_OK) == 0; }

  // Stage2 has this /sys in it, as it was when stage2 was mounted.
  std::string efi_folder() const { return context_.stage2_root + efi_variables; }

  // Its variables, and what they say of the golden machine's programs. A machine without any (they may be switched off)
  // starts its clone all the same.
  Awaitable<void> look_at_firmware() {
    if (!is_uefi() || !manifest_.boot.uefi) co_return;
    if (list_directory(efi_folder()).empty()) {
      try {
        std::string alias = "fs-efivarfs";
        co_await context_.load_module(alias);
        machine_.mount("efivarfs", efi_folder(), "efivarfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
      } catch (const Error& error) {
        log_.line(std::string(" - The firmware's variables cannot be seen: ") + error.what());
      }
    }
    check_secure_boot(log_, efi_folder(), manifest_.boot.uefi->chain);
  }

  Awaitable<void> choose_disks() {
    TargetQuestion question{manifest_, read_disks(context_.sysfs, context_.procfs), context_.target_rules,
                            context_.booted_by_network, drivers_.doubts};
    targets_ = choose_targets(question);
    for (const Target& target : targets_)
      log_.line(" - The golden " + target.golden->id + " goes to " + target.disk.text());
    co_await build_.place(targets_);
  }

  void check_programs() {
    std::vector<std::string> programs = build_.programs();
    programs.emplace_back("tar");
    if (!manifest_.tar_compression.empty()) programs.push_back(manifest_.tar_compression);
    if (const BiosLoader* bios = bios_loader(loader()); bios && bios->program) programs.push_back(bios->program);
    for (const std::string& program : programs)
      if (!stage2_.has_program(program)) throw Error("look for programs in stage2", "there is no " + program);
  }

  Awaitable<void> load_file_systems() {
    for (const wire::Mount& mount : manifest_.mounts) {
      const std::string type = type_of(mount);
      if (!kernel_knows(type)) {
        std::string alias = "fs-" + type;
        co_await context_.load_module(alias);
        if (!kernel_knows(type)) throw Error("mount " + type, "this kernel has no such file system");
      }
      const Maker& kind = maker(manifest_.storage.at(mount.fs));
      const std::vector<std::string> modules = kind.modules ? kind.modules(mount.options) : std::vector<std::string>();
      for (const std::string& module : modules) co_await context_.load_module(module);
    }
  }

  // From here on nobody else can take the disks, and what their descriptors say is what was chosen by their names.
  void claim_disks() {
    try {
      for (const Target& target : targets_) {
        const MachineDisk& chosen = target.disk;
        const DeviceFacts facts = machine_.claim_disk("/dev/" + chosen.name);
        check_same(chosen, facts);
      }
    } catch (const Error& error) {
      throw Error(std::string(error.what()) + ". Nothing was written");
    }
  }

  void check_same(const MachineDisk& chosen, const DeviceFacts& facts) const {
    auto now = disk_by_number(context_.sysfs, context_.procfs, facts.number());
    std::string difference;
    if (!now || now->name != chosen.name)
      difference = "it has another number";
    else if (facts.size != chosen.size || now->size != chosen.size)
      difference = "it has another size";
    else if (facts.sector_size != chosen.sector_size)
      difference = "it has another sector size";
    else if (now->serial != chosen.serial || now->wwn != chosen.wwn)
      difference = "it has another serial number";
    if (!difference.empty())
      throw Error("open " + chosen.text(), "what /dev/" + chosen.name + " is now is not what was chosen: " +
                                               difference + "; was a disk changed just now?");
  }

  // The server's yes of this round; whatever else it says or if it is silent, nothing is written.
  Awaitable<void> ask_to_write() {
    std::vector<wire::DiskOffer> offers;
    for (const Target& target : targets_) {
      wire::DiskOffer offer;
      offer.golden = target.golden->id;
      offer.name = target.disk.name;
      offer.model = target.disk.model;
      offer.serial = target.disk.serial;
      offer.size = target.disk.size;
      offer.contents = co_await contents_of(machine_, context_.stage2_root, target.disk.name);
      log_.line(" - On " + offer.name + " now: " + offer.contents);
      offers.push_back(std::move(offer));
    }
    for (const std::string& line : build_.text()) log_.line("   " + line);
    stage("ready to write");
    try {
      co_await context_.link.ask_to_write(std::move(offers));
    } catch (const PutOut&) {
      throw;
    } catch (const ServerLost&) {
      throw;
    } catch (const Error& error) {
      throw Error(std::string(error.what()) + ". Nothing was written");
    }
    log_.line("The KA server says yes: writing");
  }

  bool kernel_knows(const std::string& type) const {
    const std::string known = read_file(context_.procfs + "/filesystems");
    for (std::string_view line : split(known, '\n'))
      if (auto fields = words(line); !fields.empty() && fields.back() == type) return true;
    return false;
  }

  std::string type_of(const wire::Mount& mount) const {
    const storage::Node& fs = manifest_.storage.at(mount.fs);
    return maker(fs).mount_type(fs);
  }

  std::string data_of(const wire::Mount& mount, bool read_only) const {
    const storage::Node& fs = manifest_.storage.at(mount.fs);
    std::string data = maker(fs).mount_data(fs, mount.options, read_only);
    if (storage::rule(fs).has_subvolume) data += (data.empty() ? "subvol=/" : ",subvol=/") + mount.subvolume;
    return data;
  }

  std::string target_of(const wire::Mount& mount) const {
    return context_.target + (mount.point == "/" ? "" : mount.point);
  }

  const std::string& disk_here(const std::string& golden) const {
    auto same = [&golden](const Target& target) { return target.golden->id == golden; };
    return std::find_if(targets_.begin(), targets_.end(), same)->disk.name;
  }

  wire::BootLoader::Kind loader() const {
    return manifest_.boot_loader ? manifest_.boot_loader->kind : wire::BootLoader::Kind::none;
  }

  // ---- The disks ----

  Awaitable<void> partition(const Target& target) {
    stage("partitioning " + target.disk.name);
    log_.line(" Cleaning hard drive...");
    changed_.push_back("/dev/" + target.disk.name);
    co_await build_.make_table(target);
  }

  Awaitable<void> make(const storage::Node& node) {
    if (maker(node).make) stage("formatting " + build_.device(node.id));
    co_await build_.make(node);
  }

  void mount_file_systems() {
    machine_.make_directories(context_.target);
    for (const wire::Mount& mount : manifest_.mounts) {
      const std::string& device = build_.device(mount.fs);
      const std::string target = target_of(mount);
      Log::Step step(log_, "Mounting " + device + " as " + context_.target + mount.point + " ");
      if (mount.point != "/") machine_.make_directories(target);
      const std::string type = type_of(mount), data = data_of(mount, false);
      if (maker(manifest_.storage.at(mount.fs)).staged)
        staged_.mount(device, target, type, MS_NOATIME, data);
      else
        mounts_.mount_disk(device, target, type, MS_NOATIME, data);
      step.ok();
    }
  }

  // ---- The data ----

  Awaitable<void> copy_system() {
    log_.line("Linux copy is about to start");
    stage("copying");
    // Directories get their times and modes once all that is in them is there. Times are the golden node's: its
    // clock need not agree with this one.
    Command tar({"tar", "--extract", "--file=-", "--blocking-factor=128", "--directory=" + context_.target,
                 "--numeric-owner", "--same-owner", "--same-permissions", "--xattrs", "--xattrs-include=*",
                 "--delay-directory-restore", "--warning=no-timestamp"});
    tar.root = context_.stage2_root;
    // Into the file that is there; else it would be removed and made anew.
    if (make_early_inodes(machine_, clone_, manifest_) > 0) tar.argv.emplace_back("--overwrite");
    // tar ends well also when it could not set an attribute or an ACL, and only says so.
    std::string lost;
    auto show = [this, &lost](std::string_view line) {
      log_.line(line);
      if (lost.empty() && line.find("Cannot ") != std::string_view::npos) lost = line;
    };
    proof_ = std::make_shared<Proof>(manifest_.verify_all);
    auto sink = proof_->listen(machine_.command_sink(tar, show));
    std::string session = wire::system_session;
    ReceiveStats stats = co_await context_.link.receive(session, *sink);
    proof_->copied();
    log_received(stats);
    if (!lost.empty()) throw Error("copy the system", lost);
    remove_unwritten(machine_, clone_, manifest_);
    log_.line("Linux copy done.");
  }

  Awaitable<void> copy_blocks(const wire::Stream& stream) {
    const std::string& device = build_.device(stream.of);
    stage("copying " + device);
    log_.line(" - Copying " + device + " byte for byte");
    auto sink = machine_.device_sink(device);
    if (manifest_.verify_all) sink = proof_->listen_raw(std::move(sink), device);
    std::string session = stream.session;
    ReceiveStats stats = co_await context_.link.receive(session, *sink);
    log_received(stats);
    const storage::Node& content = manifest_.storage.at(stream.of);
    if (const std::uint64_t all = storage::rule(content).need(content); stats.bytes != all)
      throw Error("copy " + device,
                  "the golden node sent " + std::to_string(stats.bytes) + " bytes of " + std::to_string(all));
  }

  void log_received(const ReceiveStats& stats) {
    double seconds = std::max(stats.elapsed.count(), 0.001);
    log_.line("Total data received = " + format_size(stats.bytes) + " (" +
              format_size(static_cast<std::uint64_t>(static_cast<double>(stats.bytes) / seconds)) + "/sec)");
  }

  // ---- What must fit this machine ----

  void fit_network() {
    CardMap cards(manifest_.network_cards, read_network_cards(context_.sysfs), context_.hardware_address);
    fit_network_files(clone_, log_, cards, HostNames(manifest_.golden_host, context_.host_name));
  }

  void mount_kernel_file_systems() {
    const struct {
      const char *type, *place, *data;
    } needed[] = {
        {"proc", "/proc", ""}, {"sysfs", "/sys", ""}, {"devtmpfs", "/dev", ""}, {"tmpfs", "/run", "mode=0755"}};
    for (const auto& n : needed) mounts_.mount(n.type, clone_.outside(n.place, true), n.type, 0, n.data);
  }

  Awaitable<void> fit_drivers() {
    stage("fitting drivers");
    std::string in_use;
    for (const std::string& module : drivers_.in_use) in_use += " " + module;
    if (!in_use.empty()) log_.line(" - Drivers in use on this machine:" + in_use);
    std::vector<std::string> modules;
    auto add = [&modules](const std::string& module) {
      if (std::find(modules.begin(), modules.end(), module) == modules.end()) modules.push_back(module);
    };
    for (const Target& target : targets_)
      for (const std::string& module : driver_modules(context_.sysfs, target.disk.name)) add(module);
    write_modprobe_conf(clone_, log_, modules);
    if (manifest_.boot_loader)
      for (const std::string& module : manifest_.boot_loader->modules) add(module);
    modules_ = modules;
    InitrdNeed need{modules, initrd_is_old_, used_initrds(clone_, manifest_)};
    co_await fit_initrds(machine_, clone_, stage2_, log_, need);
  }

  Awaitable<void> run_hooks() {
    std::vector<wire::Hook> hooks = manifest_.hooks;
    std::sort(hooks.begin(), hooks.end(), [](const wire::Hook& a, const wire::Hook& b) { return a.name < b.name; });
    const std::string directory = "/run/ka-hooks/";  // a tmpfs of this machine's: nothing of it stays in the clone
    if (!hooks.empty()) machine_.make_directories(context_.target + directory, 0700);
    for (const wire::Hook& hook : hooks) {
      stage("running " + escape_bytes(hook.name));
      log_.line(" - Running " + escape_bytes(hook.name) + " in the clone");
      machine_.write_file(context_.target + directory + hook.name, hook.content, 0700);
      Command command({directory + hook.name});
      command.root = context_.target;
      command.environment = {"KA_HOST_NAME=" + host_name(), "KA_GOLDEN_HOST=" + manifest_.golden_host};
      auto show = [this](std::string_view line) { log_.line(line); };
      co_await machine_.run(command, show);
    }
  }

  Awaitable<void> prepare_boot_loader() {
    for (const Target& target : targets_) {
      // Without a boot loader of its own a disk gets none, and certainly not the unfinished one.
      std::string code = storage::as<storage::Disk>(*target.golden).boot_code.substr(0, boot_code_size);
      code.resize(boot_code_size, '\0');
      boot_code_[target.disk.name] = code;
    }
    if (const auto& way = manifest_.boot.uefi)
      for (const storage::Id& esp : way->esps) add_removable_path(clone_, log_, mount_of(esp).point, *way);
    const BiosLoader* bios = bios_loader(loader());
    if (!bios) {
      log_.line(manifest_.boot.uefi ? " - It starts by UEFI only: no boot code is installed"
                                    : " - No boot loader is installed");
      co_return;
    }
    stage("installing the boot loader");
    const std::string& disk = disk_here(manifest_.boot_loader->disk);
    const storage::Storage& storage = manifest_.storage;
    const storage::Node* table = storage::table_on(storage, storage.at(manifest_.boot_loader->disk));
    LoaderPlace where{clone_, stage2_, disk, table && storage::as<storage::Table>(*table).label == storage::Label::gpt};
    boot_code_[disk] = co_await bios->install(machine_, log_, where);
  }

  // ---- The end ----

  Awaitable<void> unmount_and_check() {
    stage("unmounting");
    copy_log();
    mounts_.unmount_others();
    auto note = [proof = proof_, target = context_.target] { proof->note_changes(target); };
    co_await run_beside(context_.io, std::move(note));
    // After the note, which takes a changed ctime for changed content.
    take_away_apart();
    set_inode_flags(machine_, clone_, log_, manifest_, /*apart=*/false);
    Log::Step syncing(log_, "Syncing disks");
    const std::vector<std::string> mounted = mounts_.disks();
    for (const std::string& target : mounted) {
      auto news = tell_of_write_back();
      co_await machine_.write_back(target);
    }
    syncing.ok();
    for (const std::string& device : mounted_devices())
      if (std::uint64_t errors = ext_errors(context_.sysfs, device.substr(device.rfind('/') + 1)))
        throw Error("write " + device, "its file system met " + std::to_string(errors) + " errors");
    Log::Step unmounting(log_, "Umounting " + context_.target);
    mounts_.unmount_all();
    unmounting.ok();
    for (const storage::Node& node : manifest_.storage.nodes) co_await finish(node);
    std::set<storage::Id> checked;  // one may have been mounted in parts
    for (const wire::Mount& mount : manifest_.mounts)
      if (checked.insert(mount.fs).second) co_await check_unmounted(mount.fs);
    for (const storage::Node& node : manifest_.storage.nodes)
      if (!is_mounted(node)) co_await check_unmounted(node.id);
  }

  // What no mount of the golden machine shows has all its files, and nothing more is done to them.
  void take_away_apart() {
    set_inode_flags(machine_, clone_, log_, manifest_, /*apart=*/true);
    for (auto mount = manifest_.mounts.rbegin(); mount != manifest_.mounts.rend(); ++mount) {
      if (!mount->apart) continue;
      mounts_.unmount(target_of(*mount));
      clone_.remove(mount->point);
    }
  }

  Awaitable<void> finish(const storage::Node& node) {
    if (!maker(node).finish) co_return;
    std::vector<Command> commands = maker(node).finish(build_.job(node));
    for (Command& command : commands) {
      command.root = context_.stage2_root;
      co_await machine_.run(command);
    }
  }

  bool is_mounted(const storage::Node& node) const {
    return std::any_of(manifest_.mounts.begin(), manifest_.mounts.end(),
                       [&](const wire::Mount& mount) { return mount.fs == node.id; });
  }

  Awaitable<void> check_unmounted(storage::Id id) {
    const storage::Node& node = manifest_.storage.at(id);
    const std::string device = build_.device(id);
    if (is_mounted(node)) co_await finish_writes(device);
    if (!maker(node).check) co_return;
    Command command = maker(node).check(build_.job(node));
    command.root = context_.stage2_root;
    co_await machine_.run(command);
  }

  Awaitable<void> finish_writes(const std::string& device) {
    auto news = tell_of_write_back();
    co_await machine_.finish_writes(device);
  }

  std::unique_ptr<Repeat> tell_of_write_back() {
    // The same figure twice is no sign of life.
    auto tell = [this, before = std::string()]() mutable {
      const std::string now = "writing back, " + format_size(memory_to_write_back(context_.procfs)) + " left";
      if (now != before) stage(now);
      before = now;
    };
    return std::make_unique<Repeat>(context_.io, between_news, std::move(tell));
  }

  // What was sent or written, against what the disk gives back: mounted anew, nothing of it is in memory.
  Awaitable<void> read_back() {
    stage("reading back");
    Log::Step step(log_, manifest_.verify_all ? "Reading all files back from the disk"
                                              : "Reading the files of /boot back from the disk");
    for (const std::string& device : mounted_devices()) co_await finish_writes(device);  // e2fsck has read some of it
    std::map<std::string, std::string> elsewhere;
    for (const wire::Mount& mount : manifest_.mounts) {
      std::string target = target_of(mount);
      if (mount.apart) {
        const std::string name = mount.point.substr(1);
        target = context_.target + "-" + name;
        machine_.make_directories(target);
        elsewhere[name + "/"] = target;
      }
      const std::string &device = build_.device(mount.fs), type = type_of(mount), data = data_of(mount, true);
      if (maker(manifest_.storage.at(mount.fs)).staged)
        staged_.mount_read_only(device, target, type, MS_NOATIME, data);
      else
        mounts_.mount(device, target, type, MS_RDONLY | MS_NOATIME, data);
    }
    {
      auto tell = [this, before = std::uint64_t{0}]() mutable {
        const std::uint64_t now = proof_->bytes_read();
        if (now != before) stage("reading back, " + format_size(now) + " of " + format_size(proof_->bytes()));
        before = now;
      };
      Repeat news(context_.io, between_news, std::move(tell));
      auto read = [proof = proof_, target = context_.target, elsewhere] { proof->read_back(target, elsewhere); };
      co_await run_beside(context_.io, std::move(read));
    }
    step.ok();
    log_.line(" - " + std::to_string(proof_->files()) + " files, " + format_size(proof_->bytes()) +
              " are as they were written");
    co_await prove_that_it_boots();
    mounts_.unmount_all();
  }

  // Through what the disk has, and not through what should be there.
  Awaitable<void> prove_that_it_boots() {
    stage("following the boot");
    const std::string summary = co_await prove_boot(machine_, clone_, stage2_, log_, manifest_, modules_, is_uefi());
    if (summary.empty()) co_return;
    log_.line(" - This clone will boot: " + summary);
    stage("will boot: " + summary);
  }

  // A write that failed, and that no file system spoke of.
  void check_kernel_log() {
    for (const std::string& line : kernel_log_.errors_of(disk_names()))
      if (tells_of_lost_write(line)) throw Error("write the disk", "the kernel says: " + line);
  }

  std::exception_ptr with_words_of_kernel(std::exception_ptr failure) {
    std::string words;
    for (const std::string& line : kernel_log_.errors_of(disk_names())) words += (words.empty() ? "" : "; ") + line;
    if (words.empty()) return failure;
    try {
      std::rethrow_exception(failure);
    } catch (const PutOut&) {
    } catch (const ServerLost&) {
    } catch (const Error& error) {
      if (std::string(error.what()).find("the kernel says: ") == std::string::npos)
        return std::make_exception_ptr(Error(std::string(error.what()) + " (the kernel says: " + words + ")"));
    } catch (...) {
    }
    return failure;
  }

  // Disks that were written to: "vda".
  std::vector<std::string> disk_names() const {
    std::vector<std::string> names;
    for (const std::string& device : changed_) names.push_back(device.substr(device.rfind('/') + 1));
    return names;
  }

  std::vector<std::string> mounted_devices() const {
    std::vector<std::string> devices;
    for (const wire::Mount& mount : manifest_.mounts) devices.push_back(build_.device(mount.fs));
    return devices;
  }

  void copy_log() {
    if (context_.log_file.empty()) return;
    auto log = read_file_if_any(context_.log_file);
    if (!log) throw Error("keep the log in the clone", "cannot read " + context_.log_file);
    std::string name = context_.log_file.substr(context_.log_file.rfind('/') + 1);
    clone_.write(manifest_.log_directory + "/" + name, *log);
  }

  // The very last thing: up to here the disk does not boot.
  Awaitable<void> make_bootable() {
    const std::string no_entry = write_nvram();
    for (const wire::Mount& mount : manifest_.mounts) {
      const storage::Node& fs = manifest_.storage.at(mount.fs);
      if (!maker(fs).staged) continue;
      const auto& way = manifest_.boot.uefi;
      const bool esp = way && std::find(way->esps.begin(), way->esps.end(), mount.fs) != way->esps.end();
      Staged::Look before = [this, &way, &mount, esp, &no_entry](const std::string& top) {
        if (esp && !no_entry.empty()) start_without_fallback(machine_, log_, top, mount.point, *way);
      };
      Staged::Look after = [&way, &mount, esp](const std::string& top) {
        if (esp) agent::check_programs(top, mount.point, *way);
      };
      const std::string type = type_of(mount), data = maker(fs).mount_data(fs, mount.options, false);
      co_await staged_.finish(build_.device(mount.fs), type, data, before, after);
      co_await check_unmounted(mount.fs);
    }
    write_boot_code();
  }

  // "", or why the firmware has no entry for the clone. By BIOS it needs none.
  std::string write_nvram() {
    if (!manifest_.boot.uefi) return "";
    std::vector<boot::LoadOption> entries;
    for (const boot::Entry& entry : manifest_.boot.uefi->entries)
      entries.push_back({true, entry.label, build_.hard_drive(entry.esp), entry.path, entry.arguments});
    std::string why = "this machine started by BIOS";
    if (is_uefi()) why = write_boot_entries(machine_, log_, efi_folder(), entries, manifest_.boot.order);
    if (!why.empty())
      log_.line(" - No boot entry was written: " + why + ". By UEFI the clone starts by \\EFI\\BOOT\\BOOTX64.EFI");
    return why;
  }

  const wire::Mount& mount_of(const storage::Id& content) const {
    auto same = [&content](const wire::Mount& mount) { return mount.fs == content; };
    return *std::find_if(manifest_.mounts.begin(), manifest_.mounts.end(), same);
  }

  void write_boot_code() {
    for (const auto& [disk, code] : boot_code_) {
      machine_.claim_disk("/dev/" + disk);  // fails if anything of it is still mounted, seen from wherever
      machine_.write_device("/dev/" + disk, 0, code);
      if (machine_.read_device("/dev/" + disk, 0, boot_code_size) != code)
        throw Error("write the boot code of /dev/" + disk, "what is read back is not what was written");
    }
  }

  void leave_unbootable() {
    for (const std::string& device : changed_) {
      try {
        machine_.write_device(device, 0, unfinished_boot_code());
      } catch (const std::exception& error) {
        log_.line(std::string(" - ") + error.what());
      }
    }
  }

  CloneContext& context_;
  Machine& machine_;
  Log& log_;
  Mounts mounts_;
  Staged staged_;
  CloneTree stage2_, clone_;
  KernelLog kernel_log_;          // from before the first write
  std::shared_ptr<Proof> proof_;  // shared with the thread that reads

  wire::Manifest manifest_;
  Build build_;
  std::vector<Target> targets_;
  std::map<std::string, std::string> boot_code_;  // by disk of this machine
  bool initrd_is_old_ = false;
  SettledDrivers drivers_;
  std::vector<std::string> modules_;  // that the clone's kernel must have before its root is mounted
  std::vector<std::string> changed_;  // devices of disks that were written to
};

}  // namespace

Awaitable<void> clone(CloneContext& context) {
  Clone clone(context);
  co_await clone.run();
}

}  // namespace ka::agent
