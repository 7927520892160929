#pragma once
/// A sink in front of another one: what comes in is a zstd stream, what goes on is what it holds.

#include <memory>
#include <string>

#include "agent/sink.h"

namespace ka::agent {

/// Whether zstd is there: in `root`, or on this machine if that is empty.
bool can_unpack(const std::string& root);

class UnpackingSink final : public Sink {
 public:
  /// `inner` must outlive it. zstd runs chrooted to `root` unless that is empty. Throws Error if it cannot run.
  UnpackingSink(asio::io_context& io, Sink& inner, const std::string& root);
  ~UnpackingSink() override;

  Awaitable<void> write(std::span<const std::byte> bytes) override;
  Awaitable<void> close() override;
  void abort() noexcept override;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::agent
