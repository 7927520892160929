#include "server/command/run_task.h"

namespace ka::server {

void run_task(asio::io_context& io, Awaitable<void> task) {
  std::exception_ptr failure;
  auto ended = [&](std::exception_ptr error) {
    failure = error;
    io.stop();
  };
  asio::co_spawn(io, std::move(task), ended);
  io.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace ka::server
