#include "server/pxe/uefi_ramdisk.h"

#include <exception>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/temporary_folder.h"
#include "server/golden/programs.h"

namespace ka::server {

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// `files` and folders, with all in them, go to the top of the file system that is made on `image`.
Awaitable<void> fill(asio::io_context& io, std::string image, std::set<std::string> files) {
  const Command format({"mformat", "-i", image, "-v", "KA", "::"});
  co_await run_checked(io, format);
  std::vector<std::string> words{"mcopy", "-i", image, "-s"};
  words.insert(words.end(), files.begin(), files.end());
  words.emplace_back("::");
  const Command copy(std::move(words));
  co_await run_checked(io, copy);
}

}  // namespace

std::string uefi_ramdisk(const std::vector<std::pair<std::string, std::string>>& files) {
  extend_path();
  require_programs({"mformat", "mcopy"});
  const TemporaryFolder folder("/tmp/ka-uefi.XXXXXX");
  const std::string tree = folder.path() + "/tree", image = folder.path() + "/image";
  std::size_t size = 0;
  std::set<std::string> tops;
  for (const auto& [name, content] : files) {
    const std::string path = tree + "/" + name;
    make_directories(path.substr(0, path.rfind('/')));
    write_file(path, content);
    tops.insert(tree + "/" + name.substr(0, name.find('/')));
    size += content.size();
  }
  write_file(image, "");
  // Room for the file system's own tables, in whole MiB.
  std::filesystem::resize_file(image, (size / mebibyte + 3) * mebibyte);

  asio::io_context io;
  reap_children(io);
  std::exception_ptr failure;
  asio::co_spawn(io, fill(io, image, tops), [&](std::exception_ptr error) {
    failure = std::move(error);
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return read_file(image, std::size_t{1} << 30);
}

}  // namespace ka::server
