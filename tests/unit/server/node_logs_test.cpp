// The logs of nodes at the server: the file, who keeps it, how it is found again and handed on. The nodes are sockets.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <list>

#include "../run_coroutine.h"
#include "../scratch.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "server/command/log_command.h"
#include "server/command/node_logs.h"
#include "server/logs/log_file.h"
#include "server/logs/log_keeper.h"
#include "server/logs/log_names.h"
#include "server/logs/log_store.h"

namespace ka::server {
namespace {

using asio::ip::tcp;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using State = NodeStatus::State;

NodeStatus node(State state, const std::string& name = "node1", std::size_t number = 0) {
  NodeStatus status;
  status.number = number;
  status.address = "127.0.0.1";
  status.host_name = name;
  status.hardware_address = "52:54:00:77:00:01";
  status.state = state;
  if (state == State::failed) status.reason = "its disk is too small";
  return status;
}

// ---- The file

class LogFileTest : public testing::Test {
 protected:
  LogFileTest() { folder_.reset(::open(scratch_.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); }

  Scratch scratch_;
  UniqueFd folder_;
};

TEST_F(LogFileTest, WhatAConnectionGivesAgainIsNotWrittenTwice) {
  LogFile file(folder_.get(), "log");
  file.begin("first");
  file.take("one\ntwo");
  file.begin("again");
  file.take("one");
  file.take("\ntw");
  file.take("o\nthree\n");
  file.begin("once more");
  file.take("one\ntwo\nthree\nfour\n");
  EXPECT_EQ(scratch_.content("/log"), "=== first ===\none\ntwo\nthree\nfour\n");
}

TEST_F(LogFileTest, AnotherStartHasItsHeadingAndAllItsLinesAlsoThoseThatAreAlike) {
  LogFile file(folder_.get(), "log");
  file.begin("first");
  file.take("KA\neth0\nafter 1 s\n");
  file.remark("=== failed ===");
  file.begin("second");
  file.take("KA\neth0\nafter ");
  file.take("2 s\n");
  file.begin("second, again");
  file.take("KA\neth0\nafter 2 s\nmore\n");
  EXPECT_EQ(scratch_.content("/log"),
            "=== first ===\nKA\neth0\nafter 1 s\n=== failed ===\n=== second ===\nKA\neth0\nafter 2 s\nmore\n");
}

TEST_F(LogFileTest, LinesOfOurOwnBetweenThoseOfTheNodeAreNotComparedWithIts) {
  LogFile file(folder_.get(), "log");
  file.begin("first");
  file.take("one\n");
  file.remark("=== put out ===");
  file.take("two\n");
  file.begin("again");
  file.take("one\ntwo\nthree\n");
  EXPECT_EQ(scratch_.content("/log"), "=== first ===\none\n=== put out ===\ntwo\nthree\n");
}

TEST_F(LogFileTest, OneThatSendsWithoutEndIsCutShort) {
  LogFile file(folder_.get(), "log");
  file.begin("first");
  const std::string much(1u << 20, 'x');
  for (int i = 0; i < 30; ++i) file.take(much);
  EXPECT_TRUE(file.full());
  EXPECT_LE(scratch_.content("/log").size(), LogFile::largest + 1000);
  EXPECT_THAT(scratch_.content("/log"), EndsWith("the rest is left out ===\n"));
}

TEST_F(LogFileTest, NeitherALinkNorAFifoIsWrittenTo) {
  scratch_.link("/link", scratch_.at("/elsewhere"));
  ASSERT_EQ(::mkfifo(scratch_.at("/fifo").c_str(), 0600), 0);
  EXPECT_THROW(LogFile(folder_.get(), "link"), Error);
  EXPECT_THROW(LogFile(folder_.get(), "fifo"), Error);
  EXPECT_FALSE(scratch_.has("/elsewhere"));
}

TEST_F(LogFileTest, AReaderLearnsWhetherMoreMayComeAndIsInNobodysWay) {
  std::optional<LogFile> file(std::in_place, folder_.get(), "log");
  UniqueFd reader(::open(scratch_.at("/log").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(LogFile::more_may_come(reader.get()));
  file.reset();
  EXPECT_FALSE(LogFile::more_may_come(reader.get()));
  file.emplace(folder_.get(), "log");
  EXPECT_TRUE(LogFile::more_may_come(reader.get()));
  EXPECT_THROW(LogFile(folder_.get(), "log"), Error);
}

// ---- Names

TEST(LogNamesTest, WhatANodeSaysLeadsNowhere) {
  NodeStatus status = node(State::waiting, "../../etc/passwd");
  status.hardware_address = "a/b\n_";
  EXPECT_EQ(log_name(status), "-..-..-etc-passwd_127.0.0.1_a-b--.log");
  status.host_name.clear();
  status.hardware_address = "52:54:00:77:00:01";
  EXPECT_EQ(log_name(status), "-_127.0.0.1_52-54-00-77-00-01.log");
  EXPECT_EQ(log_name(node(State::waiting, std::string(300, 'x'))).find('_'), 64u);
}

TEST(LogNamesTest, TheLogsOfEarlierJobsAreKeptNineTimes) {
  Scratch scratch;
  for (int job = 1; job <= 12; ++job) {
    const std::string path = fresh_log_folder(scratch.root(), "my_clone");
    EXPECT_EQ(path, scratch.at("/my_clone"));
    EXPECT_THAT(list_directory(path), IsEmpty());
    scratch.file("/my_clone/a_b_c.log", std::to_string(job));
  }
  EXPECT_EQ(scratch.content("/my_clone/a_b_c.log"), "12");
  EXPECT_EQ(scratch.content("/my_clone~1~/a_b_c.log"), "11");
  EXPECT_EQ(scratch.content("/my_clone~9~/a_b_c.log"), "3");
  EXPECT_EQ(list_directory(scratch.root()).size(), 10u);
  EXPECT_EQ(newest_log_folder(scratch.root()), scratch.at("/my_clone"));
}

TEST(LogNamesTest, ANodeIsFoundByNameAddressAndHardwareAddressAsPeopleWriteThem) {
  Scratch scratch;
  const std::string file = "Node1.lab_10.0.1.35_52-54-00-aa-00-01.log";
  scratch.file("/ka/" + file, "");
  scratch.file("/ka/node12_10.0.1.3_52-54-00-aa-00-02.log", "");
  scratch.file("/ka/notes.txt", "");
  for (const char* name : {"node1.lab", "10.0.1.35", "52:54:00:AA:00:01", "52-54-00-aa-00-01"})
    EXPECT_THAT(logs_of(scratch.at("/ka"), name), ElementsAre(scratch.at("/ka/" + file))) << name;
  for (const char* name : {"node1", "10.0.1", "notes.txt", ""})
    EXPECT_THAT(logs_of(scratch.at("/ka"), name), IsEmpty());
}

// ---- Who keeps it

/// The log port of a node; what is sent to one that connects is said by the test.
class LogPort {
 public:
  explicit LogPort(asio::io_context& io) : acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accept();
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void say(const std::string& text) {
    said_ += text;
    for (auto& reader : readers_) send(reader, text);
  }
  /// The machine starts anew: its connections end, and it has said nothing.
  void restart() {
    said_.clear();
    readers_.clear();
  }
  void drop() { readers_.clear(); }
  int connections() const { return connections_; }

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
      if (error) return;
      ++connections_;
      send(readers_.emplace_back(std::move(socket)), said_);
      accept();
    });
  }
  static void send(tcp::socket& socket, const std::string& text) {
    boost::system::error_code gone;
    asio::write(socket, asio::buffer(text), gone);
  }

