#include "wire/disk_offer.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ka::wire {

namespace {

// 64 disks with names of full length leave each 40 bytes for what is on it, in a message of 16 KiB.
constexpr std::size_t room = 15 * 1024, longest_name = 32, longest_id = 56, size_and_lengths = 8 + 5 * 2;

std::size_t bytes_of(const DiskOffer& disk) {
  return disk.golden.size() + disk.name.size() + disk.model.size() + disk.serial.size() + size_and_lengths;
}

}  // namespace

std::vector<DiskOffer> fitted(std::vector<DiskOffer> disks) {
  if (disks.size() > most_disks_offered)
    throw Error("ask to write to " + std::to_string(disks.size()) + " disks",
                "at most " + std::to_string(most_disks_offered) + " can be cloned at once");
  std::size_t left = room;
  for (DiskOffer& disk : disks) {
    disk.golden.resize(std::min(disk.golden.size(), longest_name));
    disk.name.resize(std::min(disk.name.size(), longest_name));
    disk.model.resize(std::min(disk.model.size(), longest_id));
    disk.serial.resize(std::min(disk.serial.size(), longest_id));
    left -= bytes_of(disk);
  }
  for (DiskOffer& disk : disks) disk.contents.resize(std::min(disk.contents.size(), left / disks.size()));
  return disks;
}

std::string text_of(const DiskOffer& disk) {
  if (disk.is_missing()) return "no disk in the place of " + disk.golden + "; degraded: " + disk.contents;
  std::string text = disk.name + " (";
  if (!disk.model.empty()) text += disk.model + ", ";
  if (!disk.serial.empty()) text += "serial " + disk.serial + ", ";
  text += format_size(disk.size) + ") in the place of " + disk.golden;
  return text + "; on it: " + (disk.contents.empty() ? "not known" : disk.contents);
}

}  // namespace ka::wire
