#pragma once
/// In front of another sink: unpacks those chunks of a stream that are packed, and passes the others on as they are.

#include <memory>
#include <string>

#include "agent/machine/sink.h"

namespace ka::agent {

/// Whether zstd is there: in `root`, or on this machine if that is empty.
bool can_unpack(const std::string& root);

class UnpackingSink final : public Sink {
 public:
  /// `inner` must outlive it. zstd runs chrooted to `root` unless that is empty.
  UnpackingSink(asio::io_context& io, Sink& inner, const std::string& root);
  ~UnpackingSink() override;

  /// Packed bytes. Those without plain ones in between are one zstd stream. Throws Error if zstd cannot run.
  Awaitable<void> write_packed(std::span<const std::byte> bytes);
  Awaitable<void> write(std::span<const std::byte> bytes) override;
  Awaitable<void> close() override;
  void abort() noexcept override;

  /// Bytes that the inner sink got.
  std::uint64_t passed_on() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace ka::agent
