// The order of a clone, on a machine that only records what is done to it and can fail at any step.
#include "agent/clone/clone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "agent/machine/linux_machine.h"
#include "agent/storage/unfinished.h"
#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "tests/unit/cpio.h"
#include "tests/unit/efi_fixture.h"
#include "tests/unit/scratch.h"
#include "wire/boot/pe.h"
#include "wire/desc.h"
#include "wire/manifest.h"
#include "wire/storage/kinds.h"

namespace ka::agent {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

using namespace std::string_literals;
using storage::boot_code_size;

const std::vector<std::string> golden_initrd = {"kernel/drivers/block/virtio_blk.ko"};

// Files are real, below a scratch directory; mounts, devices and programs are not.
class FakeMachine final : public Machine {
 public:
  FakeMachine(asio::io_context& io, Scratch& sys, Scratch& stage2, Scratch& target)
      : files_(io), sys_(sys), stage2_(stage2), target_(target) {}

  Awaitable<void> run(const Command& command, std::function<void(std::string_view)>) override {
    // What names no device and runs in stage2 can change nothing but RAM: a dry run.
    if (!command.input.empty()) inputs.emplace_back(command.text(), command.input.text());
    const bool names_a_device = command.text().find("/dev/") != std::string::npos;
    call("run " + command.text(), names_a_device || command.root != stage2_.root());
    const std::string& program = command.argv[0] == "sh" ? command.argv[3] : command.argv[0];
    if (program == "dry-run" && !sfdisk_refuses.empty() &&
        stage2_.content(command.argv[6]).find(sfdisk_refuses) != std::string::npos)
      throw Error("run sfdisk", "it cannot say this");
    if (program == "sfdisk") partition(command.argv[4], command.argv[5]);
    if (program == "grub-install") devices.at(command.argv.back()).replace(0, 4, "GRUB");
    if (program == "lilo") devices["/dev/vda"].replace(0, 4, "LILO");
    if (program == "ssh-keygen") {
      target_.file(command.argv.back(), "new");
      target_.file(command.argv.back() + ".pub", "ssh-ed25519 NEW root@node7\n");
    }
    if (program == "update-initramfs") {
      initrd_.push_back("kernel/drivers/block/jfs.ko");
      target_.file("/boot/initrd.img-6.1", cpio_of(initrd_));
    }
    if (program == spoiling_hook) std::filesystem::remove(target_.at(spoiled_file));
    co_return;
  }
  Awaitable<std::string> output_of(const Command& command) override {
    const bool looks_for_strangers = command.argv[0] == "sh" && command.argv[1] == "/tmp/ka-look";
    const bool looks_at_a_disk = looks_for_strangers || command.argv[0] == "blockdev" || command.argv[0] == "lsblk" ||
                                 command.argv[0] == "sfdisk";
    call("output_of " + command.text(), !looks_at_a_disk);
    if (looks_for_strangers) {
      EXPECT_GT(command.limit.count(), 0) << "a disk may hang";
      const auto found = looks.find(command.argv[2]);
      if (found == looks.end()) throw Error(command.text(), "it did not end within 60 s");
      co_return found->second;
    }
    if (command.argv[0] == "sfdisk") co_return tables_made[command.argv.back()];
    if (command.argv[0] == "blockdev") co_return "1099511627776\n";
    co_return looks_at_a_disk ? on_the_disk : "";
  }

  class CopySink final : public Sink {
   public:
    CopySink(FakeMachine& machine, std::string name) : machine_(machine), name_(std::move(name)) {}
    Awaitable<void> write(std::span<const std::byte>) override {
      machine_.call("write to " + name_, true);
      co_return;
    }
    Awaitable<void> close() override {
      machine_.call("close " + name_, true);
      if (name_ == "tar") machine_.fill_target();
      co_return;
    }
    void abort() noexcept override {}

   private:
    FakeMachine& machine_;
    std::string name_;
  };

  std::unique_ptr<Sink> command_sink(const Command& command, std::function<void(std::string_view)>) override {
    call("start " + command.text(), true);
    return std::make_unique<CopySink>(*this, command.argv[0]);
  }
  std::unique_ptr<Sink> device_sink(const std::string& path, std::uint64_t) override {
    call("start " + path, true);
    need_shared(path);
    return std::make_unique<CopySink>(*this, path);
  }

  void mount(const std::string& source, const std::string& target, const std::string& type, unsigned long,
             const std::string& data) override {
    call("mount " + source + " " + short_path(target) + " " + type + " " + data, type != "efivarfs");
    if (type == "efivarfs") return;  // it stays
    if (source.starts_with("/dev/")) need_shared(source);
    mounted.push_back(target);
    if (data.empty() && source == "/dev/vda1" && !lost_write.empty()) target_.file(lost_write, "what was there before");
  }
  void watch_writes(const std::string& target, const std::string& device) override {
    call("watch_writes " + short_path(target) + " " + device);
  }
  Awaitable<void> write_back(const std::string& target) override {
    call("write_back " + short_path(target));
    co_return;
  }
  void release(const std::string&) override {}
  Awaitable<void> finish_writes(const std::string& device) override {
    call("finish_writes " + device);
    co_return;
  }
  void bind(const std::string& source, const std::string& target) override {
    call("bind " + short_path(source) + " " + short_path(target), true);
    mounted.push_back(target);
    bound[target] = source;
  }
  void unmount(const std::string& target) override {
    call("unmount " + short_path(target), true);
    for (const std::string& other : mounted)
      if (other.compare(0, target.size() + 1, target + "/") == 0) throw Error("unmount " + target, "busy: " + other);
    auto found = std::find(mounted.begin(), mounted.end(), target);
    if (found == mounted.end()) throw Error("unmount " + target, "is not mounted");
    mounted.erase(found);
    if (auto source = bound.find(target); source != bound.end()) {
      // What was written at the one place is at the other.
      if (std::filesystem::exists(source->second)) {
        std::filesystem::remove_all(source->second);
        std::filesystem::copy(target, source->second, std::filesystem::copy_options::recursive);
      }
      bound.erase(source);
    }
    // What was mounted there does not lie there.
    if (target.find("/.ka-apart-") != std::string::npos)
      for (const auto& entry : std::filesystem::directory_iterator(target)) std::filesystem::remove_all(entry.path());
  }
  void make_directories(const std::string& path, mode_t mode) override {
    call("make_directories " + short_path(path), !is_ram(path));
    files_.make_directories(path, mode);
  }
  void write_file(const std::string& path, std::string_view content, mode_t mode) override {
    call("write_file " + short_path(path), !is_ram(path));
    files_.write_file(path, content, mode);
  }
  void remove_file(const std::string& path) override {
    call("remove_file " + short_path(path), !is_ram(path));
    files_.remove_file(path);
  }
  void remove_directory(const std::string& path) override {
    call("remove_directory " + short_path(path), !is_ram(path));
    files_.remove_directory(path);
  }
  void rename(const std::string& from, const std::string& to) override {
    call("rename " + short_path(from) + " " + short_path(to), !is_ram(from));
    files_.rename(from, to);
  }
  void make_socket(const std::string& path) override {
    call("make_socket " + short_path(path), !is_ram(path));
    files_.make_socket(path);
  }
  void set_owner(const std::string& path, std::uint32_t, std::uint32_t) override {
    call("set_owner " + short_path(path), !is_ram(path));
  }
  void set_mode(const std::string& path, mode_t mode) override {
    call("set_mode " + short_path(path), !is_ram(path));
    files_.set_mode(path, mode);
  }
  void set_mtime(const std::string& path, std::int64_t seconds, std::uint32_t nanoseconds) override {
    call("set_mtime " + short_path(path), !is_ram(path));
    files_.set_mtime(path, seconds, nanoseconds);
  }
  void set_attribute(const std::string& path, const std::string& name, const std::string& value) override {
    call("set_attribute " + short_path(path) + " " + name + " " + value);
  }
  void set_inode_flags(const std::string& path, std::uint32_t flags, std::uint32_t project) override {
    call("set_inode_flags " + short_path(path) + " " + std::to_string(flags) + " " + std::to_string(project));
  }
  DeviceFacts claim_disk(const std::string& path) override {
    call("claim_disk " + path);
    open_disks[path] = true;
    return facts.at(path);
  }
  void share_disk(const std::string& path) override {
    call("share_disk " + path);
    open_disks.at(path) = false;
  }
  void close_disks() noexcept override {
    calls.push_back("close_disks");
    open_disks.clear();
  }
  void write_device(const std::string& path, std::uint64_t offset, std::string_view bytes) override {
    call("write_device " + path + " " + std::to_string(offset) + "+" + std::to_string(bytes.size()), true);
    EXPECT_EQ(open_disks.count(path), 1u) << path << " is written to and not open";
    std::string& start = devices.at(path);  // all that is kept of it
    if (offset >= start.size()) return;
    bytes = bytes.substr(0, start.size() - offset);
    start.replace(offset, bytes.size(), bytes);
  }
  std::string read_device(const std::string& path, std::uint64_t offset, std::size_t size) override {
    call("read_device " + path);
    if (auto first = superblocks.find(offset); first != superblocks.end()) return first->second.substr(0, size);
    if (offset >= devices.at(path).size()) return superblock.substr(0, size);
    return devices.at(path).substr(offset, size);
  }
  void reread_partitions(const std::string& device) override {
    call("reread_partitions " + device, true);
    EXPECT_TRUE(open_disks.at(device)) << device << " is anybody's while its table changes";
  }

  std::string boot_code(const std::string& disk = "/dev/vda") const {
    return devices.at(disk).substr(0, boot_code_size);
  }

