#include "base/open_files.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>

#include "base/files.h"

namespace ka {

namespace {

bool close_between([[maybe_unused]] unsigned first, [[maybe_unused]] unsigned last) {
#ifdef SYS_close_range
  return first > last || ::syscall(SYS_close_range, first, last, 0) == 0;
#else
  return false;
#endif
}

}  // namespace

void close_all_but(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned next = 0;
  bool closed = true;
  for (const int fd : kept) {
    if (fd < 0) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > next) closed = closed && close_between(next, number - 1);
    next = number + 1;
  }
  if (closed && close_between(next, UINT_MAX)) return;
  // Linux before 5.9. By what is open: a limit of open files may be so high that closing all numbers takes seconds.
  std::vector<int> open;
  for (const std::string& name : list_directory("/proc/self/fd")) open.push_back(std::atoi(name.c_str()));
  constexpr int enough = 65536;
  const bool without_proc = open.empty();
  for (int fd = 0; without_proc && fd < enough; ++fd) open.push_back(fd);
  for (const int fd : open)
    if (!std::binary_search(kept.begin(), kept.end(), fd)) ::close(fd);
}

}  // namespace ka
