#include "server/job/filter.h"

#include "base/piped_process.h"

namespace ka::server {

namespace {

class OwnFilter final : public Filter {
 public:
  OwnFilter(asio::io_context& io, const Command& command)
      : program_(PipedProcess::start(io, command, Process::in_pipe | Process::out_pipe)) {}

  Awaitable<void> started() override { co_return; }
  asio::posix::stream_descriptor& in() override { return program_->in(); }
  asio::posix::stream_descriptor& out() override { return program_->out(); }
  Awaitable<void> wait_for_success() override {
    auto program = program_;
    co_await program->wait_for_success();
  }
  void stop() noexcept override { program_->stop(); }

 private:
  std::shared_ptr<PipedProcess> program_;
};

}  // namespace

std::shared_ptr<Filter> own_filter(asio::io_context& io, const Command& command) {
  return std::make_shared<OwnFilter>(io, command);
}

// With --adapt zstd raises its level while its output is not taken as fast as it comes, and lowers it otherwise. Long
// matches need memory on the other side, so the window stays at what every decoder allows.
Command packing_command(const std::string& compression) {
  const bool automatic = compression == "auto";
  Command command({"zstd", "-q", "-c", "-T0", automatic ? "-1" : "-" + compression});
  if (automatic) command.argv.push_back("--adapt=min=1,max=12");
  return command;
}

Command unpacking_command() { return Command({"zstd", "-q", "-d", "-c"}); }

}  // namespace ka::server
