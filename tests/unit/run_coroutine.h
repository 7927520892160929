#pragma once
/// A fixture for what runs under Asio: one coroutine at a time, to its end.

#include <gtest/gtest.h>

#include "base/asio.h"
#include "base/error.h"
#include "base/process.h"

namespace ka {

class CoroutineTest : public testing::Test {
 protected:
  CoroutineTest() { reap_children(io_); }

  /// What the coroutine returns; what it throws fails the test, or is returned by error_of.
  template <typename T>
  T get(Awaitable<T> task) {
    auto result = asio::co_spawn(io_, std::move(task), asio::use_future);
    while (result.wait_for(std::chrono::seconds(0)) != std::future_status::ready) io_.run_one();
    return result.get();
  }

  template <typename T>
  std::string error_of(Awaitable<T> task) {
    try {
      get(std::move(task));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  asio::io_context io_;
};

}  // namespace ka
