/// An operator and a node, the code of both over real sockets: logs and commands for who has the key, and for nobody
/// else.
#include <gmock/gmock.h>

#include <csignal>
#include <fstream>

#include "agent/boot/log_server.h"
#include "base/files.h"
#include "base/text.h"
#include "server/operator/fold.h"
#include "server/operator/log_stream.h"
#include "server/operator/remote_command.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka {
namespace {

using agent::House;
using agent::LogServer;
using asio::ip::tcp;
using server::RemoteCommand;
using server::RemoteEnd;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

wire::KeyPair key(char number) { return wire::KeyPair(Secret(std::string(wire::key_size, number))); }

class OperatorTest : public CoroutineTest {
 protected:
  OperatorTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as both programs have it
    scratch_.file("/log", "KA 1.0.0\nnode35 is here\n");
  }

  House house(std::vector<wire::PublicKey> keys) {
    House house;
    house.keys = std::move(keys);
    house.place = [this] { return place_; };
    house.note = [this](const std::string& line) { notes_.push_back(line); };
    return house;
  }
  void open(std::vector<wire::PublicKey> keys) { node_.emplace(io_, scratch_.at("/log"), 0, house(std::move(keys))); }
  void open() { open({key('o').public_key(), key_.public_key()}); }

  tcp::endpoint there() const { return {asio::ip::address_v4::loopback(), node_->port()}; }

  RemoteEnd run(const std::vector<std::string>& words, const wire::KeyPair& key, const std::string& input = "") {
    RemoteCommand command;
    command.there = there();
    command.exec = wire::command::exec_of(words, !input.empty());
    command.input = input;
    command.limit = limit_;
    command.hear = [this](std::string_view bytes, bool errors) { (errors ? errors_ : output_) += bytes; };
    return get(server::run_remote(io_, command, key));
  }
  RemoteEnd run(const std::string& script, const std::string& input = "") {
    return run({"sh", "-c", script}, key_, input);
  }

  void run_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!done() && std::chrono::steady_clock::now() < end) io_.run_one_for(std::chrono::milliseconds(100));
    ASSERT_TRUE(done());
  }
  /// All that the node says until it closes, to somebody who says just this.
  std::string answer_to(const std::string& words, bool ends = true) {
    tcp::socket stranger(io_);
    stranger.connect(there());
    asio::write(stranger, asio::buffer(words));
    if (ends) stranger.shutdown(tcp::socket::shutdown_send);
    std::string all;
    bool over = false;
    std::array<char, 4096> bytes;
    std::function<void()> more = [&] {
      stranger.async_read_some(asio::buffer(bytes), [&](auto error, std::size_t size) {
        all.append(bytes.data(), size);
        over = static_cast<bool>(error);
        if (!over) more();
      });
    };
    more();
    run_until([&] { return over; });
    return all;
  }
  bool is_running(std::string_view pid) {
    const std::string stat = read_file_if_any("/proc/" + std::string(trim(pid)) + "/stat").value_or("");
    return !stat.empty() && stat.substr(stat.rfind(')') + 2, 1) != "Z";
  }
  void grow(const std::string& line) {
    std::ofstream(scratch_.at("/log"), std::ios::app) << line;
    node_->notify();
  }

  Scratch scratch_;
  wire::KeyPair key_ = key('k');
  House::Place place_;
  std::vector<std::string> notes_;
  std::optional<LogServer> node_;
  std::string output_, errors_;
  std::chrono::seconds limit_{0};
};

TEST_F(OperatorTest, TheLogIsReadByKeyAsItGrows) {
  open();
  server::LogStream stream(io_, key_);
  EXPECT_EQ(get(stream.open(there(), std::chrono::seconds(10))), "");
  EXPECT_EQ(get(stream.read()).bytes, "KA 1.0.0\nnode35 is here\n");
  grow("more\n");
  EXPECT_EQ(get(stream.read()).bytes, "more\n");
}

