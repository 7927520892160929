#include "base/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "base/error.h"
#include "server/job/display.h"

namespace ka::server {
namespace {

using namespace std::chrono_literals;

// What `fd` gives until its end, or until `text` is in it.
std::string read_until(int fd, const std::string& text) {
  std::string got;
  char room[4096];
  for (pollfd wanted{fd, POLLIN, 0}; got.find(text) == std::string::npos && ::poll(&wanted, 1, 20000) > 0;) {
    const ssize_t size = ::read(fd, room, sizeof room);
    if (size <= 0) break;
    got.append(room, static_cast<std::size_t>(size));
  }
  return got;
}

class OutputTest : public testing::Test {
 protected:
  OutputTest() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  void fill(Output& out, int lines) {
    for (int i = 0; i < lines; ++i) out.write("line " + std::to_string(i) + " " + std::string(80, '.') + "\n");
  }

  asio::io_context io;
  UniqueFd reader, writer;
};

TEST_F(OutputTest, AllOfItArrivesInOrder) {
  {
    Output out(io, writer.get());
    out.write("one\n");
    out.write("two\n");
  }
  writer.reset();
  EXPECT_EQ(read_until(reader.get(), "no such text"), "one\ntwo\n");
}

TEST_F(OutputTest, APipeThatNobodyReadsIsNotWaitedFor) {
  Output out(io, writer.get());
  fill(out, 10000);  // 900 KiB, and this returns
  EXPECT_FALSE(out.idle());
  writer.reset();
  // Read now: what was kept, and then how many lines were not.
  std::string got;
  asio::posix::stream_descriptor pipe(io, reader.release());
  auto read = [&]() -> Awaitable<void> {
    char room[65536];
    auto buffer = asio::buffer(room);
    while (got.find("nobody took them\n") == std::string::npos) {
      auto [error, size] = co_await pipe.async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      got.append(room, size);
    }
  };
  asio::co_spawn(io, read, asio::detached);
  io.run_for(20s);
  EXPECT_EQ(got.rfind("line 0 .", 0), 0u);
  const std::size_t at = got.rfind("\n... ");
  ASSERT_NE(at, std::string::npos);
  const long dropped = std::atol(got.c_str() + at + 5);
  EXPECT_EQ(std::count(got.begin(), got.end(), '\n') + dropped, 10000 + 1);
}

TEST_F(OutputTest, WhatIsLeftAtTheEndOutlivesIt) {
  {
    Output out(io, writer.get());
    fill(out, 2000);  // more than the pipe holds
    out.write("the end\n");
  }
  writer.reset();
  EXPECT_NE(read_until(reader.get(), "the end").find("the end"), std::string::npos);
}

TEST_F(OutputTest, AReaderThatIsGoneIsNoTrouble) {
  std::signal(SIGPIPE, SIG_IGN);  // as main() does
  reader.reset();
  Output out(io, writer.get());
  for (int i = 0; i < 1000 && !out.closed(); ++i) {
    out.write("x\n");
    ::usleep(1000);
  }
  EXPECT_TRUE(out.closed());
  out.write("more\n");
}

class TerminalTest : public testing::Test {
 protected:
  TerminalTest() {
    ::setenv("TERM", "xterm", 1);
    ::unsetenv("NO_COLOR");
    int ends[2];
    EXPECT_EQ(::openpty(&ends[0], &ends[1], nullptr, nullptr, nullptr), 0);
    screen.reset(ends[0]);
    terminal.reset(ends[1]);
  }
  void set_size(unsigned short columns, unsigned short rows) {
    winsize size{rows, columns, 0, 0};
    ::ioctl(screen.get(), TIOCSWINSZ, &size);
  }
  // All that a display with one node wrote.
  std::string shown(NodeStatus::State state = NodeStatus::State::waiting) {
    {
      Output out(io, terminal.get());
      Display display(io, out, 2);
      NodeStatus node;
      node.address = "10.0.1.35";
      node.state = state;
      display.node(node);
      display.event("hello");
      display.close();
      out.write("the end\n");
    }
    return read_until(screen.get(), "the end");
  }

