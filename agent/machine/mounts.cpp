#include "agent/machine/mounts.h"

#include <algorithm>
#include <optional>

#include "base/error.h"

namespace ka::agent {

void Mounts::mount(const std::string& source, const std::string& target, const std::string& type, unsigned long flags,
                   const std::string& data) {
  machine_.mount(source, target, type, flags, data);
  targets_.push_back(target);
}

void Mounts::mount_disk(const std::string& device, const std::string& target, const std::string& type,
                        unsigned long flags, const std::string& data) {
  mount(device, target, type, flags, data);
  disks_.push_back(target);
  of_disks_ = targets_.size();
  machine_.watch_writes(target, device);
}

void Mounts::unmount(const std::string& target) {
  machine_.unmount(target);
  auto place = std::find(targets_.begin(), targets_.end(), target);
  if (place - targets_.begin() < static_cast<std::ptrdiff_t>(of_disks_)) --of_disks_;
  targets_.erase(place);
  std::erase(disks_, target);
}

void Mounts::bind(const std::string& source, const std::string& target) {
  machine_.bind(source, target);
  targets_.push_back(target);
  of_disks_ = targets_.size();
}

void Mounts::unmount_others() { unmount_down_to(of_disks_); }

void Mounts::unmount_all() {
  disks_.clear();
  of_disks_ = 0;
  unmount_down_to(0);
}

void Mounts::unmount_down_to(std::size_t number) {
  std::exception_ptr first;
  std::vector<std::string> left;
  while (targets_.size() > number) {
    std::string target = std::move(targets_.back());
    targets_.pop_back();
    try {
      machine_.unmount(target);
    } catch (const Error&) {
      if (!first) first = std::current_exception();
      left.insert(left.begin(), std::move(target));
    }
  }
  targets_.insert(targets_.end(), left.begin(), left.end());
  if (first) std::rethrow_exception(first);
}

Awaitable<void> Mounts::give_up() {
  // A program that was killed keeps its files open until the kernel has torn it down; there is no event for the
  // moment a mount becomes free.
  constexpr int tries = 500;
  for (int i = 0; i < tries; ++i) {
    std::string why;
    try {
      unmount_all();
      co_return;
    } catch (const std::exception& error) {
      why = error.what();
    }
    if (i + 1 == tries) log_.line(" - Still mounted: " + why);
    asio::steady_timer pause(io_, std::chrono::milliseconds(10));
    co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace ka::agent
