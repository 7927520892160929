#include "agent/storage/kernel_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr std::size_t most_lines = 64, most_told = 3;

const char* const signs[] = {"I/O error",     "error, dev ",  "lost async page write", "lost sync page write",
                             "EXT4-fs error", "EXT4-fs (",    "Aborting journal",      "JBD2:",
                             "EXT2-fs (",     "rejecting I/O"};
// Of what is said about an ext file system, what is no error.
const char* const harmless[] = {"mounted filesystem", "unmounting filesystem", "re-mounted", "mounting ext",
                                "warning: mounting unchecked"};

bool has(const std::string& line, const char* text) { return line.find(text) != std::string::npos; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_error(const std::string& line) {
  auto in_line = [&line](const char* text) { return has(line, text); };
  return std::any_of(std::begin(signs), std::end(signs), in_line) &&
         std::none_of(std::begin(harmless), std::end(harmless), in_line);
}

}  // namespace

bool tells_of_error(const std::string& line, const std::string& disk) {
  if (!is_error(line)) return false;
  for (std::size_t at = 0; (at = line.find(disk, at)) != std::string::npos; at += disk.size()) {
    if (at > 0 && is_word(line[at - 1])) continue;
    // A partition's number: sda5, nvme0n1p5; "nvme0n1" is not a disk of nvme0n12.
    std::size_t end = at + disk.size();
    if (is_digit(disk.back()) && end < line.size() && is_digit(line[end])) continue;
    if (is_digit(disk.back()) && end < line.size() && line[end] == 'p') ++end;
    while (end < line.size() && is_digit(line[end])) ++end;
    if (end == line.size() || !is_word(line[end])) return true;
  }
  return false;
}

bool tells_of_lost_write(const std::string& line) {
  return (has(line, "I/O error") && has(line, "(WRITE)")) || has(line, "page write");
}

KernelLog::KernelLog(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
  if (fd_.valid()) ::lseek(fd_.get(), 0, SEEK_END);
}

void KernelLog::read_on() {
  // One record a read, "PRIORITY,NUMBER,TIME,FLAGS;TEXT\n…"; EPIPE: records were lost meanwhile.
  char record[8192];
  for (;;) {
    const ssize_t size = fd_.valid() ? ::read(fd_.get(), record, sizeof record) : 0;
    if (size < 0 && (errno == EPIPE || errno == EINTR)) continue;
    if (size <= 0) return;
    std::string text(record, static_cast<std::size_t>(size));
    text.erase(0, std::min(text.find(';'), text.size() - 1) + 1);
    text.resize(std::min(text.find('\n'), text.size()));
    if (lines_.size() < most_lines && is_error(text)) lines_.push_back(std::move(text));
  }
}

std::vector<std::string> KernelLog::errors_of(const std::vector<std::string>& disks) {
  read_on();
  std::vector<std::string> found;
  for (const std::string& line : lines_) {
    auto tells = [&line](const std::string& disk) { return tells_of_error(line, disk); };
    if (found.size() == most_told || std::none_of(disks.begin(), disks.end(), tells)) continue;
    if (std::find(found.begin(), found.end(), line) == found.end()) found.push_back(line);
  }
  return found;
}

std::uint64_t ext_errors(const std::string& sysfs, const std::string& partition) {
  return parse_unsigned(trim(read_file_if_any(sysfs + "/fs/ext4/" + partition + "/errors_count").value_or("")))
      .value_or(0);
}

}  // namespace ka::agent
