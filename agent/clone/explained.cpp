#include "agent/clone/explained.h"

#include "agent/link/server_link.h"
#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

class ExplainedSink final : public Sink {
 public:
  ExplainedSink(Work& work, std::unique_ptr<Sink> sink) : work_(work), sink_(std::move(sink)) {}

  Awaitable<void> write(std::span<const std::byte> bytes) override {
    try {
      co_await sink_->write(bytes);
    } catch (...) {
      std::rethrow_exception(with_what_is_known(work_, std::current_exception()));
    }
  }

  Awaitable<void> close() override {
    try {
      co_await sink_->close();
    } catch (...) {
      std::rethrow_exception(with_what_is_known(work_, std::current_exception()));
    }
  }

  void abort() noexcept override { sink_->abort(); }

 private:
  Work& work_;
  std::unique_ptr<Sink> sink_;
};

}  // namespace

std::vector<std::string> kernel_words(Work& work) {
  std::vector<std::string> disks;
  for (const std::string& device : work.changed) disks.push_back(device.substr(device.rfind('/') + 1));
  return work.kernel_log.errors_of(disks);
}

std::exception_ptr with_what_is_known(Work& work, std::exception_ptr failure) {
  const std::string words = joined(kernel_words(work), "; ");
  const std::string lost = work.build.lost();
  if (words.empty() && lost.empty()) return failure;
  try {
    std::rethrow_exception(failure);
  } catch (const PutOut&) {
  } catch (const ServerLost&) {
  } catch (const Error& error) {
    std::string text = error.what();
    // In front of it: what programs say of such a disk is long, and the server is told the beginning.
    if (!lost.empty() && text.find(lost) == std::string::npos) text = lost + ": " + text;
    if (!words.empty() && text.find("the kernel says: ") == std::string::npos)
      text += " (the kernel says: " + words + ")";
    return std::make_exception_ptr(Error(text));
  } catch (...) {
  }
  return failure;
}

std::unique_ptr<Sink> explained(Work& work, std::unique_ptr<Sink> sink) {
  return std::make_unique<ExplainedSink>(work, std::move(sink));
}

}  // namespace ka::agent