TEST_F(OperatorTest, ACommandRunsAndItsEndIsTold) {
  open();
  const RemoteEnd end = run("echo out; echo err >&2; exit 3");
  EXPECT_EQ(end.status, 3);
  EXPECT_EQ(end.trouble, "ended with status 3");
  EXPECT_EQ(output_, "out\n");
  EXPECT_EQ(errors_, "err\n");
  ASSERT_EQ(notes_.size(), 2u);
  EXPECT_THAT(notes_[0], HasSubstr(wire::fingerprint(key_.public_key()) + " (127.0.0.1) runs: sh -c echo out"));
  EXPECT_THAT(notes_[1], HasSubstr("ended with status 3"));
}

TEST_F(OperatorTest, EveryByteOfALongOutputComes) {
  open();
  EXPECT_EQ(run("seq 1 200000").status, 0);
  EXPECT_EQ(output_.size(), 1288895u);
  EXPECT_TRUE(output_.ends_with("\n199999\n200000\n"));
}

TEST_F(OperatorTest, InputGoesThereAndEnds) {
  open();
  const std::string input(1 << 20, 'i');
  EXPECT_EQ(run("wc -c", input).status, 0);
  EXPECT_EQ(trim(output_), std::to_string(input.size()));
}

TEST_F(OperatorTest, AProgramThatReadsNoInputIsNoTrouble) {
  open();
  EXPECT_EQ(run("exec true", std::string(1 << 20, 'i')).status, 0);
  EXPECT_EQ(run("exec 0<&-; sleep 0.1; echo done", std::string(1 << 20, 'i')).status, 0);
  EXPECT_EQ(output_, "done\n");
}

TEST_F(OperatorTest, SignalsRefusalsAndMissingProgramsAreSaidPlainly) {
  open();
  EXPECT_EQ(run("kill -9 $$").trouble, "was killed by signal 9 (Killed)");
  EXPECT_EQ(run("kill -9 $$").status, 137);
  EXPECT_THAT(run({"/no/such"}, key_).trouble, HasSubstr("refused: run /no/such: No such file"));
  place_.why_not = "there is nothing to run yet";
  EXPECT_EQ(run("true").trouble, "refused: there is nothing to run yet");
  EXPECT_THAT(notes_, Contains(HasSubstr("(refused)")));
}

TEST_F(OperatorTest, ACommandThatHangsIsKilledWithAllThatItStarted) {
  open();
  limit_ = std::chrono::seconds(1);
  const RemoteEnd end = run("sleep 1000 & echo $!; echo $$; wait");
  EXPECT_EQ(end.status, RemoteEnd::no_status);
  EXPECT_THAT(end.trouble, HasSubstr("after 1 s (--timeout): killed"));
  for (std::string_view pid : split(trim(output_), '\n')) run_until([&] { return !is_running(pid); });
}

TEST_F(OperatorTest, WhatItLeftRunningHoldsNobodyUpAndEnds) {
  open();
  EXPECT_EQ(run("sleep 1000 & echo $!").status, 0);
  const std::string pid = output_;
  run_until([&] { return !is_running(pid); });
}

TEST_F(OperatorTest, WhoHasAnotherKeyOrNoneLearnsNothing) {
  open();
  EXPECT_THAT(run({"id"}, key('x')).trouble, HasSubstr("does not know this key"));
  EXPECT_EQ(answer_to(""), "");
  EXPECT_EQ(answer_to("GET / HTTP/1.0\r\n\r\n", false), "");
  EXPECT_EQ(answer_to("KAO1\x02", false), "");
  EXPECT_EQ(answer_to(wire::command::Call(key_, key('e')).opening().substr(0, 44)), "");
  // The opening of somebody who knows the public key, and one of somebody who does not: told alike.
  for (const char whose : {'k', 'x'}) {
    const std::string opening = wire::command::Call(key(whose), key('e')).opening();
    const std::string answer = answer_to(opening + std::string("\0\x20", 2) + std::string(32, 'x'), false);
    EXPECT_EQ(answer.size(), wire::command::answer_size);
    EXPECT_THAT(answer, StartsWith("KAO1"));
  }
  EXPECT_TRUE(notes_.empty());
  EXPECT_EQ(output_, "");
}

