#include "agent/clone/boot_proof.h"

#include <sys/stat.h>

#include "agent/bootable/initrd.h"
#include "base/error.h"

namespace ka::agent {

boot::Files files_of(const CloneTree& clone) {
  boot::Files files;
  files.size = [&clone](const std::string& path) -> std::optional<std::uint64_t> {
    struct stat status {};
    if (::stat(clone.outside(path, true).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return static_cast<std::uint64_t>(status.st_size);
  };
  files.read = [&clone, size = files.size](const std::string& path) -> std::optional<std::string> {
    constexpr std::uint64_t largest = 16 << 20;
    const auto bytes = size(path);
    return bytes && *bytes <= largest ? clone.read(path) : std::nullopt;
  };
  files.list = [&clone](const std::string& path) { return clone.list(path); };
  return files;
}

std::vector<std::string> used_initrds(const CloneTree& clone, const wire::Manifest& manifest) {
  const boot::Files files = files_of(clone);
  std::vector<std::string> initrds;
  for (const boot::Start& start : wire::boot_starts(manifest, files))
    for (std::string& initrd : wire::trace_boot(manifest, files, start).initrds) initrds.push_back(std::move(initrd));
  return initrds;
}

Awaitable<std::string> prove_boot(const CloneTree& clone, const InitrdContents& contents, Log& log,
                                  const wire::Manifest& manifest, std::vector<std::string> modules, bool uefi) {
  const boot::Files files = files_of(clone);
  std::string summary;
  for (const boot::Start& start : wire::boot_starts(manifest, files)) {
    const boot::Trail trail = wire::trace_boot(manifest, files, start);
    log.line(" - Following the boot of this clone by " + std::string(start.uefi ? "UEFI" : "BIOS") +
             ", from what its disk holds");
    for (const boot::Link& link : trail.links) log.line("   " + link.text());
    if (!trail.boots() && start.uefi != uefi) {
      log.line(" - WARNING: that is not how this machine starts, and would not: " + trail.fault());
      continue;
    }
    if (!trail.boots()) throw Error("follow the boot of this clone", trail.fault());
    co_await prove_initrds(clone, contents, log, trail.kernel, trail.initrds, modules);
    summary = trail.summary();
  }
  co_return summary;
}

}  // namespace ka::agent
