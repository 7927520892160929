#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include "agent/boot/console_log.h"
#include "agent/boot/log_server.h"
#include "base/files.h"

namespace ka::agent {
namespace {

using asio::ip::tcp;

class NodeLogTest : public testing::Test {
 protected:
  NodeLogTest() {
    char path[] = "/tmp/ka-log-XXXXXX";
    directory_ = ::mkdtemp(path);
  }
  ~NodeLogTest() override {
    for (const std::string& name : list_directory(directory_)) ::unlink((directory_ + "/" + name).c_str());
    ::rmdir(directory_.c_str());
  }
  std::string at(const std::string& name) const { return directory_ + "/" + name; }

  /// Runs until `done`; the limit is only for a test that fails.
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!done() && std::chrono::steady_clock::now() < end) io_.run_one_for(std::chrono::milliseconds(100));
    ASSERT_TRUE(done());
  }
  tcp::socket connect(const LogServer& server) {
    tcp::socket socket(io_);
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), server.port()));
    return socket;
  }
  /// Collects what the socket gives.
  void follow(tcp::socket& socket, std::string& text, bool& ended) {
    auto buffer = std::make_shared<std::array<char, 4096>>();
    auto bytes = asio::buffer(*buffer);
    socket.async_read_some(bytes, [this, buffer, &socket, &text, &ended](auto error, std::size_t size) {
      text.append(buffer->data(), size);
      ended = static_cast<bool>(error);
      if (!error) follow(socket, text, ended);
    });
  }

  std::string directory_;
  asio::io_context io_;
  ConsoleLog log_{io_};
};

TEST_F(NodeLogTest, TheFileHasAlsoWhatCameBeforeIt) {
  log_.line("first");
  log_.open_file(at("log"));
  log_.line("bad\x1b[2J\rbytes");
  log_.rename_file(at("ka_log-10.0.1.35"));
  log_.line("last");
  EXPECT_EQ(read_file(at("ka_log-10.0.1.35")), "first\nbad\\x1b[2J\\x0dbytes\nlast\n");
}

TEST_F(NodeLogTest, NoControlCharacterOfAnyKindComesThrough) {
  log_.open_file(at("log"));
  log_.line(
      "\x9b"
      "2J \xc2\x9b"
      "2J \xc2\x85 \xc2\x80 \x7f");  // CSI as one byte and as UTF-8, NEL, …
  log_.line(
      "Gr\xc3\xbc\xc3\x9f"
      "e \xe2\x82\xac \xf0\x9f\x90\xa7");  // letters, a sign, a picture
  log_.line("\xc3 \xe2\x82 \xc0\x9b \xe0\x82\x9b \xed\xa0\x80 \xff \x80");
  EXPECT_EQ(read_file(at("log")),
            "\\x9b2J \\xc2\\x9b2J \\xc2\\x85 \\xc2\\x80 \\x7f\n"
            "Gr\xc3\xbc\xc3\x9f"
            "e \xe2\x82\xac \xf0\x9f\x90\xa7\n"
            "\\xc3 \\xe2\\x82 \\xc0\\x9b \\xe0\\x82\\x9b \\xed\\xa0\\x80 \\xff \\x80\n");
}

TEST_F(NodeLogTest, AConsoleThatTakesNothingStopsNobodyAndGetsTheEndLater) {
  int master = -1, slave = -1;
  char name[64];
  ASSERT_EQ(::openpty(&master, &slave, name, nullptr, nullptr), 0);
  termios settings;
  ASSERT_EQ(::tcgetattr(slave, &settings), 0);
  ::cfmakeraw(&settings);
  ASSERT_EQ(::tcsetattr(slave, TCSANOW, &settings), 0);
  ASSERT_TRUE(log_.add_console(name));
  log_.open_file(at("log"));
  for (int i = 0; i < 20000; ++i) log_.line("line " + std::to_string(i));
  log_.line("the last line");
  EXPECT_GT(read_file(at("log")).size(), 200000u);

  std::string shown;
  ASSERT_EQ(::fcntl(master, F_SETFL, O_NONBLOCK), 0);
  run_until([&] {
    char buffer[4096];
    for (ssize_t size; (size = ::read(master, buffer, sizeof buffer)) > 0;) {
      shown.append(buffer, static_cast<std::size_t>(size));
    }
    return shown.find("the last line\n") != std::string::npos;
  });
  EXPECT_NE(shown.find("lines left out"), std::string::npos);
  EXPECT_LT(shown.size(), 150000u);
  ::close(slave);
  ::close(master);
}

