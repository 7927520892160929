#pragma once
/// A golden machine of text: sda1 swap, sda5 /, sda6 /var, and a second drive with data; tests change it and plan.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "server/golden/paths.h"
#include "server/plan/plan.h"
#include "tests/unit/file_map.h"
#include "wire/desc.h"

namespace ka::server {

inline constexpr std::uint64_t mib = 1024 * 1024;

inline BlockDevice drive(const std::string& name, unsigned major, unsigned minor, std::uint64_t size_mib) {
  BlockDevice device;
  device.name = name;
  device.major = major;
  device.minor = minor;
  device.size = size_mib * mib;
  return device;
}

inline BlockDevice part(const std::string& disk, int number, unsigned major, unsigned minor, std::uint64_t size_mib) {
  BlockDevice device = drive(partition_name(disk, number), major, minor, size_mib);
  device.disk = disk;
  device.partition = number;
  return device;
}

/// What is mounted there, as a clone gets it.
inline const storage::Ext& mounted(const Plan& plan, const std::string& point) {
  for (const wire::Mount& mount : plan.manifest.mounts)
    if (mount.point == point) return storage::as<storage::Ext>(plan.manifest.storage.at(mount.fs));
  throw Error("nothing is mounted there", point);
}

inline std::size_t disks_of(const Plan& plan) { return storage::all<storage::Disk>(plan.manifest.storage).size(); }

class ServerPlan : public testing::Test {
 protected:
  ServerPlan() {
    golden_.host_name = "node40";
    golden_.devices = {drive("sda", 8, 0, 10000),  part("sda", 1, 8, 1, 500),  part("sda", 2, 8, 2, 0),
                       part("sda", 5, 8, 5, 5000), part("sda", 6, 8, 6, 4000), drive("sdb", 8, 16, 900),
                       part("sdb", 1, 8, 17, 800), drive("loop0", 7, 0, 24)};
    mounts(
        "26 1 8:5 / / rw shared:1 - ext4 /dev/sda5 rw\n"
        "27 26 8:6 / /var rw shared:2 - ext3 /dev/sda6 rw\n"
        "22 26 0:21 / /proc rw - proc proc rw\n"
        "23 26 0:22 / /run rw - tmpfs tmpfs rw\n"
        "28 26 7:0 / /mnt/ka ro - squashfs /dev/loop0 ro\n");
    golden_.swaps = parse_swaps("/dev/sda1 partition 511996 0 -2\n");
    golden_.tables["sda"] =
        storage::read_sfdisk(R"({"partitiontable": {"label":"dos", "id":"0x59be1427", "partitions": [
      {"node":"/dev/sda1", "start":2048, "size":1024000, "type":"82"},
      {"node":"/dev/sda2", "start":1026048, "size":19451904, "type":"5"},
      {"node":"/dev/sda5", "start":1028096, "size":10240000, "type":"83", "bootable":true},
      {"node":"/dev/sda6", "start":11270144, "size":9207808, "type":"83"}]}})");
    golden_.tables["sdb"] = storage::read_sfdisk(R"({"partitiontable": {"label":"dos", "id":"0x2", "partitions": [
      {"node":"/dev/sdb1", "start":2048, "size":1638400, "type":"83"}]}})");
    golden_.probes["sda1"] = {"swap", "5a5a", "sw", ""};
    golden_.probes["sda5"] = {"ext4", "0001", "", ""};
    golden_.probes["sda6"] = {"ext3", "0002", "var", ""};
    golden_.probes["sdb1"] = {"ext4", "0003", "data", ""};
    golden_.answers["sda5"] = ext(4096, 256, "has_journal extent");
    golden_.answers["sda6"] = ext(1024, 128, "has_journal");
    golden_.usage["/"] = {3000 * mib, 40000};
    golden_.usage["/var"] = {1000 * mib, 5000};
    golden_.usage["/data"] = {10 * mib, 50};
    golden_.boot.grub = {"/boot/grub", "grub-install", "/usr/lib/grub/i386-pc"};
    golden_.boot.grub_program = true;
    golden_.modules = {"jfs", "ata_piix"};
    files_["/boot/grub/grub.cfg"] =
        "menuentry Debian {\n  linux /boot/vmlinuz-6.1 root=UUID=0001 ro\n  initrd /boot/initrd.img-6.1\n}\n";
    files_["/boot/grub2/grub.cfg"] = files_["/boot/grub/grub.cfg"];
    files_["/etc/fstab"] = "UUID=0001 / ext4 defaults 0 1\n";
    files_["/boot/vmlinuz-6.1"] = files_["/boot/initrd.img-6.1"] = "content";
    golden_.files = files_of_map(files_);
  }

  static Answers ext(int block_size, int inode_size, const std::string& features) {
    return {{},
            "Block size: " + std::to_string(block_size) + "\nInode size: " + std::to_string(inode_size) +
                "\nFilesystem features: " + features + "\n"};
  }

  void mounts(const std::string& text) { golden_.mounts = parse_mountinfo(text); }
  void also_mounted(const std::string& line) {
    for (Mount& mount : parse_mountinfo(line)) golden_.mounts.push_back(mount);
  }
  /// The same machine with another table on sda.
  void gpt() {
    golden_.swaps.clear();
    golden_.probes.erase("sda1");
    golden_.tables["sda"] = storage::read_sfdisk(R"({"partitiontable": {"label":"gpt",
      "id":"5d1c0000-1111-2222-3333-444455556666", "firstlba":34, "lastlba":20479966, "sectorsize":512, "partitions": [
      {"node":"/dev/sda1", "start":2048, "size":2048, "type":"21686148-6449-6E6F-744E-656564454649",
       "uuid":"11111111-1111-2222-3333-444455556666"},
      {"node":"/dev/sda5", "start":1028096, "size":10240000, "type":"0FC63DAF-8483-4772-8E79-3D69D8477DE4",
       "uuid":"55555555-1111-2222-3333-444455556666", "name":"root", "attrs":"LegacyBIOSBootable GUID:60"},
      {"node":"/dev/sda6", "start":11270144, "size":9207808, "type":"0FC63DAF-8483-4772-8E79-3D69D8477DE4",
       "uuid":"66666666-1111-2222-3333-444455556666"}]}})");
  }
  void desc(const std::string& text) { input_.descs["sda"] = wire::parse_desc(text, "desc"); }
  Plan plan() { return make_plan(golden_, input_); }
  std::string refusal() {
    try {
      plan();
    } catch (const Error& error) {
      return error.what();
    }
    return "no refusal";
  }

  Golden golden_;
  PlanInput input_;
  std::map<std::string, std::string> files_;  // of the golden machine, as far as its boot is followed
};

}  // namespace ka::server
