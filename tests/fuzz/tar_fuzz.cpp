// Any bytes in the place of an image's archive of files: what is told of a file lies in it, in order, however the
// archive is cut. Check sums are made right first, since nobody guesses one.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "server/shelf/tar_reader.h"

namespace {

using namespace ka::server;

class Listener final : public TarReader::Listener {
 public:
  void entry(const TarEntry& entry) override {
    if (entry.path.empty() || entry.path[0] != '/') std::abort();
    size_ = entry.size;
    end_ = 0;
    told += entry.path + '\n' + entry.target + '\n' + std::to_string(entry.size) + std::to_string(entry.mtime);
  }
  void content(std::uint64_t offset, std::string_view bytes) override {
    if (offset < end_ || offset > size_ || bytes.size() > size_ - offset) std::abort();
    for (std::size_t i = 0; i < bytes.size(); ++i) told += std::to_string(offset + i) + bytes[i];
    end_ = offset + bytes.size();
  }
  void entry_ended() override { told += "end\n"; }

  std::string told;

 private:
  std::uint64_t size_ = 0, end_ = 0;
};

std::string read(std::string_view archive, std::size_t step) {
  Listener listener;
  try {
    TarReader reader(listener);
    for (; !archive.empty(); archive.remove_prefix(std::min(step, archive.size())))
      reader.take(archive.substr(0, step));
    reader.finish();
    listener.told += "whole";
  } catch (const ka::Error&) {
  }
  return listener.told;
}

// A block that says it is a header becomes a right one.
void set_check_sum(char* block) {
  constexpr std::size_t at = 148, size = 8;
  if (std::string_view(block + 257, 5) != "ustar") return;
  unsigned sum = size * ' ';
  for (std::size_t i = 0; i < tar_block; ++i)
    if (i < at || i >= at + size) sum += static_cast<unsigned char>(block[i]);
  for (std::size_t i = at + size - 2; i-- > at; sum >>= 3) block[i] = static_cast<char>('0' + (sum & 7));
  block[at + size - 2] = '\0';
  block[at + size - 1] = ' ';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string archive(reinterpret_cast<const char*>(data), size);
  for (std::size_t at = 0; at + tar_block <= archive.size(); at += tar_block) set_check_sum(archive.data() + at);
  if (read(archive, 1) != read(archive, 4096)) std::abort();
  return 0;
}
