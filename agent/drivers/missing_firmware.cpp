#include "agent/drivers/missing_firmware.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "base/unique_fd.h"

namespace ka::agent {

namespace {

// What the kernel says, and Debian's kernel.
constexpr std::string_view complaints[] = {"Direct firmware load for ", "firmware: failed to load "};

// By the start of the file's name.
constexpr struct {
  std::string_view start, package;
} packages[] = {
    {"bnx2x", "firmware-bnx2x"},
    {"bnx2/", "firmware-bnx2"},
    {"bnx2-", "firmware-bnx2"},
    {"qed/", "firmware-qlogic"},
    {"phanfw", "firmware-qlogic"},
    {"rtl_nic/", "firmware-realtek"},
    {"ql2", "firmware-qlogic"},
    {"netronome/", "firmware-netronome"},
    {"liquidio/", "firmware-cavium"},
    {"myri10ge", "firmware-myricom"},
    {"tigon/", "firmware-misc-nonfree"},
    {"cxgb", "firmware-misc-nonfree"},
    {"e100/", "firmware-misc-nonfree"},
    {"3com/", "firmware-misc-nonfree"},
    {"acenic/", "firmware-misc-nonfree"},
    {"adaptec/", "firmware-misc-nonfree"},
    {"intel/ice/", "firmware-misc-nonfree"},
    {"kaweth/", "firmware-misc-nonfree"},
    {"mellanox/", "firmware-misc-nonfree"},
    {"slicoss/", "firmware-misc-nonfree"},
    {"sun/", "firmware-misc-nonfree"},
    {"tehuti/", "firmware-misc-nonfree"},
};

}  // namespace

std::string firmware_package(std::string_view file) {
  for (const auto& p : packages)
    if (file.starts_with(p.start)) return std::string(p.package);
  return "";
}

std::string MissingFirmware::text() const {
  const std::string package = firmware_package(file);
  return "its firmware is not in all.rdz: " + file + (package.empty() ? "" : " (Debian's package " + package + ")");
}

std::vector<MissingFirmware> parse_missing_firmware(std::string_view kernel_log) {
  std::vector<MissingFirmware> list;
  for (std::string_view line : split(kernel_log, '\n')) {
    for (std::string_view complaint : complaints) {
      auto at = line.find(complaint);
      if (at == std::string_view::npos) continue;
      MissingFirmware missing;
      auto rest = line.substr(at + complaint.size());
      missing.file = rest.substr(0, rest.find(' '));
      // "bnx2 0000:02:00.0: " stands before it, perhaps with an interface's name.
      for (std::string_view word : words(line.substr(0, at))) {
        std::string_view place = word.substr(0, word.size() - word.ends_with(':'));
        if (std::count(place.begin(), place.end(), ':') >= 1 || place.find('-') != std::string_view::npos)
          missing.device = place;
      }
      auto same = [&missing](const MissingFirmware& other) {
        return other.file == missing.file && other.device == missing.device;
      };
      if (std::none_of(list.begin(), list.end(), same)) list.push_back(std::move(missing));
    }
  }
  return list;
}

std::string read_kernel_log() {
  std::string log;
  UniqueFd fd(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return log;
  char record[8192];  // each read gives one: "6,339,5140900,-;TEXT\n KEY=value\n…"
  for (;;) {
    const ssize_t size = ::read(fd.get(), record, sizeof record);
    if (size < 0 && (errno == EINTR || errno == EPIPE)) continue;  // EPIPE: the oldest ones were overwritten
    if (size <= 0) return log;
    std::string_view text(record, static_cast<std::size_t>(size));
    text.remove_prefix(std::min(text.find(';') + 1, text.size()));
    log += std::string(text.substr(0, text.find('\n'))) + "\n";
  }
}

}  // namespace ka::agent