  asio::io_context io;
  UniqueFd screen, terminal;
};

TEST_F(TerminalTest, ASerialLineWithoutASizeShowsTheNodes) {
  set_size(0, 0);
  const std::string text = shown();
  EXPECT_NE(text.find("10.0.1.35  waiting"), std::string::npos) << text;
  EXPECT_NE(text.find("Waiting for nodes: 1 here, 0 done, 2 wanted"), std::string::npos) << text;
}

TEST_F(TerminalTest, LinesOfTheLogHaveTheTimeOfDay) {
  const std::string text = shown();
  const std::size_t at = text.find(" hello");
  ASSERT_TRUE(at != std::string::npos && at >= 8) << text;
  EXPECT_EQ(text[at - 3], ':');
  EXPECT_EQ(text[at - 6], ':');
}

TEST_F(TerminalTest, ADumbTerminalGetsNoEscapes) {
  ::setenv("TERM", "dumb", 1);
  EXPECT_EQ(shown().find('\x1b'), std::string::npos);
  ::setenv("TERM", "xterm", 1);
  EXPECT_NE(shown().find('\x1b'), std::string::npos);
}

// no-color.org: what is empty does not count, and only the colours go.
TEST_F(TerminalTest, NoColorLeavesOutColoursAndNothingElse) {
  constexpr const char* green = "\x1b[32m";
  EXPECT_NE(shown(NodeStatus::State::done).find(green), std::string::npos);
  ::setenv("NO_COLOR", "", 1);
  EXPECT_NE(shown(NodeStatus::State::done).find(green), std::string::npos);
  ::setenv("NO_COLOR", "1", 1);
  const std::string plain = shown(NodeStatus::State::done);
  EXPECT_EQ(plain.find(green), std::string::npos);
  EXPECT_NE(plain.find("10.0.1.35  done\x1b[K"), std::string::npos) << plain;
  ::unsetenv("NO_COLOR");
}

// A terminal that became narrow has wrapped the old rows: where they are nobody knows.
TEST_F(TerminalTest, AResizeLeavesNoOldCopies) {
  set_size(100, 24);
  {
    Output out(io, terminal.get());
    Display display(io, out, 2);
    display.event("hello");
    io.run_for(50ms);
    set_size(30, 24);
    ::raise(SIGWINCH);
    io.run_for(1s);
    out.write("the end\n");
  }
  const std::string text = read_until(screen.get(), "the end");
  const std::size_t cleared = text.rfind("\x1b[H\x1b[J");
  ASSERT_NE(cleared, std::string::npos) << text;
  const std::string screenful = text.substr(cleared, text.find("the end") - cleared);
  auto count = [&](const std::string& what) {
    unsigned times = 0;
    for (std::size_t at = 0; (at = screenful.find(what, at)) != std::string::npos; ++at) ++times;
    return times;
  };
  EXPECT_EQ(count(" hello"), 1u) << screenful;
  EXPECT_EQ(count("Waiting for nodes"), 1u) << screenful;
}

// Ctrl-S: what is written to it waits.
TEST_F(TerminalTest, AStoppedTerminalStopsNothing) {
  ASSERT_EQ(::tcflow(terminal.get(), TCOOFF), 0);
  Output out(io, terminal.get());
  Display display(io, out, 1);
  int ticks = 0;
  asio::steady_timer timer(io);
  auto tick = [&]() -> Awaitable<void> {
    for (; ticks < 1000; ++ticks) {
      NodeStatus node;
      node.address = "10.0.1.35";
      node.sunk = static_cast<std::uint64_t>(ticks);
      display.node(node);
      display.event("something happened");
      timer.expires_after(1ms);
      co_await timer.async_wait(asio::use_awaitable);
    }
    io.stop();
  };
  asio::co_spawn(io, tick, asio::detached);
  io.run_for(60s);
  EXPECT_EQ(ticks, 1000);
  ASSERT_EQ(::tcflow(terminal.get(), TCOON), 0);
}

}  // namespace
}  // namespace ka::server
