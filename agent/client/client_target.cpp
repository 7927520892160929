#include "agent/client/client_target.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"

namespace ka::agent {

namespace {

constexpr const char* standard_output = "standard output";

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

// A name in /dev that is not there (any more) is a device that is not there, not a file to be made: RAM would fill up,
// and the stream would be gone.
void check_new_file(const std::string& path) {
  const std::string doing = "make the file " + path, folder = folder_of(path);
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(folder.c_str(), nullptr), &::free);
  if (!real) throw Error::from_errno(doing);
  const std::string where = std::string(real.get()) + "/";
  if (where.starts_with("/dev/") && !where.starts_with("/dev/shm/"))
    throw Error("open " + path, "there is no such device");
  if (::access(folder.c_str(), W_OK | X_OK) != 0) throw Error::from_errno(doing);
}

}  // namespace

/// Counts what another sink takes.
class ClientTarget::Counting final : public Sink {
 public:
  Counting(ClientTarget& target, std::unique_ptr<Sink> inner) : target_(target), inner_(std::move(inner)) {}

  Awaitable<void> write(std::span<const std::byte> bytes) override {
    if (!target_.can_go_back_) target_.spent_ = true;
    co_await inner_->write(bytes);
    target_.taken_ += bytes.size();
  }
  Awaitable<void> close() override { co_await inner_->close(); }
  void abort() noexcept override { inner_->abort(); }

 private:
  ClientTarget& target_;
  std::unique_ptr<Sink> inner_;
};

ClientTarget::ClientTarget(asio::io_context& io, std::string command, std::string file, OnLine on_line)
    : io_(io), command_(std::move(command)), path_(std::move(file)), on_line_(std::move(on_line)) {
  if (!command_.empty()) return;
  if (!path_.empty()) {
    open_file();
    return;
  }
  can_go_back_ = false;
  file_.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  if (!file_.valid()) throw Error::from_errno(std::string("use ") + standard_output);
}

void ClientTarget::open_file() {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    if (errno != ENOENT) throw Error::from_errno("open " + path_);
    return check_new_file(path_);
  }
  can_go_back_ = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
  if (S_ISFIFO(status.st_mode)) return;  // to open it is to wait for its reader
  // Nobody else may have a device: a file system that is mounted from it, swap, RAID.
  const int alone = S_ISBLK(status.st_mode) ? O_EXCL : 0;
  file_.reset(::open(path_.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | alone));
  if (!file_.valid() && errno == EBUSY)
    throw Error("open " + path_, "it is in use: mounted, swap, or held by RAID, LVM or another program");
  if (!file_.valid()) throw Error::from_errno("open " + path_);
  struct stat opened {};
  if (::fstat(file_.get(), &opened) != 0 || (opened.st_mode & S_IFMT) != (status.st_mode & S_IFMT))
    throw Error("open " + path_, "it has become something else meanwhile");
}

std::unique_ptr<Sink> ClientTarget::bare_sink() {
  if (!command_.empty()) {
    Command command({"sh", "-c", command_});
    for (const char* name : {"PATH", "HOME"}) {
      if (const char* value = ::getenv(name)) command.environment.push_back(std::string(name) + "=" + value);
    }
    return std::make_unique<CommandSink>(io_, command, on_line_);
  }
  if (!file_.valid()) return std::make_unique<FileSink>(io_, path_);
  UniqueFd copy(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 3));
  const std::string name = path_.empty() ? standard_output : path_;
  if (!copy.valid()) throw Error::from_errno("use " + name);
  return std::make_unique<FileSink>(io_, std::move(copy), name,
                                    can_go_back_ ? FileSink::From::start : FileSink::From::here);
}

std::unique_ptr<Sink> ClientTarget::sink() {
  taken_ = 0;
  return std::make_unique<Counting>(*this, bare_sink());
}

}  // namespace ka::agent
