// Who watches a job by --web, --events and --on-event, and what happens when they stop doing so.

#include "server/view/watch.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/temporary_folder.h"
#include "server/http/fetch.h"
#include "server/logs/log_folder.h"
#include "tests/unit/run_coroutine.h"

namespace ka::server {
namespace {

using asio::ip::tcp;
using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

// Keeps the log's lines.
class Log final : public JobObserver {
 public:
  void event(const std::string& text) override { lines.push_back(text); }

  std::vector<std::string> lines;
};

class WatchTest : public CoroutineTest {
 protected:
  WatchTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as main() does
    options_.session = "ka";
    options_.wanted = 1;
    options_.web_address = options_.web_reached = asio::ip::address_v4::loopback();
    observers_.add(log_);
  }
  ~WatchTest() override { watch_.reset(); }

  void begin() {
    watch_ = std::make_unique<Watch>(io_, options_);
    watch_->begin(observers_);
    watch_->open();
  }
  void begin_web() {
    options_.web_port = 0;
    begin();
  }
  void end() { get(watch_->finish(report())); }
  static Report report() {
    Report report;
    report.wanted = report.result.done = 1;
    return report;
  }
  void come(NodeStatus::State state) {
    NodeStatus node;
    node.address = "10.0.1.35";
    node.state = state;
    observers_.node(node);
  }

