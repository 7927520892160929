#include "server/shelf/archive_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

#include "base/error.h"
#include "base/files.h"
#include "server/shelf/tar_reader.h"
#include "wire/boot/sha256.h"

namespace ka::server {

namespace {

constexpr mode_t for_its_owner = 0600;
// For the index with its header, and for the header of what fills the rest.
constexpr std::uint64_t index_room = 256 << 10;
constexpr std::uint64_t largest_index = index_room - 3 * tar_block;

std::string padding(std::uint64_t size) {
  return std::string(static_cast<std::size_t>((tar_block - size % tar_block) % tar_block), '\0');
}

std::string header(const std::string& name, std::uint64_t size) {
  return tar_header(name, '0', size, static_cast<std::int64_t>(std::time(nullptr)));
}

// What no program does anything with: a comment of POSIX's global extended header.
std::string filling(std::uint64_t size) {
  const std::uint64_t rest = size - tar_block;
  std::string record = std::to_string(rest) + " comment=";
  record.resize(static_cast<std::size_t>(rest) - 1, ' ');
  return tar_header("filling", 'g', rest, 0) + record + "\n";
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string index_that_fits(ImageIndex index) {
  const std::vector<std::string> all = index.warnings;
  std::string text = to_json(index);
  for (std::size_t kept = all.size(); text.size() > largest_index && kept > 0; text = to_json(index)) {
    kept /= 2;
    index.warnings.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(kept));
    index.warnings.push_back("and " + std::to_string(all.size() - kept) + " more warnings");
  }
  if (text.size() > largest_index) throw Error("write the index", "it is too large for an image in one file");
  return text;
}

}  // namespace

// Its header is written when its size is known. What is destroyed before is written over by the next one.
class ArchiveWriter::Member final : public NewFile {
 public:
  Member(ArchiveWriter& archive, std::string name) : archive_(archive) {
    file_.name = std::move(name);
    if (::lseek(archive_.fd_.get(), static_cast<off_t>(archive_.end_ + tar_block), SEEK_SET) < 0)
      throw Error::from_errno("write " + archive_.part_);
  }

  void write(std::string_view bytes) override {
    write_all(archive_.fd_.get(), bytes, archive_.part_);
    hash_.add(bytes);
    file_.size += bytes.size();
  }

  StoredFile commit() override {
    write_all(archive_.fd_.get(), padding(file_.size), archive_.part_);
    if (::lseek(archive_.fd_.get(), static_cast<off_t>(archive_.end_), SEEK_SET) < 0)
      throw Error::from_errno("write " + archive_.part_);
    write_all(archive_.fd_.get(), header(file_.name, file_.size), archive_.part_);
    archive_.end_ += tar_block + file_.size + padding(file_.size).size();
    file_.sha256 = boot::hexadecimal(hash_.digest());
    return file_;
  }

 private:
  ArchiveWriter& archive_;
  StoredFile file_;
  boot::Sha256 hash_;
};

ArchiveWriter::ArchiveWriter(std::string path) : path_(std::move(path)), part_(path_ + ".part"), end_(index_room) {
  make_directories(folder(), 0700);
  fd_.reset(::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, for_its_owner));
  if (!fd_.valid()) throw Error::from_errno("create " + part_);
  lock_for_saving(fd_.get(), part_, path_);
  check_own();
  if (::fchmod(fd_.get(), for_its_owner) != 0) throw Error::from_errno("chmod " + part_);
  if (::ftruncate(fd_.get(), 0) != 0) throw Error::from_errno("write " + part_);
}

// What was renamed, or has another name, while the lock was waited for is somebody's image.
void ArchiveWriter::check_own() const {
  struct stat opened {
  }, named{};
  if (::fstat(fd_.get(), &opened) != 0 || ::lstat(part_.c_str(), &named) != 0 || opened.st_dev != named.st_dev ||
      opened.st_ino != named.st_ino || opened.st_nlink != 1 || !S_ISREG(opened.st_mode))
    throw Error("save to " + path_, part_ + " is in use, or no file of its own");
}

// Never over another one that came meanwhile.
void ArchiveWriter::rename() const {
  constexpr unsigned no_replace = 1;  // RENAME_NOREPLACE
  if (::syscall(SYS_renameat2, AT_FDCWD, part_.c_str(), AT_FDCWD, path_.c_str(), no_replace) == 0) return;
  if (errno == EEXIST) throw Error("save to " + path_, "there is a file of that name by now");
  // Not every file system can.
  if (errno != EINVAL && errno != ENOSYS) throw Error::from_errno("rename to " + path_);
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0) throw Error("save to " + path_, "there is a file of that name by now");
  if (::rename(part_.c_str(), path_.c_str()) != 0) throw Error::from_errno("rename to " + path_);
}

ArchiveWriter::~ArchiveWriter() {
  if (!finished_ && fd_.valid()) ::unlink(part_.c_str());
}

std::string ArchiveWriter::folder() const { return folder_of(path_); }

std::unique_ptr<NewFile> ArchiveWriter::begin(const std::string& name) { return std::make_unique<Member>(*this, name); }

void ArchiveWriter::sync() const {
  if (::fsync(fd_.get()) != 0) throw Error::from_errno("fsync " + part_);
}

void ArchiveWriter::finish(const ImageIndex& index) {
  const std::unique_ptr<NewFile> digests = begin(image_digests);
  digests->write(digests_text(index));
  digests->commit();
  // Two empty blocks end an archive; what a file that was begun and given up has left behind them goes.
  if (::lseek(fd_.get(), static_cast<off_t>(end_), SEEK_SET) < 0) throw Error::from_errno("write " + part_);
  write_all(fd_.get(), std::string(2 * tar_block, '\0'), part_);
  if (::ftruncate(fd_.get(), static_cast<off_t>(end_ + 2 * tar_block)) != 0) throw Error::from_errno("write " + part_);
  sync();
  const std::string text = index_that_fits(index);
  std::string beginning = header(image_index, text.size()) + text + padding(text.size());
  beginning += filling(index_room - beginning.size());
  if (::lseek(fd_.get(), 0, SEEK_SET) < 0) throw Error::from_errno("write " + part_);
  write_all(fd_.get(), beginning, part_);
  sync();
  rename();
  finished_ = true;
  const UniqueFd directory(::open(folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.valid()) sync_folder(directory.get(), folder());
}

}  // namespace ka::server