TEST_F(NodeLogTest, WhatIsNoTerminalIsNoConsole) {
  EXPECT_FALSE(log_.add_console("/dev/null"));
  EXPECT_FALSE(log_.add_console(at("none")));
}

TEST_F(NodeLogTest, AReaderGetsTheWholeLogAndThenFollows) {
  log_.open_file(at("log"));
  log_.line("before");
  LogServer server(io_, at("log"), 0);
  log_.on_line([&] { server.notify(); });
  tcp::socket reader = connect(server);
  std::string text;
  bool ended = false;
  follow(reader, text, ended);
  run_until([&] { return text == "before\n"; });
  log_.line("after");
  run_until([&] { return text == "before\nafter\n"; });
  EXPECT_FALSE(ended);
}

TEST_F(NodeLogTest, ReadersKeepTheirPlaceWhenTheFileGetsItsName) {
  log_.open_file(at("log"));
  LogServer server(io_, at("log"), 0);
  log_.on_line([&] { server.notify(); });
  tcp::socket early = connect(server);
  std::string early_text, late_text;
  bool ended = false;
  follow(early, early_text, ended);
  log_.line("one");
  run_until([&] { return early_text == "one\n"; });
  log_.rename_file(at("named"));
  server.renamed(at("named"));
  log_.line("two");
  tcp::socket late = connect(server);
  follow(late, late_text, ended);
  run_until([&] { return early_text == "one\ntwo\n" && late_text == "one\ntwo\n"; });
}

// `nc NODE 12345 < /dev/null`
TEST_F(NodeLogTest, AReaderThatHasNothingToSayIsNotAtItsEnd) {
  log_.open_file(at("log"));
  LogServer server(io_, at("log"), 0);
  log_.on_line([&] { server.notify(); });
  tcp::socket reader = connect(server);
  reader.shutdown(tcp::socket::shutdown_send);
  std::string text;
  bool ended = false;
  follow(reader, text, ended);
  log_.line("one");
  run_until([&] { return text == "one\n"; });
  log_.line("two");
  run_until([&] { return text == "one\ntwo\n"; });
}

TEST_F(NodeLogTest, WhatReadersSendIsThrownAway) {
  log_.open_file(at("log"));
  LogServer server(io_, at("log"), 0);
  log_.on_line([&] { server.notify(); });
  tcp::socket reader = connect(server);
  const std::string words(1 << 20, 'x');
  std::size_t sent = 0;
  asio::async_write(reader, asio::buffer(words), [&](auto, std::size_t size) { sent = size; });
  run_until([&] { return sent == words.size(); });
  std::string text;
  bool ended = false;
  follow(reader, text, ended);
  log_.line("alive");
  run_until([&] { return text == "alive\n"; });
}

TEST_F(NodeLogTest, MuteReadersAreBoundedAndMakeRoomForNewOnes) {
  log_.open_file(at("log"));
  for (int i = 0; i < 100000; ++i) log_.line("a line that fills the buffers of every mute reader " + std::to_string(i));
  LogServer server(io_, at("log"), 0);
  std::vector<tcp::socket> mute;
  for (std::size_t i = 0; i < LogServer::most_readers * 3; ++i) {
    mute.push_back(connect(server));
    io_.poll();
  }
  tcp::socket last = connect(server);
  std::string text;
  bool ended = false;
  follow(last, text, ended);
  const std::string whole = read_file(at("log"));
  run_until([&] { return text.size() == whole.size(); });
  EXPECT_EQ(text, whole);
}

}  // namespace
}  // namespace ka::agent