  std::vector<std::string> calls;
  std::vector<std::pair<std::string, std::string>> inputs;  // what programs got by standard input
  std::vector<std::string> mounted;
  std::map<std::string, std::string> bound;  // sources by target
  std::map<std::string, std::string> devices;
  std::string root = "sda1";                         // the golden partition that the golden files say / is on
  std::string spoiling_hook, spoiled_file;           // what a hook removes
  std::string superblock;                            // of a file system that was made ...
  std::map<std::uint64_t, std::string> superblocks;  // ... or by where it lies, of several
  std::string esp_program;                           // what its boot loaders are, where it starts by UEFI
  bool selinux = false;                              // the golden files have labels
  std::string lost_write;                    // a file of the clone that is another one when its disk is mounted again
  std::map<std::string, DeviceFacts> facts;  // by path
  std::map<std::string, bool> open_disks;    // and whether nobody else may have them
  std::string on_the_disk = R"({"blockdevices": [{"name":"vda", "fstype":null, "label":null, "children": [
      {"name":"vda1", "fstype":"ntfs", "label":"Accounts 2024"}, {"name":"vda2", "fstype":null, "label":null}]}]})";
  std::map<std::string, std::string> looks;        // by disk, what a look for strangers prints; none: it hangs
  std::string sfdisk_refuses;                      // a table with this in it
  std::string lost_by_sfdisk;                      // a part of the table that it makes otherwise
  std::map<std::string, std::string> tables_made;  // by disk, as sfdisk --json shows it
  std::map<std::string, std::string> blocks;       // by disk, where /sys has it
  bool may_write = false;                          // the server said yes
  std::vector<std::string> written_early;          // calls before it that change more than RAM
  int fail_at = -1;                                // index in calls

 private:
  void call(const std::string& text, bool changes = false) {
    if (changes && !may_write) written_early.push_back(text);
    calls.push_back(text);
    if (static_cast<int>(calls.size()) - 1 == fail_at) throw Error("injected", text);
  }

  bool is_ram(const std::string& path) const { return path.starts_with(stage2_.root() + "/tmp/"); }

  // The kernel gives nobody a partition of a disk that somebody has for himself.
  void need_shared(const std::string& partition) const {
    for (const auto& [disk, alone] : open_disks) {
      if (!partition.starts_with(disk)) continue;
      EXPECT_FALSE(alone) << partition << ": its disk is not shared";
    }
  }

  std::string short_path(const std::string& path) const {
    if (path.compare(0, target_.root().size(), target_.root()) == 0) return "T" + path.substr(target_.root().size());
    if (path.compare(0, stage2_.root().size(), stage2_.root()) == 0) return "S" + path.substr(stage2_.root().size());
    return path;
  }

  // As sfdisk does: an empty first sector, partitions that the kernel sees, and a table to be read back.
  void partition(const std::string& device, const std::string& script) {
    devices.at(device).replace(0, 512, 512, '\0');
    const std::string text = stage2_.content(script);
    auto header = [&text](const std::string& name) {
      const std::size_t at = text.find(name + ": ") + name.size() + 2;
      return text.substr(at, text.find('\n', at) - at);
    };
    auto value = [](std::string_view line, const std::string& name) {
      const std::size_t at = line.find(" " + name + "=");
      if (at == std::string_view::npos) return std::string();
      std::string_view rest = line.substr(at + name.size() + 2);
      if (rest.starts_with('"')) return std::string(rest.substr(1, rest.find('"', 1) - 1));
      return std::string(rest.substr(0, rest.find_first_of(",\n")));
    };
    std::string partitions;
    for (std::string_view line : split(text, '\n')) {
      if (!line.starts_with("partition")) continue;
      const std::string number(line.substr(9, line.find(' ') - 9));
      const std::string start = value(line, "start"), size = value(line, "size");
      const std::string entry = blocks.at(device) + device.substr(device.rfind('/')) + number;
      sys_.file(entry + "/start", start + "\n");
      sys_.file(entry + "/size", size + "\n");
      sys_.directory("/class/block" + device.substr(device.rfind('/')) + number);
      partitions += (partitions.empty() ? "" : ",") + std::string(R"({"node":")") + device + number + R"(","start":)" +
                    start + R"(,"size":)" + size + R"(,"type":")" + value(line, "type") + R"(","uuid":")" +
                    value(line, "uuid") + R"(","name":")" + value(line, "name") + R"(","attrs":")" +
                    value(line, "attrs") + R"("})";
    }
    std::string& table_made = tables_made[device];
    table_made = R"({"partitiontable":{"label":")" + header("label") + R"(","id":")" + header("label-id") +
                 R"(","partitions":[)" + partitions + "]}}";
    if (!lost_by_sfdisk.empty()) table_made.replace(table_made.find(lost_by_sfdisk), lost_by_sfdisk.size(), "x");
  }

  void fill_target() {
    target_.file("/etc/fstab", "/dev/" + root + " / ext4 defaults 0 1\n/dev/sda5 none swap sw 0 0\n");
    target_.file("/etc/hostname", "golden\n");
    target_.file("/etc/hosts", "127.0.1.1 golden\n");
    target_.file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    target_.file("/etc/ssh/ssh_host_ed25519_key", "old");
    target_.file("/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 OLD root@golden\n");
    target_.directory("/etc/modprobe.d");
    target_.file("/usr/bin/ssh-keygen", "", 0755);
    target_.file("/usr/sbin/sshd", "", 0755);
    target_.file("/usr/sbin/update-initramfs", "", 0755);
    target_.file("/usr/sbin/grub-install", "", 0755);
    target_.file("/usr/lib/grub/i386-pc/boot.img", "");
    target_.file("/boot/grub/grub.cfg", "menuentry golden {\nlinux /boot/vmlinuz-6.1 root=/dev/" + root +
                                            " ro\ninitrd /boot/initrd.img-6.1\n}\n");
    target_.file("/boot/vmlinuz-6.1", "kernel");
    target_.file("/boot/extlinux/extlinux.conf",
                 "default l0\nlabel l0\nlinux ../vmlinuz-6.1\ninitrd ../initrd.img-6.1\nappend root=/dev/sda1\n");
    target_.file("/usr/bin/extlinux", "", 0755);
    target_.file("/usr/lib/syslinux/mbr/mbr.bin", "SYSMBR");
    target_.file("/etc/lilo.conf", "boot = /dev/sda\nimage = /boot/vmlinuz-6.1\ninitrd = /boot/initrd.img-6.1\n");
    target_.file("/usr/sbin/lilo", "", 0755);
    target_.file("/boot/initrd.img-6.1", cpio_of(initrd_));
    target_.file("/lib/modules/6.1/modules.dep", "kernel/drivers/block/virtio_blk.ko:\nkernel/fs/jfs/jfs.ko:\n");
    target_.directory("/run");
    if (!esp_program.empty()) {
      for (const char* name : {"shimx64.efi", "grubx64.efi"})
        target_.file("/boot/efi/EFI/debian/"s + name, esp_program);
      target_.file("/boot/efi/EFI/debian/initrd", cpio_of(initrd_));
    }
    if (selinux) {
      target_.file("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n");
      target_.file("/etc/selinux/targeted/contexts/files/file_contexts", "");
      target_.file("/usr/sbin/setfiles", "", 0755);
      for (const auto& entry : std::filesystem::recursive_directory_iterator(target_.root())) label(entry.path());
      label(target_.root());
    }
  }

  static void label(const std::string& path) {
    const std::string label = "label of " + path.substr(path.rfind('/') + 1);
    ASSERT_EQ(::lsetxattr(path.c_str(), "security.selinux", label.data(), label.size(), 0), 0) << path;
  }

  LinuxMachine files_;
  Scratch &sys_, &stage2_, &target_;
  std::vector<std::string> initrd_ = golden_initrd;
};

class FakeLink final : public ServerLink {
 public:
  explicit FakeLink(std::string manifest) : manifest_(std::move(manifest)) {}

  Awaitable<ReceiveStats> receive(std::string session, Sink& sink) override {
    sessions.push_back(session);
    if (session == put_out_in) throw PutOut("session " + session, "too slow");
    const std::string empty_archive(1024, '\0');
    std::string bytes = session == wire::manifest_session ? manifest_
                        : session == wire::system_session ? empty_archive
                                                          : "data";
    auto span = std::as_bytes(std::span(bytes));
    try {
      co_await sink.write(span);
      co_await sink.close();
    } catch (const Error& error) {
      told_of_sink = error.what();
      throw;
    }
    ReceiveStats stats;
    stats.bytes = bytes.size();
    co_return stats;
  }
  Awaitable<std::vector<wire::DevicePassphrase>> ask_to_write(std::vector<wire::DiskOffer> disks) override {
    offered = std::move(disks);
    if (answer) std::rethrow_exception(answer);
    if (on_yes) on_yes();
    co_return passphrases;
  }
  void report(std::string stage) override { stages.push_back(std::move(stage)); }
  void tell_identity(std::vector<wire::IdentityNote> notes) override { identity = std::move(notes); }
  Awaitable<void> done() override { co_return; }
  Awaitable<void> failed(std::string) override { co_return; }

  std::vector<std::string> sessions, stages;
  std::vector<wire::DiskOffer> offered;
  std::vector<wire::IdentityNote> identity;
  std::string told_of_sink;   // why one failed, as the server is told at once
  std::exception_ptr answer;  // null: yes
  std::vector<wire::DevicePassphrase> passphrases;
  std::function<void()> on_yes;
  std::string put_out_in;

 private:
  std::string manifest_;
};

class FakePerson final : public Person {
 public:
  Awaitable<Secret> ask(std::string what) override {
    asked.push_back(std::move(what));
    if (nobody) throw Error("ask for the passphrase", "nobody typed it");
    co_return Secret("typed");
  }
  void show(std::string_view text) override { shown.emplace_back(text); }

  std::vector<std::string> asked, shown;
  bool nobody = false;
};

