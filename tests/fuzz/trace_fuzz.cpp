// Any bytes in the place of a boot loader's configuration and of an initrd: a trail, or an error, and in finite time.
// The first byte says which loader reads them.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "wire/boot/cpio.h"
#include "wire/boot/trace.h"

namespace {

using namespace ka;

storage::Storage disk() {
  storage::Storage made;
  storage::Partition one;
  one.number = 1;
  storage::add_disk(made, "sda", {1 << 30, 512, ""}, {storage::Label::dos, "0x1", 0}, {one});
  storage::add_content(made, "sda1", storage::Ext{});
  return made;
}

void follow(const std::string& loader, const std::string& text) {
  static const storage::Storage storage = disk();
  boot::Files files;
  files.read = [&text](const std::string& path) -> std::optional<std::string> {
    // What is read a second time ends soon.
    return path.size() % 2 ? std::optional(text) : std::optional(text.substr(text.size() / 2));
  };
  files.size = [&text](const std::string& path) -> std::optional<std::uint64_t> {
    return path.size() % 3 ? std::optional<std::uint64_t>(text.size()) : std::nullopt;
  };
  files.list = [](const std::string&) { return std::vector<std::string>{"a.conf", "b.conf", "c.efi"}; };
  boot::Question question{files, storage, {{"sda1:fs", "/", ""}}, {}};
  question.find = [](std::string_view name) -> std::optional<storage::Id> {
    return name.size() % 2 ? std::optional<storage::Id>("sda1:fs") : std::nullopt;
  };
  const boot::Trail trail = boot::trace(question, {loader, "/boot/x", false, text});
  if (trail.boots() != (trail.fault().empty() && !trail.kernel.empty())) std::abort();
  for (const boot::Link& link : trail.links) static_cast<void>(link.text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static const std::vector<std::string> loaders = boot::known_loaders();
  follow(loaders[data[0] % loaders.size()], text);
  try {
    auto read = [&text](std::uint64_t at, std::size_t most) {
      return at < text.size() ? text.substr(static_cast<std::size_t>(at), most) : std::string();
    };
    if (boot::walk_cpio(read, text.size(), [](std::string_view) {}) > text.size()) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
