#include "agent/storage/kinds.h"

namespace ka::agent {

namespace {

using storage::F2fs;

std::vector<Command> make(const Job& job) {
  const F2fs& f2fs = storage::as<F2fs>(job.node);
  std::vector<std::string> argv = {
      "mkfs.f2fs", "-q", "-f", "-s", std::to_string(f2fs.segments), "-z", std::to_string(f2fs.sections)};
  std::string features;
  for (const std::string& word : f2fs.features) {
    features += (features.empty() ? "" : ",") + word;
    if (word == "casefold") argv.insert(argv.end(), {"-C", f2fs.encoding_flags & 1 ? "utf8:strict" : "utf8"});
  }
  if (!features.empty()) argv.insert(argv.end(), {"-O", features});
  if (!f2fs.uuid.empty()) argv.insert(argv.end(), {"-U", f2fs.uuid});
  if (!f2fs.label.empty()) argv.insert(argv.end(), {"-l", f2fs.label});
  argv.push_back(job.device);
  return {Command(std::move(argv))};
}

std::string mount_type(const storage::Node&) { return "f2fs"; }
std::string mount_data(const storage::Node&, const std::string& options, bool) { return options; }

}  // namespace

const Maker f2fs_maker = {
    .programs = {"mkfs.f2fs"}, .longest_label = 255, .make = make, .mount_type = mount_type, .mount_data = mount_data};

}  // namespace ka::agent