class Lines final : public Log {
 public:
  void line(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};

wire::Manifest sample() {
  wire::Manifest m;
  m.golden_host = "golden";
  storage::add_disk(
      m.storage, "sda", {8ull << 30, 512, ""}, {{}, "0x59be1427", 0},
      wire::partitions_of(wire::parse_desc("linux 2000\nextended fill\nlogical swap 100\nlogical linux fill\n", "desc"),
                          storage::Label::dos));
  storage::Ext ext;
  ext.version = "ext4";
  storage::add_content(m.storage, "sda6", ext);
  ext.uuid = "11111111-1111-1111-1111-111111111111";
  storage::add_content(m.storage, "sda1", ext);
  storage::add_content(m.storage, "sda5", storage::Swap{"55555555-5555-5555-5555-555555555555", ""});
  m.mounts = {{"sda1:fs", "/", ""}, {"sda6:fs", "/var", ""}};
  wire::BareDirectory tmp;
  tmp.path = "/tmp";
  tmp.mode = 01777;
  m.bare_directories = {tmp};
  wire::Socket socket;
  socket.path = "/tmp/socket";
  m.sockets = {socket};
  wire::BootLoader grub;
  grub.disk = "sda";
  grub.modules = {"jfs"};
  m.boot_loader = grub;
  m.hooks = {{"20-second", "#!/bin/sh\n"}, {"10-first", "#!/bin/sh\n"}};
  return m;
}

storage::Partition& partition_of(wire::Manifest& m, const storage::Id& id) {
  for (storage::Node& node : m.storage.nodes)
    if (node.id == id) return std::get<storage::Partition>(node.what);
  throw Error("no partition", id);
}

// /var is copied byte for byte.
wire::Manifest with_blocks(std::uint64_t bytes) {
  wire::Manifest m = sample();
  m.storage.nodes[6].what = storage::Blocks{bytes, "", "", "", 0};
  m.mounts.pop_back();
  m.streams = {{"kainstall3", "sda6:fs"}};
  return m;
}

// / is a subvolume, /var another one, and a third is mounted nowhere.
wire::Manifest with_subvolumes() {
  wire::Manifest m = sample();
  storage::Btrfs fs;
  fs.uuid = "30313233-3435-3637-3839-616263646566";
  fs.metadata = "dup";
  fs.data = "single";
  fs.subvolumes = {{"@", 256, false, true}, {"@var", 257, false, false}, {"old/ro", 258, true, false}};
  for (storage::Node& node : m.storage.nodes)
    if (node.id == "sda1:fs") node.what = fs;
  m.mounts = {{"sda1:fs", "/", "compress=zstd", "@"},
              {"sda1:fs", "/var", "compress=zstd", "@var"},
              {"sda1:fs", "/.ka-apart-sda1", "compress=zstd", "", true}};
  m.inode_flags = {{"/.ka-apart-sda1/old", {"file"}, 0x10, 0}, {"/", {"."}, 0x10, 0}};
  return m;
}

std::string btrfs_superblock() {
  std::string bytes(4096, '\0');
  bytes.replace(32, 16, "0123456789abcdef");
  bytes.replace(64, 8, "_BHRfS_M");
  for (auto [at, byte] : {std::pair(136, 1), {145, 16}, {149, 64}, {160, 97}, {852, 34}})
    bytes[static_cast<std::size_t>(at)] = static_cast<char>(byte);
  return bytes;
}

// What a program made, as real ones look.
std::string real_superblock(const std::string& name) {
  return read_file(KA_SOURCE "/tests/fuzz/corpus/superblock/" + name);
}

storage::What read_as(const storage::Rule& kind, const std::string& superblock) {
  const std::vector<std::string> ranges = {superblock};
  return kind.read(ranges);
}

// By UEFI: an EFI system partition of FAT, and / on whatever it is.
wire::Manifest with_esp(const storage::What& root) {
  wire::Manifest m = sample();
  m.storage.nodes.clear();
  storage::add_disk(m.storage, "sda", {8ull << 30, 512, ""},
                    {storage::Label::gpt, "5D1C0000-1111-2222-3333-444455556666", 128},
                    wire::partitions_of(wire::parse_desc("efi 100\nlinux fill\n", "desc"), storage::Label::gpt));
  storage::add_content(m.storage, "sda1", read_as(storage::fat_rule, real_superblock("fat32")));
  storage::add_content(m.storage, "sda2", root);
  m.mounts = {{"sda2:fs", "/", ""}, {"sda1:fs", "/boot/efi", ""}};
  m.boot_loader.reset();
  m.firmware = {"uefi"};
  boot::UefiWay way;
  way.esps = {"sda1:fs"};
  way.entries = {{"sda1:fs", "\\EFI\\debian\\shimx64.efi", "debian", ""}};
  const std::string digest = boot::read_program(boot::efi_fixture::program("shim,4")).digest;
  way.chain = {{"/boot/efi/EFI/debian/shimx64.efi", digest, "", {}},
               {"/boot/efi/EFI/debian/grubx64.efi", digest, "", {}}};
  m.boot.uefi = way;
  return m;
}

wire::Manifest with_esp_and_xfs() { return with_esp(read_as(storage::xfs_rule, real_superblock("xfs-newest"))); }

wire::Manifest with_esp_and_btrfs() {
  const wire::Manifest golden = with_subvolumes();
  wire::Manifest m = with_esp(golden.storage.at("sda1:fs").what);
  m.mounts = {{"sda2:fs", "/", "compress=zstd", "@"},
              {"sda1:fs", "/boot/efi", ""},
              {"sda2:fs", "/var", "compress=zstd", "@var"},
              {"sda2:fs", "/.ka-apart-sda2", "compress=zstd", "", true}};
  return m;
}

// The header that cryptsetup made.
std::string luks_header() {
  std::string bytes(16384, '\0');
  bytes.replace(0, 8, "LUKS\xba\xbe\0\2"s);
  bytes.replace(8, 8, "\0\0\0\0\0\0\x40\0"s);
  bytes.replace(168, 36, "6f0a5f6f-2a2a-4a53-9f0e-0f2a2a5c0f2a");
  const std::string json =
      R"({"keyslots":{"0":{"type":"luks2","key_size":64,"af":{"hash":"sha256"},"kdf":{"type":"argon2id"}}},)"
      R"("tokens":{},"segments":{"0":{"type":"crypt","offset":"16777216","size":"dynamic","iv_tweak":"0",)"
      R"("encryption":"aes-xts-plain64","sector_size":512}},"digests":{},"config":{}})";
  return bytes.replace(4096, json.size(), json);
}

// /var is encrypted.
wire::Manifest with_luks(wire::Passphrases passphrases) {
  wire::Manifest m = sample();
  storage::Node fs = m.storage.at("sda6:fs");
  std::erase_if(m.storage.nodes, [](const storage::Node& node) { return node.id == "sda6:fs"; });
  const std::vector<std::string> header = {luks_header()};
  m.storage.nodes.push_back({"var_crypt", {"sda6"}, {}, storage::crypt_rule.read(header)});
  fs.id = "var_crypt:fs";
  fs.on = {"var_crypt"};
  m.storage.nodes.push_back(fs);
  for (wire::Mount& mount : m.mounts)
    if (mount.fs == "sda6:fs") mount.fs = fs.id;
  m.passphrases = passphrases;
  return m;
}

// / on a linear volume, /var on a thin one.
wire::Manifest with_group() {
  wire::Manifest m = sample();
  m.storage.nodes.clear();
  storage::add_disk(m.storage, "sda", {8ull << 30, 512, ""}, {{}, "0x59be1427", 0},
                    wire::partitions_of(wire::parse_desc("lvm fill\n", "desc"), storage::Label::dos));
  const std::string uuid = "PPPPPP-PPPP-PPPP-PPPP-PPPP-PPPP-PPPPPP";
  m.storage.nodes.push_back(
      {"vg0", {"sda1"}, {}, storage::Group{uuid, 4 << 20, {{uuid, 1 << 20, 7ull << 30, {}}}, {}}});
  storage::Volume root;
  root.uuid = "RRRRRR-RRRR-RRRR-RRRR-RRRR-RRRR-RRRRRR";
  root.size.bytes = 2ull << 30;
  m.storage.nodes.push_back({"vg0/root", {"vg0"}, {}, root});
  storage::Pool pool;
  pool.uuid = "TTTTTT-TTTT-TTTT-TTTT-TTTT-TTTT-TTTTTT";
  pool.chunk = 65536, pool.metadata = 4 << 20, pool.discards = "passdown", pool.size.bytes = 1ull << 30;
  m.storage.nodes.push_back({"vg0/pool", {"vg0"}, {}, pool});
  storage::Volume var = root;
  var.uuid = "VVVVVV-VVVV-VVVV-VVVV-VVVV-VVVV-VVVVVV";
  var.segment = "thin", var.read_only = true;
  m.storage.nodes.push_back({"vg0/var", {"vg0/pool"}, {}, var});
  storage::Ext ext;
  ext.version = "ext4";
  storage::add_content(m.storage, "vg0/var", ext);
  ext.uuid = "11111111-1111-1111-1111-111111111111";
  storage::add_content(m.storage, "vg0/root", ext);
  m.mounts = {{"vg0/root:fs", "/", ""}, {"vg0/var:fs", "/var", ""}};
  return m;
}

// / on a mirror of two disks, each of which starts it.
wire::Manifest with_array() {
  wire::Manifest m = sample();
  m.storage.nodes.clear();
  for (const char* disk : {"sda", "sdb"})
    storage::add_disk(m.storage, disk, {8ull << 30, 512, ""}, {{}, disk == "sda"s ? "0x59be1427" : "0x59be1428", 0},
                      wire::partitions_of(wire::parse_desc("raid fill\n", "desc"), storage::Label::dos));
  storage::Raid mirror;
  mirror.level = "raid1", mirror.metadata = "1.2", mirror.name = "root", mirror.slots = 2, mirror.bytes = 7ull << 30;
  mirror.uuid = "3aaa0122:29827cfa:5331ad66:ca767371";
  mirror.offset = 1 << 20;
  m.storage.nodes.push_back({"md0", {"sda1", "sdb1"}, {}, mirror});
  storage::Ext ext;
  ext.version = "ext4";
  ext.uuid = "11111111-1111-1111-1111-111111111111";
  storage::add_content(m.storage, "md0", ext);
  m.mounts = {{"md0:fs", "/", ""}};
  m.boot.bios = boot::BiosWay{boot::BiosWay::Loader::grub, {"sda", "sdb"}, "/boot/grub"};
  return m;
}

// One clone in scratch directories; a new one for each attempt.
class Attempt {
 public:
  explicit Attempt(const wire::Manifest& manifest) : link(wire::to_json(manifest)) {
    disk("vda", "0000:00:04.0");
    if (storage::all<storage::Disk>(manifest.storage).size() > 1 && !manifest.degraded) disk("vdb", "0000:00:05.0");
    for (const char* program :
         {"sh",    "sfdisk", "truncate",   "tar",        "mke2fs", "tune2fs",  "e2fsck",   "mkswap",   "grub-install",
          "mkdir", "mount",  "umount",     "mkfs.btrfs", "btrfs",  "mkfs.xfs", "mkfs.fat", "fsck.fat", "dd",
          "blkid", "wipefs", "cryptsetup", "rm",         "lvm",    "sed",      "dmsetup",  "mdadm",    "cat"})
      stage2.file(std::string("/usr/sbin/") + program, "", 0755);
    stage2.directory("/tmp");
    proc.file("/self/mountinfo", "");
    link.on_yes = [this] { machine.may_write = true; };
    machine.superblock = btrfs_superblock();
    proc.file("/filesystems", "nodev\tproc\n\text4\n\tbtrfs\n\txfs\n\tvfat\n");
    if (manifest.boot.uefi) begin_by_uefi(manifest);
    if (manifest.passphrases != wire::Passphrases::none) machine.superblock = luks_header();
    link.passphrases = {{"", Secret("correct horse")}};
    log_file.file("/ka_log-10.0.1.35", "the log\n");
    context.stage2_root = stage2.root();
    context.target = target.root();
    context.sysfs = sys.root();
    context.procfs = proc.root();
    context.host_name = "node7";
    context.log_file = log_file.at("/ka_log-10.0.1.35");
    context.kernel_log = "";
    context.load_module = [this](std::string name) { return load_module(std::move(name)); };
    context.settle_drivers = [this] { return settle_drivers(); };
    if (manifest.storage.find("vg0/root")) machine.root = "mapper/vg0-root";
    if (manifest.storage.find("md0")) machine.root = "md0";
  }

  // Its firmware has an entry of its own.
  void begin_by_uefi(const wire::Manifest& manifest) {
    sys.directory("/firmware/efi");
    const std::string folder = "/sys/firmware/efi/efivars/", global = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    stage2.file(folder + "BootOrder" + global, "\7\0\0\0\1\0"s);
    stage2.file(folder + "Boot0001" + global, "\7\0\0\0\1\0\0\0\0\0"s);
    machine.root = "sda2";
    machine.esp_program = boot::efi_fixture::program("shim,4");
    machine.superblocks[1 << 20] = real_superblock("fat32");
    if (std::holds_alternative<storage::Xfs>(manifest.storage.at("sda2:fs").what))
      machine.superblock = real_superblock("xfs-newest");
  }

