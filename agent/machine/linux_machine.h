#pragma once
/// The Machine that this program runs on.

#include <map>
#include <memory>

#include "agent/machine/machine.h"
#include "base/unique_fd.h"

namespace ka::agent {

/// Needs root. Paths are this process's own; every failure is an Error that names the path or the program.
class LinuxMachine : public Machine {
 public:
  explicit LinuxMachine(asio::io_context& io) : io_(io) {}

  Awaitable<void> run(const Command& command, std::function<void(std::string_view)> line) override;
  Awaitable<std::string> output_of(const Command& command) override;
  std::unique_ptr<Sink> command_sink(const Command& command, std::function<void(std::string_view)> line) override;
  std::unique_ptr<Sink> device_sink(const std::string& path, std::uint64_t size) override;
  void mount(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
             const std::string& data) override;
  void bind(const std::string& source, const std::string& target) override;
  void unmount(const std::string& target) override;
  void watch_writes(const std::string& target, const std::string& device) override;
  Awaitable<void> write_back(const std::string& target) override;
  Awaitable<void> finish_writes(const std::string& device) override;
  void release(const std::string& device) override { devices_.erase(device); }
  void make_directories(const std::string& path, mode_t mode) override;
  void write_file(const std::string& path, std::string_view content, mode_t mode) override;
  void remove_file(const std::string& path) override;
  void remove_directory(const std::string& path) override;
  void rename(const std::string& from, const std::string& to) override;
  void make_socket(const std::string& path) override;
  void set_owner(const std::string& path, std::uint32_t uid, std::uint32_t gid) override;
  void set_mode(const std::string& path, mode_t mode) override;
  void set_mtime(const std::string& path, std::int64_t seconds, std::uint32_t nanoseconds) override;
  void set_attribute(const std::string& path, const std::string& name, const std::string& value) override;
  void set_inode_flags(const std::string& path, std::uint32_t flags, std::uint32_t project) override;
  DeviceFacts claim_disk(const std::string& path) override;
  void share_disk(const std::string& path) override;
  void close_disks() noexcept override;
  void write_device(const std::string& path, std::uint64_t offset, std::string_view bytes) override;
  std::string read_device(const std::string& path, std::uint64_t offset, std::size_t size) override;
  void reread_partitions(const std::string& path) override;

 private:
  Command limited(Command command) const;
  const UniqueFd& disk(const std::string& path) const;

  asio::io_context& io_;
  std::map<std::string, UniqueFd> disks_;  // by path
  // Opened before the first write: the kernel tells each descriptor of the errors since it was opened.
  std::map<std::string, std::shared_ptr<UniqueFd>> file_systems_, devices_;
};

}  // namespace ka::agent
