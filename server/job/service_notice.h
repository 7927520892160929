#pragma once
/// Tells the service manager how a job is getting on: READY=1 when nodes can come, a line of what it does, and, as long
/// as the loop runs, that it is alive. Where ka-server was not started as a service it does nothing.

#include <memory>

#include "base/asio.h"
#include "server/job/job.h"

namespace ka::server {

class ServiceNotice final : public JobObserver {
 public:
  ServiceNotice(asio::io_context& io, unsigned wanted);
  /// Says that the end has come: STOPPING=1.
  ~ServiceNotice() override;

  void listens() override;
  void node(const NodeStatus& status) override;
  void session_started(const Session& session, unsigned round, unsigned members) override;
  void session_progress(const Session& session, const Progress& progress) override;
  void session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                     const std::vector<std::string>& warnings) override;
  void session_failed(const Session& session) override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::server