  // What firmware finds on the EFI system partition: nothing, or all that the golden one has.
  bool esp_starts() const {
    const std::string top = target.root() + "-staged/vda1";
    if (!std::filesystem::exists(top + "/EFI")) return false;
    for (const char* name : {"debian/shimx64.efi", "debian/grubx64.efi", "BOOT/BOOTX64.EFI", "BOOT/grubx64.efi"})
      EXPECT_EQ(read_file_if_any(top + "/EFI/" + name).value_or(""), machine.esp_program) << name;
    return true;
  }

  void disk(const std::string& name, const std::string& pci, const std::string& sectors = "16777216") {
    std::string device = "/devices/pci0000:00/" + pci + "/virtio1", block = device + "/block/" + name;
    sys.file(block + "/size", sectors);
    sys.link(block + "/device", "../..");
    DeviceFacts facts;
    facts.major = 254;
    facts.minor = 16 * static_cast<unsigned>(machine.facts.size());
    facts.size = *parse_unsigned(sectors) * 512;
    facts.sector_size = 512;
    machine.facts["/dev/" + name] = facts;
    machine.blocks["/dev/" + name] = block;
    sys.file(block + "/dev", facts.number() + "\n");
    sys.link("/block/" + name, ".." + block);
    sys.directory("/module/virtio_blk");
    sys.link(device + "/driver/module", sys.at("/module/virtio_blk"));
    machine.devices["/dev/" + name] = std::string(4096, 'x');
  }

  Awaitable<void> load_module(std::string name) {
    modules.push_back(std::move(name));
    co_return;
  }

  // The disk is there only now, as that of a slow controller is.
  Awaitable<SettledDrivers> settle_drivers() {
    for (const auto& appear : late_disks) appear();
    SettledDrivers state;
    state.in_use = {"virtio_blk"};
    state.doubts = doubts;
    co_return state;
  }

  // "" or why it failed.
  std::string run() {
    auto task = clone(context);
    auto result = asio::co_spawn(io, std::move(task), asio::use_future);
    io.run();
    try {
      result.get();
    } catch (const PutOut& error) {
      return std::string("put out: ") + error.what();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  // Groups and arrays, once everything is unmounted.
  bool layers_are_stopped() const {
    int made = -1, unmounted = -1, stopped = -1;
    for (int i = 0; i < static_cast<int>(machine.calls.size()); ++i) {
      const std::string& call = machine.calls[static_cast<std::size_t>(i)];
      if (call.starts_with("run lvm pvcreate") || call.starts_with("run mdadm --create")) made = i;
      if (call.starts_with("unmount ")) unmounted = i;
      for (const char* stop : {"vgchange --devices \"$1\" --activate n", "exec mdadm --stop"})
        if (call.find(stop) != std::string::npos) stopped = i;
    }
    return made < 0 || (stopped > made && stopped > unmounted);
  }

  bool all_is_proven() const {
    auto says = [](const std::string& line) { return line.find("This clone will boot") != std::string::npos; };
    return std::any_of(log.lines.begin(), log.lines.end(), says);
  }
  bool changed_a_disk(const std::string& disk = "/dev/vda") const {
    return machine.devices.at(disk).substr(0, 4) != "xxxx" || partitioned(disk);
  }
  bool partitioned(const std::string& disk) const {
    auto sfdisk = [&disk](const std::string& call) {
      return call.find("sfdisk --lock") != std::string::npos && call.find(" " + disk + " ") != std::string::npos;
    };
    return std::any_of(machine.calls.begin(), machine.calls.end(), sfdisk);
  }

  Scratch sys, stage2, target, proc, log_file;
  asio::io_context io;
  FakeMachine machine{io, sys, stage2, target};
  FakeLink link;
  Lines log;
  FakePerson person;
  CloneContext context{{}, io, machine, log, link, person, {}, {}, {}};
  std::vector<std::string> modules;  // that were asked for
  std::vector<std::function<void()>> late_disks;
  std::vector<std::string> doubts;
};

TEST(CloneTest, DoesWhatTheDesignSaysInThatOrder) {
  Attempt attempt(sample());
  ASSERT_EQ(attempt.run(), "");
  std::vector<std::string> steps;
  for (const std::string& call : attempt.machine.calls)
    for (const char* verb : {"run ", "output_of", "start", "mount", "unmount", "write_device", "reread", "claim_disk",
                             "share_disk", "close_disks", "watch", "write_back", "finish"})
      if (call.find(verb) == 0) steps.push_back(call.substr(0, call.find(" -")));
  EXPECT_THAT(
      steps,
      ElementsAre(StartsWith("run sh"), "run mke2fs", "run mke2fs",  // asked only
                  "claim_disk /dev/vda", "output_of lsblk", "write_device /dev/vda 0+1048576",
                  "write_device /dev/vda 8588886016+1048576", StartsWith("run sh"), "write_device /dev/vda 0+440",
                  "output_of sfdisk", "reread_partitions /dev/vda", "share_disk /dev/vda", StartsWith("run mke2fs"),
                  StartsWith("run mke2fs"), StartsWith("run mkswap"),
                  "mount /dev/vda1 T ext4 errors=remount-ro,data_err=abort,noinit_itable", "watch_writes T /dev/vda1",
                  "mount /dev/vda6 T/var ext4 errors=remount-ro,data_err=abort,noinit_itable",
                  "watch_writes T/var /dev/vda6", "start tar", "mount proc T/proc proc ", "mount sysfs T/sys sysfs ",
                  "mount devtmpfs T/dev devtmpfs ", "mount tmpfs T/run tmpfs mode=0755", "run ssh-keygen",
                  "run update-initramfs", "run /run/ka-hooks/10-first", "run /run/ka-hooks/20-second",
                  "run grub-install", "write_device /dev/vda 0+440", "unmount T/run", "unmount T/dev", "unmount T/sys",
                  "unmount T/proc", "write_back T", "write_back T/var", "unmount T/var", "unmount T",
                  "finish_writes /dev/vda1", "run e2fsck", "finish_writes /dev/vda6", "run e2fsck",
                  "finish_writes /dev/vda1", "finish_writes /dev/vda6", "mount /dev/vda1 T ext4 ",
                  "mount /dev/vda6 T/var ext4 ", "unmount T/var", "unmount T", "claim_disk /dev/vda",
                  "write_device /dev/vda 0+440", "close_disks"));
  EXPECT_THAT(attempt.machine.written_early, IsEmpty());
  EXPECT_THAT(attempt.link.sessions, ElementsAre("kainstall1", "kainstall2"));
  EXPECT_EQ(attempt.machine.boot_code().substr(0, 4), "GRUB");
  EXPECT_THAT(attempt.machine.mounted, IsEmpty());
}

TEST(CloneTest, LeavesAMachineOfItsOwn) {
  Attempt attempt(sample());
  ASSERT_EQ(attempt.run(), "");
  const Scratch& clone = attempt.target;
  EXPECT_EQ(clone.content("/etc/fstab"),
            "UUID=11111111-1111-1111-1111-111111111111 / ext4 defaults 0 1\n"
            "UUID=55555555-5555-5555-5555-555555555555 none swap sw 0 0\n");
  EXPECT_EQ(clone.content("/etc/hostname"), "node7\n");
  EXPECT_EQ(clone.content("/etc/machine-id"), "");
  EXPECT_EQ(clone.content("/etc/ssh/ssh_host_ed25519_key"), "new");
  EXPECT_EQ(clone.content("/boot/grub/grub.cfg"),
            "menuentry golden {\nlinux /boot/vmlinuz-6.1 root=UUID=11111111-1111-1111-1111-111111111111 ro\n"
            "initrd /boot/initrd.img-6.1\n}\n");
  EXPECT_THAT(clone.content("/etc/modprobe.d/ka.conf"), HasSubstr("alias scsi_hostadapter virtio_blk"));
  EXPECT_THAT(clone.content("/etc/initramfs-tools/modules"), HasSubstr("jfs"));
  EXPECT_EQ(clone.status("/tmp").st_mode & 07777, 01777u);
  EXPECT_TRUE(S_ISSOCK(clone.status("/tmp/socket").st_mode));
  EXPECT_EQ(clone.content("/var/log/ka/ka_log-10.0.1.35"), "the log\n");
  EXPECT_THAT(attempt.log.lines, Contains(" - Mounting /dev/vda1 as " + clone.root() + "/ ...OK"));
  EXPECT_THAT(attempt.link.stages, Contains("formatting /dev/vda1"));
}

TEST(CloneTest, TellsTheServerWhatIsNewAndWhatIsStillTheGoldenNodes) {
  wire::Manifest manifest = sample();
  manifest.identity = {{"machine-id"}, {}};
  manifest.golden_addresses = {"10.0.1.40"};
  Attempt attempt(manifest);
  attempt.target.file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
  attempt.target.file("/etc/krb5.keytab", "x");
  attempt.target.file("/etc/motd", "Welcome\nto 10.0.1.40\n");
  ASSERT_EQ(attempt.run(), "");
  EXPECT_EQ(attempt.target.content("/etc/machine-id"), "0123456789abcdef0123456789abcdef\n");
  std::vector<std::string> notes;
  for (const wire::IdentityNote& note : attempt.link.identity)
    notes.push_back(wire::identity_class_names[static_cast<std::size_t>(note.what)] + (" " + note.item));
  EXPECT_THAT(notes, ElementsAre("renewed host-name", "renewed ssh-host-keys", "kept machine-id",
                                 "reported kerberos-keytab", "found address"));
  EXPECT_EQ(attempt.link.identity.back().where, "/etc/motd:2");
  EXPECT_THAT(attempt.log.lines, Contains(" - Kept, as --keep says: machine-id (/etc/machine-id)"));
}

TEST(CloneTest, AKeptHostNameIsTheGoldenOneEverywhere) {
  wire::Manifest manifest = sample();
  manifest.identity = {{"host-name"}, {}};
  Attempt attempt(manifest);
  attempt.target.file("/etc/dhcp/dhclient.conf", "send host-name \"golden\";\n");
  ASSERT_EQ(attempt.run(), "");
  EXPECT_EQ(attempt.target.content("/etc/hostname"), "golden\n");
  EXPECT_EQ(attempt.target.content("/etc/dhcp/dhclient.conf"), "send host-name \"golden\";\n");
}

TEST(CloneTest, FlagsComeLastAndOnlyToWhatIsThere) {
  wire::Manifest manifest = sample();
  manifest.inode_flags = {{"/etc", {"fstab", "gone"}, 0x10, 0}, {"/", {"."}, 0x20000000, 7}};
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  const auto& calls = attempt.machine.calls;
  auto at = [&calls](const std::string& call) { return std::find(calls.begin(), calls.end(), call) - calls.begin(); };
  const auto flags = at("set_inode_flags T/etc/fstab 16 0");
  EXPECT_EQ(at("set_inode_flags T/ 536870912 7"), flags + 1);
  EXPECT_EQ(std::count_if(calls.begin(), calls.end(), [](auto& c) { return c.find("set_inode_flags") == 0; }), 2);
  EXPECT_GT(flags, at("run /run/ka-hooks/20-second"));
  EXPECT_GT(flags, at("write_file T/var/log/ka/ka_log-10.0.1.35"));
  EXPECT_GT(flags, at("unmount T/proc"));  // which would hide a flag of the directory itself
  EXPECT_LT(flags, at("unmount T/var"));
  for (auto call = calls.begin() + flags; call != calls.end(); ++call)
    EXPECT_THAT(*call, Not(StartsWith("write_file")));
  EXPECT_THAT(attempt.log.lines, Contains(" - Flags or project ids of 2 files set; 1 of them are not there any more"));
}

// No copy on write and names without case: only an empty file or directory can get them, or lose what it inherited.
TEST(CloneTest, FlagsOfEmptyFilesComeBeforeTheFiles) {
  constexpr std::uint32_t no_cow = 0x800000, casefold = 0x40000000, no_dump = 0x40;
  wire::Manifest manifest = sample();
  manifest.inode_flags = {{"/srv", {"vm"}, no_cow, 0, true},
                          {"/etc", {"hostname"}, no_cow | no_dump, 0},
                          {"/srv/vm", {"cow", "gone"}, no_dump, 5},
                          {"/etc", {"fstab"}, no_dump, 0},
                          {"/srv", {"windows"}, casefold, 0, true}};
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  const auto& calls = attempt.machine.calls;
  auto at = [&calls](const std::string& call) { return std::find(calls.begin(), calls.end(), call) - calls.begin(); };
  auto starts = [](auto& call) { return call.starts_with("start tar"); };
  const auto tar = std::find_if(calls.begin(), calls.end(), starts) - calls.begin();
  EXPECT_THAT(calls[static_cast<std::size_t>(tar)], HasSubstr("--overwrite"));
  for (const char* early : {"set_inode_flags T/srv/vm 8388608 0", "set_inode_flags T/etc/hostname 8388608 0",
                            "set_inode_flags T/srv/vm/cow 0 0", "set_inode_flags T/srv/windows 1073741824 0"})
    EXPECT_LT(at(early), tar) << early;
  EXPECT_GT(at("set_inode_flags T/srv/vm/cow 64 5"), tar);
  EXPECT_GT(at("set_inode_flags T/etc/fstab 64 0"), tar);
  EXPECT_EQ(attempt.target.content("/etc/hostname"), "node7\n");
  EXPECT_THAT(calls, Contains("remove_file T/srv/vm/gone"));
}

TEST(CloneTest, SubvolumesAreMadeBeforeTheFilesAndMarkedAfterThem) {
  Attempt attempt(with_subvolumes());
  attempt.target.file("/.ka-apart-sda1/old/file", "x");
  ASSERT_EQ(attempt.run(), "");
  std::vector<std::string> steps;
  for (const std::string& call : attempt.machine.calls)
    for (const char* part :
         {"mkfs.btrfs", "subvol", "unmount T", "remove_file T/.ka", "ro true", "start tar", "set_inode_flags"})
      if (call.find(part) != std::string::npos) {
        steps.push_back(call.substr(0, call.find(" -")));
        break;
      }
  auto any = [](const char* text) { return HasSubstr(text); };
  const auto& calls = attempt.machine.calls;
  EXPECT_THAT(calls, Contains(AllOf(HasSubstr("mkfs.btrfs -q -f -n 16384 -s 4096 --csum crc32c -U 30313233"),
                                    HasSubstr("-m dup -d single"), HasSubstr("/dev/vda1"))));
  EXPECT_THAT(calls, Contains(AllOf(HasSubstr("subvolume create"), HasSubstr("/dev/vda1 @ @var old/ro"))));
  EXPECT_THAT(calls, Contains(AllOf(HasSubstr("set-default"), HasSubstr("/dev/vda1 @"))));
  EXPECT_THAT(steps, testing::ElementsAre(any("run sh"), any("run mkfs.btrfs"), any("run sh"), any("run sh"),
                                          "mount /dev/vda1 T btrfs compress=zstd,subvol=/@",
                                          "mount /dev/vda1 T/var btrfs compress=zstd,subvol=/@var",
                                          "mount /dev/vda1 T/.ka-apart-sda1 btrfs compress=zstd,subvol=/", "start tar",
                                          "unmount T/run", "unmount T/dev", "unmount T/sys", "unmount T/proc",
                                          "set_inode_flags T/.ka-apart-sda1/old/file 16 0", "unmount T/.ka-apart-sda1",
                                          "remove_file T/.ka-apart-sda1", "set_inode_flags T/ 16 0", "unmount T/var",
                                          "unmount T", any("run sh"), "mount /dev/vda1 T btrfs compress=zstd,subvol=/@",
                                          "mount /dev/vda1 T/var btrfs compress=zstd,subvol=/@var",
                                          any("btrfs compress=zstd,subvol=/"), any("unmount T-"), "unmount T/var",
                                          "unmount T"));
}

TEST(CloneTest, ASocketThatHasNoPlaceAnyMoreIsAWarning) {
  wire::Manifest manifest = sample();
  manifest.sockets[0].path = "/srv/ssh-x/agent.1";
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.log.lines, Contains(HasSubstr("WARNING: the socket /srv/ssh-x/agent.1 is left out")));
}

TEST(CloneTest, BareDirectoriesAndSocketsGetTheirAttributes) {
  wire::Manifest manifest = sample();
  manifest.bare_directories[0].attributes = {{"security.selinux", "tmp_t"}};
  manifest.sockets[0].attributes = {{"security.selinux", "sock_t"}};
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.machine.calls, Contains("set_attribute T/tmp security.selinux tmp_t"));
  EXPECT_THAT(attempt.machine.calls, Contains("set_attribute T/tmp/socket security.selinux sock_t"));
}

TEST(CloneTest, HooksRunInTheOrderOfTheirNames) {
  Attempt attempt(sample());
  ASSERT_EQ(attempt.run(), "");
  std::vector<std::string> hooks;
  for (const std::string& call : attempt.machine.calls)
    if (call.find("run /run/ka-hooks/") == 0) hooks.push_back(call.substr(18));
  EXPECT_THAT(hooks, ElementsAre("10-first", "20-second"));
}

TEST(CloneTest, SaysHowTheCloneWillBoot) {
  Attempt attempt(sample());
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.log.lines,
              Contains(" - This clone will boot: \"golden\", /boot/vmlinuz-6.1, /boot/initrd.img-6.1, root sda1:fs"));
  EXPECT_THAT(attempt.log.lines, Contains("   /boot/initrd.img-6.1: has virtio_blk jfs"));
  EXPECT_THAT(attempt.link.stages, Contains(StartsWith("will boot: ")));
}

