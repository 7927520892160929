#include "server/job/source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using namespace std::chrono_literals;

class FileSourceTest : public testing::Test {
 protected:
  FileSourceTest() { reap_children(io_); }

  // All that it gives; its error is thrown.
  std::string read(const std::string& path) { return read(file_source(io_, path)); }
  std::string read(std::unique_ptr<Source> source) {
    std::string got;
    std::exception_ptr failure;
    auto work = [&]() -> Awaitable<void> {
      std::vector<std::byte> room(100000);
      std::span<std::byte> space(room);
      for (;;) {
        const std::size_t size = co_await source->read(space);
        if (size == 0) break;
        got.append(reinterpret_cast<const char*>(room.data()), size);
      }
      co_await source->finish();
    };
    auto ended = [&](std::exception_ptr error) {
      failure = error;
      io_.stop();
    };
    io_.restart();
    asio::co_spawn(io_, work, ended);
    io_.run_for(60s);
    if (failure) std::rethrow_exception(failure);
    return got;
  }
  std::string failure_of(const std::string& path) {
    try {
      read(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  static std::string check_failure(const std::string& path) {
    try {
      check_file_source(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }

  asio::io_context io_;
  Scratch scratch_;
};

TEST_F(FileSourceTest, EveryByteOfAFile) {
  std::string content;
  for (int i = 0; i < 300000; ++i) content += std::to_string(i);
  write_file(scratch_.at("/file"), content);
  EXPECT_EQ(check_file_source(scratch_.at("/file")), content.size());
  EXPECT_EQ(read(scratch_.at("/file")), content);
  write_file(scratch_.at("/empty"), "");
  EXPECT_EQ(read(scratch_.at("/empty")), "");
}

TEST_F(FileSourceTest, WhatCannotBeSplicedIsReadAllTheSame) { EXPECT_EQ(read("/proc/self/mountinfo").empty(), false); }

TEST_F(FileSourceTest, WhatCannotBeReadIsSaidBeforeAnybodyWaits) {
  EXPECT_EQ(check_failure("/no/such/file"), "open /no/such/file: No such file or directory");
  EXPECT_EQ(check_failure("/tmp").rfind("open /tmp: it is a directory", 0), 0u);
  EXPECT_EQ(failure_of("/no/such/file"), "open /no/such/file: No such file or directory");
}

// Nobody writes for a while, and the loop goes on.
TEST_F(FileSourceTest, ASilentFifoStopsNothing) {
  const std::string fifo = scratch_.at("/fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(check_file_source(fifo), 0u);
  int ticks = 0;
  asio::steady_timer timer(io_);
  auto tick = [&]() -> Awaitable<void> {
    while (++ticks < 20) {
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    UniqueFd writer;
    while (!writer.valid()) {  // until the reader has opened it
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::use_awaitable);
      writer.reset(::open(fifo.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    }
    (void)!::write(writer.get(), "late\n", 5);
  };
  asio::co_spawn(io_, tick, asio::detached);
  EXPECT_EQ(read(fifo), "late\n");
  EXPECT_EQ(ticks, 20);
}

TEST_F(FileSourceTest, ExtentsAreReadWithTheirPlaces) {
  scratch_.file("/disk", "0123456789");
  auto read_extents = [this](std::vector<wire::Extent> extents) {
    ExtentsToRead what{std::move(extents), false};
    auto find = [what]() -> Awaitable<ExtentsToRead> { co_return what; };
    return read(extents_source(io_, scratch_.at("/disk"), 10, find));
  };
  EXPECT_EQ(read_extents({{2, 3}, {9, 1}}),
            wire::extent_header({2, 3}) + "234" + wire::extent_header({9, 1}) + "9" + wire::extents_end(10));
  EXPECT_EQ(read_extents({}), wire::extents_end(10));
  EXPECT_THROW(read_extents({{8, 3}}), Error);
  auto refuse = []() -> Awaitable<ExtentsToRead> {
    throw Error("copy /dev/sda2", "Windows hibernates on it");
    co_return ExtentsToRead();
  };
  EXPECT_THROW(read(extents_source(io_, scratch_.at("/disk"), 10, refuse)), Error);
}

}  // namespace
}  // namespace ka::server
