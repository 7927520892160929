#include "agent/bootable/initrd_content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/bootable/disk_drivers.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "wire/boot/cpio.h"

namespace ka::agent {

namespace {

// tail gives what lies behind the first archives to the unpacker. cpio has to see the end of its archive; what the
// unpacker thinks of bytes behind it is no matter.
const char* const list_packed =
    "tail -c +\"$1\" \"$2\" | \"$3\" -dc | { busybox cpio -t; found=$?; cat >/dev/null; exit $found; "
    "}";

class InitrdFile {
 public:
  explicit InitrdFile(const std::string& path) : path_(path), fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (!fd_.valid() || ::fstat(fd_.get(), &status) != 0) throw Error::from_errno("read " + path);
    size_ = static_cast<std::uint64_t>(status.st_size);
  }

  std::uint64_t size() const { return size_; }

  std::string read(std::uint64_t offset, std::size_t size) const {
    std::string bytes(size, '\0');
    std::size_t at = 0;
    while (at < size) {
      const ssize_t got = ::pread(fd_.get(), &bytes[at], size - at, static_cast<off_t>(offset + at));
      if (got < 0 && errno != EINTR) throw Error::from_errno("read " + path_);
      if (got == 0) break;
      if (got > 0) at += static_cast<std::size_t>(got);
    }
    bytes.resize(at);
    return bytes;
  }

 private:
  const std::string& path_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
};

}  // namespace

Awaitable<std::set<std::string>> modules_of_initrd(Machine& machine, std::string stage2_root, std::string path) {
  std::set<std::string> modules;
  auto add = [&modules](std::string_view name) {
    const std::string_view file = name.substr(name.rfind('/') + 1);
    if (file == "cryptsetup" || file == "systemd-cryptsetup") modules.insert(std::string(program_mark) + "cryptsetup");
    if (std::string module = module_of(name); !module.empty()) modules.insert(std::move(module));
  };
  std::string unpacker;
  std::uint64_t packed_at = 0;
  {
    const InitrdFile file(path);
    auto read = [&file](std::uint64_t offset, std::size_t size) { return file.read(offset, size); };
    packed_at = boot::walk_cpio(read, file.size(), add);
    if (file.size() == 0) throw Error("look into " + path, "it is empty");
    if (packed_at == file.size()) co_return modules;
    unpacker = boot::unpacker_of(file.read(packed_at, 8));
    if (unpacker.empty()) throw Error("look into " + path, "it is packed in a way that is not known");
  }
  Command command({"sh", "-c", list_packed, "list-initrd", std::to_string(packed_at + 1), path, unpacker});
  command.root = stage2_root;
  co_await machine.run(command, add);
  co_return modules;
}

}  // namespace ka::agent