TEST(CloneTest, ACloneThatWouldNotBootHasFailed) {
  for (const char* lost : {"/boot/vmlinuz-6.1", "/boot/initrd.img-6.1"}) {
    Attempt attempt(sample());
    attempt.machine.spoiling_hook = "/run/ka-hooks/10-first";
    attempt.machine.spoiled_file = lost;
    const std::string why = attempt.run();
    EXPECT_THAT(why, AllOf(HasSubstr("/boot/grub/grub.cfg:"), HasSubstr(lost), HasSubstr("there is no such file")));
    EXPECT_EQ(attempt.machine.boot_code(), unfinished_boot_code().substr(0, boot_code_size));
    EXPECT_THAT(attempt.machine.mounted, IsEmpty());
  }
}

// The boot code of extlinux is a file of the clone; LILO writes its own, where lilo.conf says.
TEST(CloneTest, OtherLoadersOfBiosMachines) {
  wire::Manifest manifest = sample();
  manifest.boot_loader->kind = wire::BootLoader::Kind::extlinux;
  {
    Attempt attempt(manifest);
    ASSERT_EQ(attempt.run(), "");
    EXPECT_THAT(attempt.machine.calls, Contains("run extlinux --install /boot/extlinux"));
    EXPECT_EQ(attempt.machine.boot_code().substr(0, 7), "SYSMBR\0"s);
    EXPECT_THAT(attempt.log.lines, Contains(HasSubstr("This clone will boot: \"l0\"")));
  }
  manifest.boot_loader->kind = wire::BootLoader::Kind::lilo;
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  EXPECT_EQ(attempt.target.content("/etc/lilo.conf").substr(0, 15), "boot =/dev/vda\n");
  EXPECT_EQ(attempt.machine.boot_code().substr(0, 4), "LILO");
}

TEST(CloneTest, AnInitrdThatHasAllDriversIsKept) {
  wire::Manifest manifest = sample();
  manifest.boot_loader->modules.clear();
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.machine.calls, Not(Contains(HasSubstr("update-initramfs -u"))));
  EXPECT_FALSE(attempt.target.has("/etc/initramfs-tools/modules"));
}

TEST(CloneTest, BootCodeOfTheOperatorIsWrittenLastAndLeavesTheDiskIdentifier) {
  wire::Manifest manifest = sample();
  manifest.boot_loader.reset();
  std::get<storage::Disk>(manifest.storage.nodes[0].what).boot_code = std::string(446, 'W');
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  EXPECT_EQ(attempt.machine.boot_code(), std::string(440, 'W'));
  EXPECT_EQ(attempt.machine.devices["/dev/vda"].substr(440, 6), std::string(6, '\0'));  // sfdisk's own
}

TEST(CloneTest, WithoutAnyBootLoaderTheDiskSaysNothing) {
  wire::Manifest manifest = sample();
  manifest.boot_loader.reset();
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  EXPECT_EQ(attempt.machine.boot_code(), std::string(440, '\0'));
}

TEST(CloneTest, RawPartitionsFollowInSessionsOfTheirOwn) {
  Attempt attempt(with_blocks(4));
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.link.sessions, ElementsAre("kainstall1", "kainstall2", "kainstall3"));
  EXPECT_THAT(attempt.machine.calls, Contains("start /dev/vda6"));
}

void fail_at_each_call(const wire::Manifest& manifest) {
  Attempt whole(manifest);
  ASSERT_EQ(whole.run(), "");
  const int calls = static_cast<int>(whole.machine.calls.size());
  ASSERT_GT(calls, 50);
  for (int k = 0; k < calls; ++k) {
    Attempt attempt(manifest);
    attempt.machine.fail_at = k;
    std::string why = attempt.run();
    const std::string failed = attempt.machine.calls.at(static_cast<std::size_t>(k));
    // An old initrd that cannot be looked into is no reason to fail: it is rebuilt.
    if (failed.find("output_of") == 0 && why.empty()) continue;
    // Whoever listens at a socket makes it anew.
    if (failed.find("/tmp/socket") != std::string::npos && why.empty()) continue;
    if (failed == "close_disks") continue;  // cannot fail
    // Without an entry in NVRAM it starts by \\EFI\\BOOT\\BOOTX64.EFI.
    if (failed.find("efivars/Boot") != std::string::npos && why.empty()) {
      ASSERT_TRUE(attempt.esp_starts()) << failed;
      ASSERT_THAT(attempt.log.lines, Contains(HasSubstr("No boot entry was written"))) << failed;
      continue;
    }
    ASSERT_THAT(why, HasSubstr("injected")) << failed;
    ASSERT_THAT(attempt.machine.written_early, IsEmpty()) << failed;
    ASSERT_THAT(attempt.machine.open_disks, IsEmpty()) << failed;
    ASSERT_THAT(attempt.machine.mounted, IsEmpty()) << failed;
    ASSERT_TRUE(!attempt.esp_starts() || attempt.all_is_proven()) << failed;
    ASSERT_TRUE(attempt.layers_are_stopped()) << failed;
    for (const auto& [disk, content] : attempt.machine.devices)
      ASSERT_EQ(attempt.machine.boot_code(disk),
                attempt.changed_a_disk(disk) ? unfinished_boot_code() : std::string(440, 'x'))
          << disk << ": " << failed;
  }
}