TEST_F(OperatorTest, ANodeWithoutKeysShowsItsLogAndTakesNoCommands) {
  open({});
  EXPECT_THAT(run("id").trouble, HasSubstr("no key"));
  EXPECT_TRUE(notes_.empty());
  server::LogStream stream(io_, std::nullopt);
  EXPECT_EQ(get(stream.open(there(), std::chrono::seconds(10))), "");
  EXPECT_EQ(get(stream.read()).bytes, "KA 1.0.0\nnode35 is here\n");
  server::LogStream sealed(io_, key_);
  EXPECT_THAT(get(sealed.open(there(), std::chrono::seconds(10))), HasSubstr("no key"));
}

TEST_F(OperatorTest, StrangersPushOutStrangersAndNobodyElse) {
  open();
  server::LogStream stream(io_, key_);
  EXPECT_EQ(get(stream.open(there(), std::chrono::seconds(10))), "");
  EXPECT_EQ(get(stream.read()).bytes, "KA 1.0.0\nnode35 is here\n");
  std::vector<tcp::socket> strangers;
  const std::string opening = wire::command::Call(key_, key('e')).opening();
  for (std::size_t i = 0; i < LogServer::most_readers * 3; ++i) {
    strangers.emplace_back(io_).connect(there());
    asio::write(strangers.back(), asio::buffer(opening.data(), i % 2 == 0 ? opening.size() : 20));
    io_.poll();
  }
  grow("more\n");
  EXPECT_EQ(get(stream.read()).bytes, "more\n");
  EXPECT_EQ(run("echo still").status, 0);
  EXPECT_EQ(output_, "still\n");
}

TEST_F(OperatorTest, AShellHasATerminalOfTheSizeAsked) {
  open();
  server::NodeCall call(io_);
  get(call.open(there(), key_, std::chrono::seconds(10)));
  get(call.send(wire::command::Shell{101, 31, "dumb"}));
  get(call.send(wire::command::Input{"stty size; tty\r"}));
  std::string shown;
  const auto read_until = [&](const std::string& wanted) {
    while (shown.find(wanted) == shown.npos)
      shown += std::get<wire::command::Output>([&] {
                 for (;;) {
                   wire::command::Message message = get(call.receive());
                   if (!std::holds_alternative<wire::command::Taken>(message)) return message;
                 }
               }())
                   .bytes;
  };
  read_until("31 101");
  read_until("/dev/pts/");
  get(call.send(wire::command::Window{44, 55}));
  get(call.send(wire::command::Input{"stty size\r"}));
  read_until("55 44");
  get(call.send(wire::command::Input{"exit 7\r"}));
  for (;;) {
    const wire::command::Message message = get(call.receive());
    if (const auto* ended = std::get_if<wire::command::Ended>(&message)) {
      EXPECT_EQ(ended->number, 7);
      break;
    }
  }
}

TEST_F(OperatorTest, AShellThatIsLeftEndsWithItsJobs) {
  open();
  server::NodeCall call(io_);
  get(call.open(there(), key_, std::chrono::seconds(10)));
  get(call.send(wire::command::Shell{80, 24, "dumb"}));
  get(call.send(wire::command::Input{"sleep 1000 & echo pi''d=$! ; sleep 1000\r"}));
  std::string shown;
  while (shown.find("pid=") == shown.npos || shown.find('\n', shown.find("pid=")) == shown.npos) {
    const wire::command::Message message = get(call.receive());
    if (const auto* output = std::get_if<wire::command::Output>(&message)) shown += output->bytes;
  }
  const std::string rest = shown.substr(shown.find("pid=") + 4);
  const std::string pid = rest.substr(0, rest.find_first_of("\r\n"));
  EXPECT_TRUE(is_running(pid));
  call.close();
  run_until([&] { return !is_running(pid); });
}

TEST(Folded, WhatIsTheSameIsSaidOnce) {
  EXPECT_EQ(server::folded({{"a", "x\n"}, {"b", "y"}, {"c", "x\n"}, {"d", ""}}), "a,c:\nx\nb:\ny\n");
  EXPECT_EQ(server::folded({}), "");
}

}  // namespace
}  // namespace ka