  tcp::acceptor acceptor_;
  std::list<tcp::socket> readers_;
  std::string said_;
  int connections_ = 0;
};

class LogKeeperTest : public CoroutineTest {
 protected:
  /// Runs until `done`; the limit is only for a test that fails.
  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!done() && std::chrono::steady_clock::now() < end) io_.run_one_for(std::chrono::milliseconds(100));
    ASSERT_TRUE(done());
  }
  LogKeeping keeping() {
    LogKeeping keeping;
    keeping.folder = scratch_.at("/log");
    keeping.session = "ka";
    keeping.port = port_.port();
    keeping.ended = [this](const std::string& path) { ended_.push_back(path); };
    return keeping;
  }
  std::string kept(const std::string& name = "node1") {
    return read_file_if_any(scratch_.at("/log/ka/" + log_name(node(State::waiting, name)))).value_or("");
  }

  Scratch scratch_;
  LogPort port_{io_};
  std::vector<std::string> said_, ended_;
  std::function<void(const std::string&)> say_ = [this](const std::string& text) { said_.push_back(text); };
};

TEST_F(LogKeeperTest, ALogIsKeptAsItGrowsToItsLastLine) {
  LogKeeper keeper(io_, keeping(), say_);
  const auto file_of = keeper.files();
  EXPECT_FALSE(file_of(0).valid());
  port_.say("KA 1.0.0\n");
  keeper.node(node(State::waiting));
  run_until([&] { return kept().ends_with("KA 1.0.0\n"); });
  const std::string path = scratch_.at("/log/ka/" + log_name(node(State::waiting, "node1")));
  struct stat own {
  }, kept_one{};
  ASSERT_EQ(::fstat(file_of(node(State::waiting).number).get(), &own), 0);
  ASSERT_EQ(::stat(path.c_str(), &kept_one), 0);
  EXPECT_EQ(own.st_ino, kept_one.st_ino);
  EXPECT_THAT(kept(), ContainsRegex("^=== [0-9: -]+: 127.0.0.1 node1 52:54:00:77:00:01 ===\n"));
  keeper.node(node(State::running));
  port_.say("Formatting\n");
  run_until([&] { return kept().ends_with("Formatting\n"); });
  EXPECT_THAT(ended_, IsEmpty());
  keeper.node(node(State::failed));
  port_.say("This machine was not cloned.\n");
  get(keeper.finish());
  EXPECT_THAT(kept(), EndsWith("This machine was not cloned.\n=== failed: its disk is too small ===\n"));
  EXPECT_THAT(ended_, ElementsAre(scratch_.at("/log/ka/node1_127.0.0.1_52-54-00-77-00-01.log")));
  EXPECT_THAT(keeper.warnings(), IsEmpty());
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(LogKeeperTest, AMachineThatFailsAndComesAgainHasBothStartsInItsLog) {
  LogKeeper keeper(io_, keeping(), say_);
  port_.say("first\n");
  keeper.node(node(State::waiting));
  run_until([&] { return kept().ends_with("first\n"); });
  keeper.node(node(State::failed));
  port_.restart();
  run_until([&] { return ended_.size() == 1; });
  port_.say("second\n");
  keeper.node(node(State::waiting));
  run_until([&] { return kept().ends_with("second\n"); });
  keeper.node(node(State::done));
  get(keeper.finish());
  EXPECT_THAT(kept(), ContainsRegex("===\nfirst\n=== failed: .*===\n\n?=== .*===\nsecond\n=== done ===\n$"));
  EXPECT_EQ(ended_.size(), 2u);
}

TEST_F(LogKeeperTest, OneWhoseLifeBeforeStillSeemsToBeThereIsAskedAnew) {
  LogKeeper keeper(io_, keeping(), say_);
  port_.say("KA\nfirst\n");
  keeper.node(node(State::waiting));
  run_until([&] { return kept().ends_with("first\n"); });
  keeper.node(node(State::failed));
  keeper.node(node(State::waiting));
  run_until([&] { return port_.connections() == 2; });
  port_.say("second\n");
  run_until([&] { return kept().ends_with("second\n"); });
  EXPECT_THAT(kept(), ContainsRegex("[0-9] ===\nKA\nfirst\n=== failed: .* ===\nsecond\n$"))
      << "the same start, nothing twice";
}

TEST_F(LogKeeperTest, ABrokenConnectionIsMadeAgain) {
  LogKeeper keeper(io_, keeping(), say_);
  port_.say("one\n");
  keeper.node(node(State::running));
  run_until([&] { return kept().ends_with("one\n"); });
  port_.drop();
  run_until([&] { return port_.connections() == 2; });
  port_.say("two\n");
  run_until([&] { return kept().ends_with("===\none\ntwo\n"); });
}

TEST_F(LogKeeperTest, TwoNodesOfOneNameHaveEachTheirs) {
  LogKeeper keeper(io_, keeping(), say_);
  port_.say("text\n");
  NodeStatus other = node(State::waiting, "node1", 1);
  other.hardware_address = "52:54:00:77:00:02";
  keeper.node(node(State::waiting));
  keeper.node(other);
  run_until([&] { return kept().ends_with("text\n"); });
  get(keeper.finish());
  EXPECT_EQ(list_directory(scratch_.at("/log/ka")).size(), 2u);
  EXPECT_EQ(logs_of(scratch_.at("/log/ka"), "node1").size(), 2u);
}

TEST_F(LogKeeperTest, AnAddressThatSaysToBeManyFillsNoDisk) {
  LogKeeper keeper(io_, keeping(), say_);
  for (std::size_t i = 0; i < 50; ++i) keeper.node(node(State::waiting, "node" + std::to_string(i), i));
  get(keeper.finish());
  EXPECT_LE(list_directory(scratch_.at("/log/ka")).size(), LogKeeper::most_of_address);
  EXPECT_THAT(keeper.warnings(), ElementsAre(HasSubstr("42 machines")));
}

TEST_F(LogKeeperTest, ANodeWithoutALogPortIsAWarningAndHasAFileThatSaysHowItEnded) {
  LogKeeping closed = keeping();
  closed.port = 1;
  LogKeeper keeper(io_, closed, say_);
  keeper.node(node(State::failed));
  get(keeper.finish());
  EXPECT_EQ(kept(), "=== failed: its disk is too small ===\n");
  EXPECT_THAT(keeper.warnings(), ElementsAre(HasSubstr("127.0.0.1 node1 52:54:00:77:00:01: Connection refused")));
}

TEST_F(LogKeeperTest, WhereNothingCanBeWrittenThatIsSaidOnceAndTheJobGoesOn) {
  scratch_.file("/log", "a file where the folder should be");
  LogKeeper keeper(io_, keeping(), say_);
  for (std::size_t i = 0; i < 3; ++i) {
    keeper.node(node(State::waiting, "node" + std::to_string(i), i));
    keeper.node(node(State::failed, "node" + std::to_string(i), i));
  }
  get(keeper.finish());
  EXPECT_THAT(said_, ElementsAre(HasSubstr("not kept")));
  EXPECT_EQ(keeper.warnings(), said_);
  EXPECT_THAT(ended_, IsEmpty());
}

TEST_F(LogKeeperTest, WhereItWouldBeClonedNothingIsKept) {
  LogKeeping cloned = keeping();
  cloned.why_not = [] { return "it would be cloned"; };
  LogKeeper keeper(io_, cloned, say_);
  keeper.node(node(State::waiting));
  get(keeper.finish());
  EXPECT_THAT(said_, ElementsAre(HasSubstr("it would be cloned")));
  EXPECT_THAT(list_directory(scratch_.at("/log")), IsEmpty());
}

TEST(NodeLogsTest, WhatIsLeftOutByNameMustBeWhatIsWritten) {
  Scratch scratch;
  wire::Mount root;
  root.point = "/";
  // The tree shows the folder at the same name, by a link here as by a mount there.
  scratch.directory("/logs");
  scratch.directory("/tree");
  EXPECT_THAT(why_it_would_be_cloned(scratch.at("/logs"), scratch.at("/tree"), {root}), HasSubstr("by another name"));
  EXPECT_EQ(why_it_would_be_cloned(scratch.at("/logs"), "", {root}), "") << "the very same";
  EXPECT_EQ(why_it_would_be_cloned(scratch.at("/logs"), "/proc", {root}), "") << "no file system that is cloned";
  scratch.link("/linked", scratch.at("/logs"));
  EXPECT_THAT(why_it_would_be_cloned(scratch.at("/linked"), "", {root}), HasSubstr("behind a link"));
}

// ---- Shown

class LogCommandTest : public LogKeeperTest {
 protected:
  LogRequest request(const std::string& node) {
    LogRequest request;
    request.node = node;
    request.folder = scratch_.at("/log");
    request.port = port_.port();
    return request;
  }
  Awaitable<void> show(LogRequest request) { return show_log(io_, std::move(request), write_, say_); }

  std::string shown_;
  std::function<void(std::string_view)> write_ = [this](std::string_view text) { shown_ += text; };
};

TEST_F(LogCommandTest, ShowsWhatIsKeptWithNothingInItThatMovesACursor) {
  scratch_.file("/log/ka/node1_10.0.1.35_52-54-00-77-00-01.log", "=== start ===\nbad\x1b[2J\nlast");
  get(show(request("52:54:00:77:00:01")));
  EXPECT_EQ(shown_, "=== start ===\nbad\\x1b[2J\nlast\n");
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(LogCommandTest, FollowsUntilTheNodeHasEnded) {
  LogKeeper keeper(io_, keeping(), say_);
  port_.say("one\n");
  keeper.node(node(State::waiting));
  run_until([&] { return kept().ends_with("one\n"); });
  LogRequest follow = request("node1");
  follow.follow = true;
  auto following = asio::co_spawn(io_, show(follow), asio::use_future);
  run_until([&] { return shown_.ends_with("one\n"); });
  port_.say("two\n");
  run_until([&] { return shown_.ends_with("two\n"); });
  keeper.node(node(State::done));
  port_.restart();
  run_until([&] { return following.wait_for(std::chrono::seconds(0)) == std::future_status::ready; });
  EXPECT_THAT(shown_, EndsWith("one\ntwo\n=== done ===\n"));
}

TEST_F(LogCommandTest, AsksTheNodeItselfWhereNothingIsKept) {
  port_.say("from the node\nitself");
  get(show(request("127.0.0.1")));
  EXPECT_EQ(shown_, "from the node\nitself\n");
}

TEST_F(LogCommandTest, SaysWhatItHasNot) {
  EXPECT_THAT(error_of(show(request("52:54:00:77:00:09"))), HasSubstr("log 52:54:00:77:00:09: none is kept below"));
  scratch_.file("/log/ka/node1_10.0.1.35_52-54-00-77-00-01.log", "");
  LogRequest other = request("127.0.0.1");
  other.session = "other";
  EXPECT_THAT(error_of(show(other)), HasSubstr("none is kept in " + scratch_.at("/log/other")));
  LogRequest closed = request("127.0.0.1");
  closed.port = 1;
  EXPECT_THAT(error_of(show(closed)), HasSubstr("TCP port 1: Connection refused"));
  EXPECT_EQ(shown_, "");
}

// ---- Handed on

TEST(StoreUrlTest, IsOneOfAFolderThatLogsCanBePutIn) {
  for (const char* good : {"ftp://u:p@host/logs/", "sftp://host/~/logs", "http://10.0.0.1:8080", "HTTPS://host/a%20b"})
    EXPECT_NO_THROW(check_store_url(good)) << good;
  for (const char* bad : {"host/logs", "file:///etc/x", "ftp://", "http://h/?x", "http://h/a b", "http://h/\n"}) {
    EXPECT_THROW(check_store_url(bad), UsageError) << bad;
  }
}

TEST(StoreUrlTest, ShowsNeitherUserNorPassword) {
  EXPECT_EQ(without_credentials("ftp://me:se@cret@host/a@b"), "ftp://***@host/a@b");
  EXPECT_EQ(without_credentials("http://host/a@b"), "http://host/a@b");
  std::string words[] = {"ka-server", "--store-log=ftp://me:secret@host/", "--store-log", "ftp://me:secret@host/"};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data()};
  hide_store_url(4, argv);
  EXPECT_EQ(words[1], "--store-log=ftp://*********@host/");
  EXPECT_EQ(words[3], "ftp://*********@host/");
}

/// A server of HTTP that takes one PUT a connection, by the real curl.
class LogStoreTest : public LogKeeperTest {
 protected:
  LogStoreTest() : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}

  void answer(const std::string& with, std::size_t body) {
    acceptor_.async_accept([this, with, body](boost::system::error_code error, tcp::socket socket) {
      if (error) return;
      boost::system::error_code over;
      char byte;
      std::size_t end = std::string::npos;
      while (!over && (end == std::string::npos || asked_.size() < end + 4 + body)) {
        if (asio::read(socket, asio::buffer(&byte, 1), over) == 1) asked_ += byte;
        end = asked_.find("\r\n\r\n");
      }
      asio::write(socket, asio::buffer("HTTP/1.1 " + with + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
                  over);
    });
  }
  std::string url() const {
    return "http://me:se%63ret@127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/logs";
  }

  tcp::acceptor acceptor_;
  std::string asked_;
};

TEST_F(LogStoreTest, PutsALogUnderItsNameBelowTheUrl) {
  scratch_.file("/node1_10.0.1.35_x.log", "the log\n");
  answer("201 Created", 8);
  LogStore store(io_, url(), say_);
  store.store(scratch_.at("/node1_10.0.1.35_x.log"));
  get(store.finish());
  EXPECT_THAT(asked_, testing::StartsWith("PUT /logs/node1_10.0.1.35_x.log HTTP/1.1\r\n"));
  EXPECT_THAT(asked_, HasSubstr("Authorization: Basic bWU6c2VjcmV0\r\n"));  // me:secret
  EXPECT_THAT(asked_, EndsWith("\r\n\r\nthe log\n"));
  EXPECT_THAT(store.warnings(), IsEmpty());
}

TEST_F(LogStoreTest, AFailureIsSaidOnceWithoutThePassword) {
  scratch_.file("/a.log", "the log\n");
  answer("403 me:se%63ret", 8);
  LogStore store(io_, url(), say_);
  store.store(scratch_.at("/a.log"));
  get(store.finish());
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_THAT(said_[0], HasSubstr("The log a.log is not stored at http://***@127.0.0.1"));
  EXPECT_THAT(said_[0], HasSubstr("403"));
  EXPECT_THAT(said_[0], Not(HasSubstr("se%63ret")));
  EXPECT_EQ(store.warnings(), said_);
}

TEST_F(LogStoreTest, AServerThatStallsHoldsUpTheEndForSoLongOnly) {
  for (int i = 0; i < 10; ++i) {
    const std::string name = "/" + std::to_string(i) + ".log";
    scratch_.file(name, "x");
  }
  LogStore store(io_, url(), say_);  // nobody accepts
  for (int i = 0; i < 10; ++i) store.store(scratch_.at("/" + std::to_string(i) + ".log"));
  get(store.finish(std::chrono::seconds(1)));
  EXPECT_EQ(store.warnings().size(), 10u);
}

}  // namespace
}  // namespace ka::server