TEST(CloneTest, WhateverFailsNothingStaysMountedAndTheDiskDoesNotBoot) { fail_at_each_call(sample()); }
TEST(CloneTest, NorWithSubvolumes) { fail_at_each_call(with_subvolumes()); }
TEST(CloneTest, NorByUefiFromXfs) { fail_at_each_call(with_esp_and_xfs()); }
TEST(CloneTest, NorByUefiFromBtrfs) { fail_at_each_call(with_esp_and_btrfs()); }
TEST(CloneTest, NorWithBlocks) { fail_at_each_call(with_blocks(4)); }
TEST(CloneTest, NorWithLuks) { fail_at_each_call(with_luks(wire::Passphrases::sent)); }

// A program whose disk fails says what it felt ("Read-only file system"); the server is told at once which disk it was.
TEST(CloneTest, AFailedSinkNamesTheDiskInTheKernelsWords) {
  Attempt whole(with_blocks(4));
  ASSERT_EQ(whole.run(), "");
  unsigned sinks = 0;
  for (std::size_t k = 0; k < whole.machine.calls.size(); ++k) {
    const std::string& call = whole.machine.calls[k];
    if (!call.starts_with("write to ") && !call.starts_with("close tar") && !call.starts_with("close /dev/")) continue;
    ++sinks;
    Attempt attempt(with_blocks(4));
    attempt.machine.fail_at = static_cast<int>(k);
    const std::string log = attempt.log_file.at("/kmsg");
    attempt.log_file.file("/kmsg", "");
    attempt.context.kernel_log = log;
    attempt.link.on_yes = [&attempt, log] {
      attempt.machine.may_write = true;
      std::ofstream(log, std::ios::app) << "3,7,9,-;I/O error, dev vda, sector 74242 op 0x1:(WRITE) flags 0x0\n";
    };
    const std::string why = attempt.run();
    EXPECT_EQ(attempt.link.told_of_sink,
              "injected: " + call + " (the kernel says: I/O error, dev vda, sector 74242 op 0x1:(WRITE) flags 0x0)");
    EXPECT_EQ(why, attempt.link.told_of_sink) << "said twice";
  }
  EXPECT_EQ(sinks, 4u) << "tar and a partition, written and closed";
}

// Nothing that anybody can see while it runs, or read afterwards, has the passphrase.
TEST(CloneTest, OnlyStandardInputHasThePassphrase) {
  Attempt attempt(with_luks(wire::Passphrases::sent));
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.machine.inputs, Contains(Pair(HasSubstr("luksFormat --batch-mode --type luks2 --cipher "
                                                              "aes-xts-plain64 --key-size 512 --hash sha256 --uuid "
                                                              "6f0a5f6f-2a2a-4a53-9f0e-0f2a2a5c0f2a --offset 32768 "
                                                              "--pbkdf argon2id --sector-size 512 --use-random "
                                                              "--key-file - --pbkdf-memory"),
                                                    "correct horse")));
  EXPECT_THAT(attempt.machine.inputs,
              Contains(Pair("cryptsetup open --type luks2 --key-file - /dev/vda6 var_crypt", "correct horse")));
  for (const auto& texts : {attempt.machine.calls, attempt.log.lines, attempt.link.stages, attempt.person.shown})
    for (const std::string& text : texts) EXPECT_THAT(text, Not(HasSubstr("correct"))) << text;
  EXPECT_THAT(attempt.machine.calls, Contains(StartsWith("mount /dev/mapper/var_crypt T/var ext4")));
  const auto& calls = attempt.machine.calls;
  auto at = [&calls](const std::string& call) {
    auto found = std::find_if(calls.begin(), calls.end(), [&](auto& c) { return c.find(call) != std::string::npos; });
    EXPECT_NE(found, calls.end()) << call;
    return found - calls.begin();
  };
  EXPECT_LT(at("luksFormat --batch-mode --type luks2"), at("sfdisk --lock")) << "no look whether it could be made";
}

TEST(CloneTest, APassphraseIsAskedForBeforeTheServerIs) {
  Attempt asked(with_luks(wire::Passphrases::asked));
  asked.link.passphrases.clear();
  ASSERT_EQ(asked.run(), "");
  EXPECT_THAT(asked.person.asked, ElementsAre("the passphrase of var_crypt"));
  EXPECT_THAT(asked.machine.inputs, Contains(Pair(HasSubstr(" /dev/vda6 var_crypt"), "typed")));

  Attempt nobody(with_luks(wire::Passphrases::asked));
  nobody.person.nobody = true;
  EXPECT_THAT(nobody.run(), AllOf(HasSubstr("nobody typed it"), HasSubstr("Nothing was written")));
  EXPECT_THAT(nobody.link.offered, IsEmpty());
  EXPECT_FALSE(nobody.changed_a_disk());

  Attempt missing(with_luks(wire::Passphrases::sent));
  missing.link.passphrases = {{"other", Secret("correct horse")}};
  EXPECT_THAT(missing.run(), HasSubstr("encrypt var_crypt: the server sent no passphrase for it"));
  EXPECT_FALSE(missing.changed_a_disk());
}

TEST(CloneTest, APassphraseThatTheServerMadeIsShownAtTheConsole) {
  Attempt attempt(with_luks(wire::Passphrases::made));
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.person.shown, Contains("The passphrase of var_crypt is: correct horse"));
  for (const std::string& line : attempt.log.lines) EXPECT_THAT(line, Not(HasSubstr("correct")));
}

TEST(CloneTest, AHeaderThatIsNotTheGoldenOnesEndsTheClone) {
  Attempt attempt(with_luks(wire::Passphrases::sent));
  std::string& made = attempt.machine.superblock;
  made.replace(made.find("argon2id"), 8, "argon2i\"");
  made.replace(made.find("argon2i\"\""), 9, "argon2i\" ");
  EXPECT_THAT(attempt.run(), HasSubstr("read back, its key_derivation is \"argon2i\" and not \"argon2id\""));
}

TEST(CloneTest, NorWithAVolumeGroup) { fail_at_each_call(with_group()); }

TEST(CloneTest, NorWithAnArray) { fail_at_each_call(with_array()); }

TEST(CloneTest, EachLegOfAMirrorStartsTheClone) {
  Attempt attempt(with_array());
  ASSERT_EQ(attempt.run(), "");
  EXPECT_EQ(attempt.machine.boot_code("/dev/vda").substr(0, 4), "GRUB");
  EXPECT_EQ(attempt.machine.boot_code("/dev/vdb").substr(0, 4), "GRUB");
  EXPECT_THAT(attempt.machine.calls,
              Contains(AllOf(StartsWith("run mdadm --create"), HasSubstr(" /dev/vda1 /dev/vdb1"))));
}

TEST(CloneTest, AMirrorOnOneDiskIsDegradedAndSaysHowItIsCompleted) {
  wire::Manifest manifest = with_array();
  manifest.degraded = true;
  Attempt attempt(manifest);
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.machine.calls,
              Contains(AllOf(StartsWith("run mdadm --create /dev/md0"), HasSubstr("--raid-devices=2 "),
                             HasSubstr(" --assume-clean /dev/vda1 missing"))));
  EXPECT_EQ(attempt.machine.boot_code().substr(0, 4), "GRUB");
  EXPECT_THAT(attempt.log.lines,
              Contains(" - Degraded: md0 is made with 1 of its 2 legs; mdadm /dev/md0 --add DEVICE completes it"));
  EXPECT_THAT(attempt.log.lines, Contains(HasSubstr("2 devices, degraded: 1 is missing")));
  ASSERT_EQ(attempt.link.offered.size(), 2u);
  EXPECT_EQ(wire::text_of(attempt.link.offered[1]), "no disk in the place of sdb; degraded: md0");
  EXPECT_THAT(attempt.target.content("/etc/fstab"), HasSubstr("/dev/md0 / ext4"));
}

TEST(CloneTest, NorWithAnArrayOnFewerDisks) {
  wire::Manifest manifest = with_array();
  manifest.degraded = true;
  fail_at_each_call(manifest);
}

TEST(CloneTest, WhatTheKernelNeedsForAVolumeGroupIsLoadedBeforeAnythingIsWritten) {
  Attempt attempt(with_group());
  bool wrote = false;
  attempt.context.load_module = [&](std::string name) -> Awaitable<void> {
    attempt.modules.push_back(std::move(name));
    wrote = wrote || attempt.changed_a_disk();
    co_return;
  };
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.modules, IsSupersetOf({"dm_mod", "dm_thin_pool"}));
  EXPECT_FALSE(wrote);
}

TEST(CloneTest, ByUefiTheProgramsComeLast) {
  for (const wire::Manifest& manifest : {with_esp_and_xfs(), with_esp_and_btrfs()}) {
    Attempt attempt(manifest);
    ASSERT_EQ(attempt.run(), "");
    EXPECT_TRUE(attempt.esp_starts());
    EXPECT_EQ(attempt.machine.boot_code(), std::string(boot_code_size, '\0'));
    const auto& calls = attempt.machine.calls;
    auto at = [&calls](const std::string& call) {
      auto found = std::find_if(calls.begin(), calls.end(), [&](auto& c) { return c.find(call) != std::string::npos; });
      EXPECT_NE(found, calls.end()) << call;
      return found - calls.begin();
    };
    EXPECT_LT(at("start tar"), at("efivars/Boot0000"));
    EXPECT_LT(at("efivars/Boot0000"), at("rename T-staged/vda1/KA.NEW/EFI"));
  }
}