  std::string file(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string program(const std::string& name, const std::string& script) const {
    write_file(file(name), "#!/bin/sh\n" + script + "\n", 0755);
    return file(name);
  }

  tcp::socket ask(const std::string& request) {
    tcp::socket socket(io_);
    const std::string link = watch_->link();
    const auto port = static_cast<std::uint16_t>(std::stoi(link.substr(link.rfind(':') + 1)));
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
    asio::write(socket, asio::buffer(request));
    return socket;
  }
  // Adds to `answer` until `end` is in it, or to its own end.
  static Awaitable<void> read(tcp::socket& socket, std::string& answer, std::string_view end) {
    while (end.empty() || answer.find(end) == std::string::npos) {
      char room[4096];
      auto place = asio::buffer(room);
      auto [error, size] = co_await socket.async_read_some(place, asio::as_tuple(asio::use_awaitable));
      answer.append(room, size);
      if (error) co_return;
    }
  }
  Awaitable<std::string> told(std::string request) {
    tcp::socket socket = ask(request);
    std::string answer;
    co_await read(socket, answer, "");
    co_return answer;
  }
  std::string asked(const std::string& path, const std::string& fields = "") {
    return get(told("GET " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "Connection: close\r\n\r\n"));
  }
  std::string token() const {
    const std::string link = watch_->link();
    return link.substr(link.size() - 33, 32);
  }

  TemporaryFolder folder_{"/tmp/ka-watch-XXXXXX"};
  WatchOptions options_;
  Log log_;
  Observers observers_;
  std::unique_ptr<Watch> watch_;
};

TEST_F(WatchTest, WhoHasTheLinkSeesThePage) {
  begin_web();
  const std::string page = asked("/" + token() + "/");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, HasSubstr("<title>KA</title>"));
  EXPECT_LT(page.size(), 200'000u);
  EXPECT_THAT(page.substr(page.find("\r\n\r\n")), testing::Not(HasSubstr("http")));  // no foreign assets
}

TEST_F(WatchTest, WithoutTheTokenAllIsTheSameNothing) {
  begin_web();
  const std::string nothing = asked("/");
  EXPECT_THAT(nothing, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  std::string wrong = token();
  wrong.back() = wrong.back() == '0' ? '1' : '0';
  const std::string shorter = token().substr(1);
  const std::vector<std::string> paths = {"/status.json",       "/metrics",          "/events",
                                          "/" + wrong + "/",    "/" + shorter + "/", "/" + token() + "x/",
                                          "/" + token() + "/x", "/" + token() + "//"};
  for (const std::string& path : paths) EXPECT_EQ(asked(path), nothing) << path;
  EXPECT_EQ(asked("/status.json", "Authorization: Bearer " + wrong + "\r\n"), nothing);
}

TEST_F(WatchTest, ProgramsGetTheStatusAndMetricsByTheLinkOrByTheField) {
  begin_web();
  come(NodeStatus::State::running);
  const std::string status = get(fetch(io_, watch_->link() + "status.json"));
  EXPECT_EQ(json::parse(status)["counts"]["running"], 1);
  EXPECT_THAT(asked("/metrics", "Authorization: Bearer " + token() + "\r\n"),
              HasSubstr("ka_nodes{state=\"running\"} 1\n"));
  EXPECT_THAT(error_of(fetch(io_, watch_->link() + "x")), HasSubstr("status 404"));
}

TEST_F(WatchTest, TheLogOfANodeIsGivenAsItGrowsAPieceAtATime) {
  begin_web();
  come(NodeStatus::State::running);
  auto told = [this](const std::string& query) {
    return json::parse(get(fetch(io_, watch_->link() + "log/0" + query)));
  };
  EXPECT_EQ(told(""), json::parse(R"({"kept": false, "from": 0, "next": 0, "lines": []})"));
  watch_->logs([this](std::size_t number) { return open_log(AT_FDCWD, number == 0 ? file("node.log") : ""); });
  write_file(file("node.log"), "KA\n\x1b[2J\nhalf");
  EXPECT_EQ(told(""), json::parse(R"({"kept": true, "from": 0, "next": 8, "lines": ["KA", "\\x1b[2J"]})"));
  write_file(file("node.log"), "KA\n\x1b[2J\nhalf a line\n");
  EXPECT_EQ(told("?from=8"), json::parse(R"({"kept": true, "from": 8, "next": 20, "lines": ["half a line"]})"));
  EXPECT_EQ(told("?from=20"), json::parse(R"({"kept": true, "from": 20, "next": 20, "lines": []})"));
}

TEST_F(WatchTest, NoPathLeadsToAnotherFile) {
  begin_web();
  come(NodeStatus::State::running);
  write_file(file("secret"), "secret\n");
  ASSERT_EQ(::symlink(file("secret").c_str(), file("link.log").c_str()), 0);
  watch_->logs([this](std::size_t) { return open_log(AT_FDCWD, file("link.log")); });
  const std::string own = "/" + token() + "/log/";
  EXPECT_THAT(asked(own + "0"), HasSubstr("\"kept\":false"));
  for (const char* path : {"", "1", "-1", "0/", "18446744073709551616", "../status.json", "0?from=", "0?from=-1",
                           "0?from=18446744073709551616", "0?x", "0%30"})
    EXPECT_THAT(asked(own + path), StartsWith("HTTP/1.1 404 Not Found\r\n")) << path;
  EXPECT_THAT(asked("/log/0"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
}

TEST_F(WatchTest, NothingCanBeChanged) {
  begin_web();
  EXPECT_THAT(get(told("POST /" + token() + "/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
              StartsWith("HTTP/1.1 405"));
}

TEST_F(WatchTest, AStreamBeginsWithTheWholeGoesOnInStepsAndEnds) {
  begin_web();
  auto follow = [this]() -> Awaitable<std::string> {
    tcp::socket socket = ask("GET /" + token() + "/events HTTP/1.1\r\n\r\n");
    std::string heard;
    co_await read(socket, heard, "event: whole\n");
    come(NodeStatus::State::running);
    co_await read(socket, heard, "event: step\n");
    asio::co_spawn(io_, watch_->finish(report()), asio::detached);
    co_await read(socket, heard, "");
    co_return heard;
  };
  come(NodeStatus::State::waiting);
  const std::string heard = get(follow());
  const std::size_t whole = heard.find("event: whole\ndata: {"), step = heard.find("event: step\ndata: {"),
                    end = heard.find("event: end\ndata: {");
  ASSERT_NE(end, std::string::npos) << heard;
  EXPECT_LT(whole, step);
  EXPECT_LT(step, end);
  EXPECT_THAT(heard.substr(end), HasSubstr("\"state\":\"done\""));
}

TEST_F(WatchTest, EventsGoToAFileALineEach) {
  write_file(file("events"), "before\n");
  options_.events = file("events");
  begin();
  come(NodeStatus::State::waiting);
  end();
  const std::string text = read_file(file("events"));
  EXPECT_THAT(text, StartsWith("before\n{"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  EXPECT_THAT(text, HasSubstr("\"event\":\"job_ended\""));
}

TEST_F(WatchTest, AFullDiskIsSaidAndNothingElseHappens) {
  options_.events = "/dev/full";
  begin();
  for (int i = 0; i < 100; ++i) come(i % 2 ? NodeStatus::State::waiting : NodeStatus::State::running);
  end();
  ASSERT_EQ(log_.lines.size(), 1u);
  EXPECT_EQ(log_.lines[0], "--events /dev/full: no more is written there: No space left on device");
}

TEST_F(WatchTest, WhoStopsReadingLosesEventsAndIsToldHowMany) {
  ASSERT_EQ(::mkfifo(file("fifo").c_str(), 0600), 0);
  UniqueFd reader(::open(file("fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  options_.events = file("fifo");
  begin();
  for (int i = 0; i < 20'000; ++i) come(i % 2 ? NodeStatus::State::waiting : NodeStatus::State::running);
  ASSERT_EQ(log_.lines.size(), 1u);
  EXPECT_THAT(log_.lines[0], HasSubstr("nobody takes them, events are dropped"));
  // It reads again.
  auto read = [&]() -> Awaitable<std::string> {
    asio::posix::stream_descriptor pipe(io_, reader.release());
    std::string text;
    bool waits = false;
    while (text.find("\"event\":\"dropped\"") == std::string::npos) {
      char room[65536];
      auto place = asio::buffer(room);
      auto [error, size] = co_await pipe.async_read_some(place, asio::as_tuple(asio::use_awaitable));
      if (error) break;
      text.append(room, size);
      come(std::exchange(waits, !waits) ? NodeStatus::State::waiting : NodeStatus::State::running);
    }
    co_return text;
  };
  EXPECT_THAT(get(read()), HasSubstr("\"event\":\"dropped\",\"count\":"));
}

TEST_F(WatchTest, AFileThatCannotBeWrittenIsRefusedAtOnce) {
  options_.events = file("no/such/folder");
  EXPECT_THROW(begin(), Error);
  options_.events = "";
  options_.on_event = file("none");
  EXPECT_THROW(begin(), Error);
  write_file(file("none"), "x", 0644);
  EXPECT_THROW(begin(), Error);
}

TEST_F(WatchTest, AProgramIsRunForEachEventInTheirOrder) {
  options_.on_event = program("hook", "echo \"$KA_EVENT $(cat)\" >> " + file("heard"));
  begin();
  come(NodeStatus::State::waiting);
  observers_.event("a line of the log is no reason to run it");
  come(NodeStatus::State::done);
  end();
  const std::string heard = read_file(file("heard"));
  EXPECT_EQ(std::count(heard.begin(), heard.end(), '\n'), 4);
  EXPECT_THAT(heard, StartsWith("job_began {"));
  EXPECT_THAT(heard, HasSubstr("\nnode {"));
  EXPECT_THAT(heard, HasSubstr("\njob_ended {"));
  EXPECT_EQ(log_.lines.size(), 1u);
}

TEST_F(WatchTest, AProgramThatFailsIsSaidAFewTimes) {
  options_.on_event = program("hook", "cat > /dev/null; echo no route; exit 3");
  begin();
  for (int i = 0; i < 10; ++i) come(i % 2 ? NodeStatus::State::waiting : NodeStatus::State::running);
  end();
  ASSERT_EQ(log_.lines.size(), 3u);
  EXPECT_THAT(log_.lines[0], HasSubstr("ended with status 3: no route"));
  EXPECT_THAT(log_.lines[2], HasSubstr("further failures in a row are not said"));
}

}  // namespace
}  // namespace ka::server