// Nothing but its entry tells such a kernel its root: a clone whose firmware takes no entry is none.
TEST(CloneTest, AKernelThatItsEntryTellsItsRootNeedsTheEntry) {
  wire::Manifest manifest = with_esp_and_xfs();
  manifest.boot.uefi->loader = boot::UefiWay::Loader::stub;
  manifest.boot.uefi->chain.resize(1);
  const auto& root = storage::as<storage::Xfs>(manifest.storage.at("sda2:fs"));
  manifest.boot.uefi->entries[0].arguments = "root=UUID=" + root.uuid + " initrd=\\EFI\\debian\\initrd";
  Attempt whole(manifest);
  ASSERT_EQ(whole.run(), "");
  EXPECT_FALSE(std::filesystem::exists(whole.target.root() + "-staged/vda1/EFI/BOOT"));

  const auto& calls = whole.machine.calls;
  auto writes_entry = [](const std::string& call) { return call.find("efivars/Boot") != std::string::npos; };
  Attempt refused(manifest);
  refused.machine.fail_at = static_cast<int>(std::find_if(calls.begin(), calls.end(), writes_entry) - calls.begin());
  EXPECT_THAT(refused.run(), AllOf(HasSubstr("injected"), HasSubstr("with which command line its kernel starts")));
  EXPECT_EQ(refused.machine.boot_code(), unfinished_boot_code());
  EXPECT_FALSE(std::filesystem::exists(refused.target.root() + "-staged/vda1/EFI"));
}

// What is there keeps its label; what is new gets the policy's, or else its directory's.
TEST(CloneTest, NewFilesOfALabelledCloneGetLabels) {
  Attempt attempt(sample());
  attempt.machine.selinux = true;
  ASSERT_EQ(attempt.run(), "");
  const auto& calls = attempt.machine.calls;
  EXPECT_THAT(calls, Contains(AllOf(StartsWith("run setfiles /etc/selinux/targeted/contexts/files/file_contexts "),
                                    HasSubstr(" /etc/modprobe.d/ka.conf"), HasSubstr(" /var/log/ka"),
                                    Not(HasSubstr("/etc/fstab")), Not(HasSubstr("/etc/ssh/ssh_host_ed25519_key")))));
  EXPECT_THAT(calls, Contains("set_attribute T/etc/modprobe.d/ka.conf security.selinux label of modprobe.d"));
  EXPECT_THAT(calls, Contains(StartsWith("set_attribute T/var/log/ka/ka_log-10.0.1.35 security.selinux label of ")));
  std::string label(64, '\0');
  const ssize_t size = ::lgetxattr(attempt.target.at("/etc/fstab").c_str(), "security.selinux", label.data(), 64);
  EXPECT_EQ(label.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0))), "label of fstab");
  Attempt plain(sample());
  ASSERT_EQ(plain.run(), "");
  EXPECT_THAT(plain.machine.calls, Not(Contains(HasSubstr("setfiles"))));
}

TEST(CloneTest, ACloneWithoutSetfilesGetsTheLabelsOfDirectories) {
  Attempt attempt(sample());
  attempt.machine.selinux = true;
  attempt.machine.spoiling_hook = "/run/ka-hooks/10-first";
  attempt.machine.spoiled_file = "/usr/sbin/setfiles";
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.log.lines, Contains(HasSubstr("WARNING: this clone has SELinux labels, and no setfiles")));
  EXPECT_THAT(attempt.machine.calls,
              Contains("set_attribute T/etc/modprobe.d/ka.conf security.selinux label of modprobe.d"));
}

TEST(CloneTest, ABootFileThatIsNotOnTheDiskFailsTheCloneByItsName) {
  Attempt attempt(sample());
  attempt.machine.lost_write = "/boot/grub/grub.cfg";
  EXPECT_THAT(attempt.run(), HasSubstr("read /boot/grub/grub.cfg back from the disk"));
  EXPECT_EQ(attempt.machine.boot_code(), unfinished_boot_code());
}

TEST(CloneTest, OtherFilesAreReadBackIfTheServerWantsIt) {
  wire::Manifest manifest = sample();
  for (bool all : {false, true}) {
    manifest.verify_all = all;
    Attempt attempt(manifest);
    attempt.machine.lost_write = "/etc/hosts";
    EXPECT_EQ(attempt.run().substr(0, 43), all ? "read /etc/hosts back from the disk: it has " : "");
  }
}

TEST(CloneTest, ErrorsThatTheFileSystemMetFailTheClone) {
  Attempt attempt(sample());
  attempt.sys.file("/fs/ext4/vda6/errors_count", "2\n");
  EXPECT_THAT(attempt.run(), HasSubstr("write /dev/vda6: its file system met 2 errors"));
}

TEST(CloneTest, TheServersLimitForAStepIsTold) {
  wire::Manifest manifest = sample();
  manifest.step_limit_s = 77;
  Attempt attempt(manifest);
  std::chrono::seconds told{0};
  attempt.context.limit_steps = [&told](std::chrono::seconds limit) { told = limit; };
  ASSERT_EQ(attempt.run(), "");
  EXPECT_EQ(told.count(), 77);
}

TEST(CloneTest, ANodePutOutOfItsRoundCanTryAgain) {
  Attempt attempt(sample());
  attempt.link.put_out_in = wire::system_session;
  EXPECT_THAT(attempt.run(), StartsWith("put out:"));
  EXPECT_THAT(attempt.machine.mounted, IsEmpty());
  EXPECT_EQ(attempt.machine.boot_code(), unfinished_boot_code());
}

TEST(CloneTest, ATableThatSfdiskCannotSayIsLaidOutAnew) {
  wire::Manifest manifest = sample();
  storage::Partition one = partition_of(manifest, "sda1");
  one.start = 63 * 512;
  const storage::Node root = manifest.storage.nodes[7];
  manifest.storage.nodes.clear();
  storage::add_disk(manifest.storage, "sda", {8ull << 30, 512, ""}, {{}, "0x59be1427", 0}, {one});
  manifest.storage.nodes.push_back(root);
  manifest.mounts.resize(1);
  Attempt as_it_is(manifest);
  ASSERT_EQ(as_it_is.run(), "");
  EXPECT_THAT(as_it_is.stage2.content("/tmp/ka-partitions-vda"), HasSubstr("start=63,"));
  Attempt anew(manifest);
  anew.machine.sfdisk_refuses = "start=63,";
  ASSERT_EQ(anew.run(), "");
  EXPECT_THAT(anew.stage2.content("/tmp/ka-partitions-vda"), HasSubstr("start=2048,"));
}

TEST(CloneTest, TheServerIsToldWhichDiskAndWhatIsOnIt) {
  Attempt attempt(sample());
  attempt.sys.file("/devices/pci0000:00/0000:00:04.0/virtio1/block/vda/serial", "WD-1\n");
  ASSERT_EQ(attempt.run(), "");
  ASSERT_EQ(attempt.link.offered.size(), 1u);
  const wire::DiskOffer& offer = attempt.link.offered[0];
  EXPECT_EQ(offer.golden, "sda");
  EXPECT_EQ(offer.name, "vda");
  EXPECT_EQ(offer.serial, "WD-1");
  EXPECT_EQ(offer.size, 8ull << 30);
  EXPECT_EQ(offer.contents, "1 ntfs 'Accounts 2024', 2 of no known kind");
}

TEST(CloneTest, WithoutTheServersYesNothingIsWritten) {
  const std::exception_ptr answers[] = {std::make_exception_ptr(PutOut("taken out", "the operator ends the job")),
                                        std::make_exception_ptr(ServerLost("the KA server is lost", "silence")),
                                        std::make_exception_ptr(Error("the KA server refuses this node", "no"))};
  for (const std::exception_ptr& answer : answers) {
    Attempt attempt(sample());
    attempt.link.answer = answer;
    EXPECT_NE(attempt.run(), "");
    EXPECT_THAT(attempt.machine.written_early, IsEmpty());
    EXPECT_FALSE(attempt.changed_a_disk());
    EXPECT_EQ(attempt.machine.boot_code(), std::string(440, 'x'));
    EXPECT_THAT(attempt.machine.open_disks, IsEmpty());
    EXPECT_THAT(attempt.machine.mounted, IsEmpty());
  }
}

TEST(CloneTest, WhatCannotBeToldOfADiskIsNoReasonToFail) {
  Attempt attempt(sample());
  attempt.machine.on_the_disk = "no JSON";
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.link.offered[0].contents, StartsWith("cannot be told"));
}

wire::Manifest with_gpt() {
  wire::Manifest m = sample();
  std::vector<storage::Node> contents = {m.storage.nodes[7]};
  m.storage.nodes.clear();
  auto partitions =
      wire::partitions_of(wire::parse_desc("bios 1\nlinux fill name \"the root\"\n", "desc"), storage::Label::gpt);
  partitions[1].guid = "55555555-1111-2222-3333-444455556666";
  partitions[1].attributes = 4;
  storage::add_disk(m.storage, "sda", {8ull << 30, 512, ""},
                    {storage::Label::gpt, "5D1C0000-1111-2222-3333-444455556666", 128}, partitions);
  storage::add_content(m.storage, "sda2", contents[0].what);
  m.mounts = {{"sda2:fs", "/", ""}};
  return m;
}

TEST(CloneTest, AGptIsMadeWithItsGuidsAndGrubFindsItsPlace) {
  Attempt attempt(with_gpt());
  attempt.machine.root = "sda2";
  ASSERT_EQ(attempt.run(), "");
  const std::string script = attempt.stage2.content("/tmp/ka-partitions-vda");
  EXPECT_THAT(script, HasSubstr("label: gpt\nlabel-id: 5D1C0000-1111-2222-3333-444455556666\n"));
  EXPECT_THAT(script, HasSubstr("partition1 : start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\n"));
  EXPECT_THAT(script, HasSubstr("uuid=55555555-1111-2222-3333-444455556666, name=\"the root\", "
                                "attrs=\"LegacyBIOSBootable\""));
  EXPECT_EQ(attempt.machine.boot_code().substr(0, 4), "GRUB");
}

TEST(CloneTest, ATableThatIsNotWhatItWasMeantToBeEndsTheClone) {
  Attempt attempt(with_gpt());
  attempt.machine.lost_by_sfdisk = "the root";
  EXPECT_THAT(attempt.run(), HasSubstr("read back, partition 2 is called \"x\" and not \"the root\""));
  EXPECT_EQ(attempt.machine.boot_code(), unfinished_boot_code());
}

// Of the golden machine, with another disk, vdb, beside the one that is cloned onto.
class StrangerTest : public testing::Test {
 protected:
  StrangerTest() {
    attempt_.disk("vdb", "0000:00:05.0");
    attempt_.context.target_rules = {"sda=name:vda"};
  }

  void partition(const std::string& name) {
    attempt_.sys.file("/devices/pci0000:00/0000:00:05.0/virtio1/block/vdb/" + name + "/dev", "254:17\n");
  }
  void looks_like(const std::string& printed) { attempt_.machine.looks["/dev/vdb"] = printed; }
  void expect_refused(const std::string& why) {
    EXPECT_THAT(attempt_.run(), AllOf(HasSubstr(why), HasSubstr("unplug the other one, wipe it (wipefs -a /dev/vdb), "
                                                                "or clone onto it as well. Nothing was written")));
    EXPECT_THAT(attempt_.machine.written_early, IsEmpty());
    EXPECT_FALSE(attempt_.changed_a_disk());
    EXPECT_THAT(attempt_.link.offered, IsEmpty());
  }

  Attempt attempt_{sample()};
};

TEST_F(StrangerTest, ADiskWithThingsOfItsOwnIsNone) {
  partition("vdb1");
  looks_like(
      "DEVICE=/dev/vdb\nPTUUID=12345678\nDEVICE=/dev/vdb1\nUUID=22222222-1111-1111-1111-111111111111\n"
      "LABEL=11111111-1111-1111-1111-111111111111\nPART_ENTRY_UUID=12345678-01\n");
  EXPECT_EQ(attempt_.run(), "");
  EXPECT_THAT(attempt_.machine.calls, Contains("output_of sh /tmp/ka-look /dev/vdb /dev/vdb1"));
  EXPECT_THAT(attempt_.machine.calls, Not(Contains(HasSubstr("ka-look /dev/vda"))));
  EXPECT_THAT(attempt_.log.lines, Not(Contains(HasSubstr("cannot be told"))));
}

TEST_F(StrangerTest, AnEarlierCloneIsRefusedByNameWithTheRemedy) {
  attempt_.sys.file("/devices/pci0000:00/0000:00:05.0/virtio1/block/vdb/serial", "OLD-1\n");
  looks_like(
      "DEVICE=/dev/vdb\nPTUUID=59be1427\nDEVICE=/dev/vdb1\nUUID=11111111-1111-1111-1111-111111111111\n"
      "PART_ENTRY_UUID=59be1427-01\nDEVICE=/dev/vdb5\nUUID=55555555-5555-5555-5555-555555555555\n"
      "PART_ENTRY_UUID=59be1427-05\nDEVICE=/dev/vdb6\nPART_ENTRY_UUID=59be1427-06\n");
  expect_refused(
      "vdb (8.0 GiB, serial OLD-1, pci-0000:00:05.0) bears disk identifier 59be1427 (vdb), UUID "
      "11111111-1111-1111-1111-111111111111 (vdb1), partition UUID 59be1427-01 (vdb1), UUID "
      "55555555-5555-5555-5555-555555555555 (vdb5) and 2 more: what the clone will bear, too");
}

TEST_F(StrangerTest, AWholeDiskCanBeAFileSystem) {
  looks_like("DEVICE=/dev/vdb\nUUID=11111111-1111-1111-1111-111111111111\n");
  expect_refused("bears UUID 11111111-1111-1111-1111-111111111111 (vdb): what");
}

TEST_F(StrangerTest, LettersMayBeLargeOrSmall) {
  attempt_.link = FakeLink(wire::to_json(with_gpt()));
  looks_like("DEVICE=/dev/vdb\nPTUUID=5d1c0000-1111-2222-3333-444455556666\n");
  expect_refused("disk identifier 5d1c0000-1111-2222-3333-444455556666 (vdb)");
}

TEST_F(StrangerTest, OneThatCanOnlyBeReadCounts) {
  attempt_.sys.file("/devices/pci0000:00/0000:00:05.0/virtio1/block/vdb/ro", "1\n");
  attempt_.context.target_rules.clear();  // no doubt which one is meant
  looks_like("DEVICE=/dev/vdb\nPTUUID=59be1427\n");
  expect_refused("disk identifier 59be1427 (vdb)");
}

TEST_F(StrangerTest, OneThatCanBeTakenOutCounts) {
  attempt_.sys.file("/devices/pci0000:00/0000:00:05.0/virtio1/block/vdb/removable", "1\n");
  attempt_.context.target_rules.clear();
  looks_like("DEVICE=/dev/vdb\nPTUUID=59be1427\n");
  expect_refused("disk identifier 59be1427 (vdb)");
}

TEST_F(StrangerTest, WhatHangsOrCannotBeReadIsSaidAndHoldsNothingUp) {
  EXPECT_EQ(attempt_.run(), "");
  EXPECT_THAT(attempt_.log.lines, Contains(AllOf(HasSubstr("WARNING: whether vdb (8.0 GiB, pci-0000:00:05.0) bears"),
                                                 HasSubstr("it did not end within 60 s"))));
  Attempt unread(sample());
  unread.disk("vdb", "0000:00:05.0");
  unread.context.target_rules = {"sda=name:vda"};
  unread.machine.looks["/dev/vdb"] = "DEVICE=/dev/vdb\nUNREAD\n";
  EXPECT_EQ(unread.run(), "");
  EXPECT_THAT(unread.log.lines, Contains(AllOf(HasSubstr("WARNING"), HasSubstr("cannot be told: /dev/vdb cannot be "
                                                                               "read"))));
}

TEST_F(StrangerTest, WhatCouldBeReadOfAFailingDiskCounts) {
  looks_like("DEVICE=/dev/vdb\nPTUUID=59be1427\nDEVICE=/dev/vdb1\nUNREAD\n");
  expect_refused("disk identifier 59be1427 (vdb)");
}

TEST(CloneTest, EveryWayToADiskIsClaimed) {
  Attempt attempt(sample());
  attempt.disk("vdb", "0000:00:05.0");
  for (const std::string block : {"0000:00:04.0/virtio1/block/vda", "0000:00:05.0/virtio1/block/vdb"}) {
    attempt.sys.file("/devices/pci0000:00/" + block + "/serial", "LUN-7\n");
    attempt.sys.file("/devices/pci0000:00/" + block + "/wwid", "naa.1\n");
  }
  ASSERT_EQ(attempt.run(), "");
  EXPECT_THAT(attempt.log.lines, Contains(HasSubstr("goes to vda (8.0 GiB, serial LUN-7, wwn naa.1, pci-0000:00:04.0, "
                                                    "the same disk as vdb)")));
  EXPECT_THAT(attempt.machine.calls, Contains("claim_disk /dev/vdb"));
  EXPECT_THAT(attempt.machine.calls, Not(Contains("share_disk /dev/vdb")));
  EXPECT_THAT(attempt.machine.calls, Not(Contains(HasSubstr("ka-look"))));
  EXPECT_EQ(attempt.machine.devices["/dev/vdb"].substr(0, 4), "xxxx");
}

class RefusedTest : public testing::Test {
 protected:
  // Refused, and nothing was written.
  void expect_refused(Attempt& attempt, const std::string& why) {
    EXPECT_THAT(attempt.run(), AllOf(HasSubstr(why), HasSubstr("Nothing was written")));
    EXPECT_THAT(attempt.machine.written_early, IsEmpty());
    EXPECT_FALSE(attempt.changed_a_disk());
    EXPECT_EQ(attempt.machine.boot_code(), std::string(440, 'x'));
    EXPECT_THAT(attempt.link.offered, IsEmpty());
  }
};

TEST_F(RefusedTest, AnotherDiskUnderTheNameThanWasChosen) {
  for (auto exchange : {+[](DeviceFacts& f) { f.minor = 48; }, +[](DeviceFacts& f) { f.size -= 512; },
                        +[](DeviceFacts& f) { f.sector_size = 4096; }}) {
    Attempt attempt(sample());
    exchange(attempt.machine.facts.at("/dev/vda"));
    expect_refused(attempt, "is now is not what was chosen");
    EXPECT_THAT(attempt.machine.open_disks, IsEmpty());
  }
}

TEST_F(RefusedTest, ADriverThatIsMissingMayHideAnotherDisk) {
  Attempt attempt(sample());
  attempt.doubts = {"no driver works for pci 0000:00:05.0 [1b36:0010], NVMe controller"};
  expect_refused(attempt, "no driver works for pci 0000:00:05.0 [1b36:0010]");
  Attempt named(sample());
  named.doubts = attempt.doubts;
  named.context.target_rules = {"sda=path:pci-0000:00:04.0"};
  EXPECT_EQ(named.run(), "");
}

TEST_F(RefusedTest, AMachineOfAnotherFirmware) {
  Attempt uefi(sample());
  uefi.sys.directory("/firmware/efi");
  expect_refused(uefi, "switch the firmware of this machine to legacy (BIOS, CSM) boot");
  wire::Manifest manifest = sample();
  manifest.firmware = {"uefi"};
  Attempt bios(manifest);
  expect_refused(bios, "switch the firmware of this machine to UEFI boot");
  manifest.firmware = {"bios", "uefi"};
  Attempt either(manifest);
  either.sys.directory("/firmware/efi");
  EXPECT_EQ(either.run(), "");
}

TEST_F(RefusedTest, TwoCandidateDisks) {
  Attempt attempt(sample());
  attempt.disk("vdb", "0000:00:05.0");
  expect_refused(attempt, "it could be vda or vdb");
}

TEST_F(RefusedTest, ASecondCandidateThatShowsUpLate) {
  Attempt attempt(sample());
  attempt.late_disks.push_back([&attempt] { attempt.disk("vdb", "0000:00:05.0"); });
  expect_refused(attempt, "it could be vda or vdb");
}

TEST_F(RefusedTest, ADiskTooSmallForTheFixedPartitions) {
  wire::Manifest manifest = sample();
  partition_of(manifest, "sda1").size.bytes = 9000ull << 20;
  Attempt attempt(manifest);
  expect_refused(attempt,
                 "use vda (8.0 GiB, pci-0000:00:04.0): place the partitions of the golden sda: "
                 "they need 9001 MiB, there are 8191");
}

TEST_F(RefusedTest, AFillTooSmallForItsData) {
  wire::Manifest manifest = sample();
  std::get<storage::Ext>(manifest.storage.nodes[6].what).used.bytes = 7ull << 30;
  Attempt attempt(manifest);
  expect_refused(attempt, "(/var): it holds 7.0 GiB");
}

TEST_F(RefusedTest, ARawPartitionTooSmall) {
  Attempt attempt(with_blocks(8ull << 30));
  expect_refused(attempt, "fit the golden sda6: it needs about 8.0 GiB");
}

TEST_F(RefusedTest, ARawPartitionThatWouldLieElsewhere) {
  wire::Manifest manifest = with_blocks(4);
  std::get<storage::Blocks>(manifest.storage.nodes[6].what).start = 4096 * 512;
  Attempt attempt(manifest);
  expect_refused(attempt, "copy the golden sda6 block by block: it begins at sector 4096, and here it would at ");
}

TEST_F(RefusedTest, AFileSystemThatTheKernelLacks) {
  Attempt attempt(sample());
  attempt.proc.file("/filesystems", "nodev\tproc\n");
  expect_refused(attempt, "mount ext4: this kernel has no such file system");
  EXPECT_THAT(attempt.modules, ElementsAre("fs-ext4"));
}

TEST_F(RefusedTest, AStage2WithoutATool) {
  Attempt attempt(sample());
  ASSERT_EQ(::unlink(attempt.stage2.at("/usr/sbin/sfdisk").c_str()), 0);
  expect_refused(attempt, "there is no sfdisk");
}

TEST_F(RefusedTest, ADiskThatIsMounted) {
  Attempt attempt(sample());
  attempt.proc.file("/self/mountinfo", "30 1 254:0 / /mnt rw - ext4 /dev/vda rw\n");
  expect_refused(attempt, "mounted on /mnt");
}

}  // namespace
}  // namespace ka::agent
