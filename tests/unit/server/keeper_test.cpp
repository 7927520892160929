// The keeper and who asks it: the words between them, and two real processes.

#include "server/keeper/keeper.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/files.h"
#include "server/keeper/call_filter.h"
#include "server/keeper/seclusion.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"

namespace ka::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Request request_of(Errand errand, std::vector<std::string> words = {}) {
  Request request;
  request.errand = errand;
  request.id = 7;
  request.words = std::move(words);
  return request;
}

std::string why_not(std::string_view datagram) {
  try {
    parse_request(datagram);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Errands, AreReadAsTheyWereWritten) {
  const Request told = parse_request(encode(request_of(Errand::event, {"node", "{\"event\":\"node\"}"})));
  EXPECT_EQ(told.errand, Errand::event);
  EXPECT_EQ(told.id, 7U);
  EXPECT_THAT(told.words, ElementsAre("node", "{\"event\":\"node\"}"));
  Request source = request_of(Errand::source);
  source.session = 3;
  EXPECT_EQ(parse_request(encode(source)).session, 3U);
}

TEST(Errands, AreAClosedSet) {
  using namespace std::string_view_literals;
  EXPECT_THAT(why_not(""), HasSubstr("there is no errand \"\""));
  EXPECT_THAT(why_not("exec\0001\0/bin/sh"sv), HasSubstr("there is no errand \"exec\""));
  EXPECT_THAT(why_not("source\0001\0000\0--checkpoint-action=exec=sh"sv), HasSubstr("\"source\" with 3 words"));
  EXPECT_THAT(why_not("source\0-1\0000"sv), HasSubstr("is no number"));
  EXPECT_THAT(why_not(std::string(longest_errand + 1, 'x')), HasSubstr("bytes"));
}

TEST(Errands, NameNoFileOfAnotherFolderAndNoOtherVariable) {
  for (const char* name : {"", ".log", "../a.log", "a/b.log", "/etc/a.log", "shadow", "a\nb.log"})
    EXPECT_THAT(why_not(encode(request_of(Errand::store_log, {name}))), HasSubstr("is no name of a log")) << name;
  for (const char* name : {"", "A", "LD_PRELOAD=x", "a b"})
    EXPECT_THAT(why_not(encode(request_of(Errand::event, {name, "{}"}))), HasSubstr("is no name of an event")) << name;
  EXPECT_THAT(why_not(encode(request_of(Errand::dnsmasq, {"/tmp/conf"}))), HasSubstr("open or shut"));
}

TEST(Errands, NoByteOfANodeMakesAnotherRequestOfOne) {
  const std::string name(
      "x\0stop\0"
      "1",
      8);
  const Request told =
      parse_request(encode(request_of(Errand::boot_file, {"52:54:00:12:34:56", "0", "1", name, "", "", ""})));
  EXPECT_EQ(told.words[3], "x stop 1");
}

TEST(Errands, AnAnswerThatIsTooLongIsCut) {
  Reply reply;
  reply.what = Reply::What::failed;
  reply.words = {std::string(1u << 20, 'x')};
  EXPECT_LT(encode(reply).size(), 64u << 10);
  EXPECT_THAT(parse_reply(encode(reply)).words[0], HasSubstr("xxx"));
}

class KeeperTest : public CoroutineTest {
 protected:
  void fork(const std::vector<std::string>& commands) {
    work_.sessions = [commands](asio::io_context& io) {
      std::vector<Session> sessions;
      for (const std::string& command : commands) {
        Session session;
        session.name = "s" + std::to_string(sessions.size());
        session.compression = "3";
        session.open = [&io, command] { return command_source(io, Command({"sh", "-c", command}), 3); };
        sessions.push_back(std::move(session));
      }
      return sessions;
    };
    keeper_ = std::make_unique<Keeper>(io_, work_);
    sessions_ = keeper_->served(work_.sessions(io_));
  }
  Awaitable<std::string> all_of(Source& source) {
    std::string all;
    std::vector<std::byte> room(1000);
    for (;;) {
      const std::size_t size = co_await source.read(room);
      if (size == 0) break;
      all.append(reinterpret_cast<const char*>(room.data()), size);
    }
    co_return all;
  }

  KeeperWork work_;
  std::unique_ptr<Keeper> keeper_;
  std::vector<Session> sessions_;
  Scratch scratch_;
};

TEST_F(KeeperTest, SourcesComeThroughItWithTheirEnds) {
  fork({"printf first", "echo why >&2; exit 2", "echo lost >&2; exit 3", "exec /no/such/program"});
  auto first = sessions_[0].open();
  EXPECT_EQ(get(all_of(*first)), "first");
  EXPECT_THAT(get(first->finish()), IsEmpty());
  auto failed = sessions_[1].open();
  EXPECT_EQ(get(all_of(*failed)), "");
  EXPECT_THAT(error_of(failed->finish()), HasSubstr("ended with status 2: why"));
  auto warned = sessions_[2].open();
  get(all_of(*warned));
  EXPECT_THAT(get(warned->finish()), ElementsAre(HasSubstr("lost")));
}

TEST_F(KeeperTest, AStoppedSourceIsKilled) {
  const std::string gone = scratch_.at("/gone");
  fork({"trap 'exit' PIPE; while sleep 0.01; do echo x; done; touch " + gone, "printf next"});
  auto source = sessions_[0].open();
  std::vector<std::byte> room(2);
  EXPECT_GT(get(source->read(room)), 0U);
  source.reset();
  auto next = sessions_[1].open();
  EXPECT_EQ(get(all_of(*next)), "next");
}

TEST_F(KeeperTest, PacksAndUnpacks) {
  fork({"true"});
  auto pack = sessions_[0].pack(), unpack = sessions_[0].unpack();
  const std::string text(100'000, 'k');
  auto fed = [&](Filter& filter, std::string bytes) -> Awaitable<std::string> {
    co_await filter.started();
    co_await asio::async_write(filter.in(), asio::buffer(bytes), asio::use_awaitable);
    filter.in().close();
    std::string out;
    auto buffer = asio::dynamic_buffer(out);
    co_await asio::async_read(filter.out(), buffer, asio::transfer_all(), asio::as_tuple(asio::use_awaitable));
    co_await filter.wait_for_success();
    co_return out;
  };
  const std::string packed = get(fed(*pack, text));
  EXPECT_LT(packed.size(), 1000U);
  EXPECT_EQ(get(fed(*unpack, packed)), text);
  pack->stop();
  unpack->stop();
}

TEST_F(KeeperTest, DoesWhatTheWorkHasAndNoMore) {
  const std::string kept = scratch_.at("/kept");
  work_.keep_report = [kept] { write_file(kept, "report"); };
  work_.at_end = [kept](int) { write_file(kept + ".end", "end"); };
  fork({"true"});
  keeper_->do_now(Errand::keep_report);
  EXPECT_EQ(read_file(kept), "report");
  EXPECT_THROW(keeper_->do_now(Errand::keep_warnings), Error);
  EXPECT_THROW(keeper_->log_folder(), Error);
  EXPECT_THAT(error_of(keeper_->have_done(Errand::event, {"node", "{}"})), HasSubstr("no errand of this job"));
  keeper_.reset();
  EXPECT_EQ(read_file(kept + ".end"), "end");
}

TEST_F(KeeperTest, WhatItRefusesIsTheEndOfIt) {
  fork({"true"});
  EXPECT_THAT(error_of(keeper_->have_done(Errand::store_log, {"../shadow"})), HasSubstr("is no name of a log"));
  EXPECT_THAT(get(keeper_->lost()), HasSubstr("the keeper refused what it was asked for"));
  EXPECT_THROW(sessions_[0].open(), Error);
}

// What a child of this test has to say before it ends; how it ended is added.
std::string said_by_child(const std::function<std::string()>& work) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    std::string said;
    try {
      said = work();
    } catch (const std::exception& error) {
      said = error.what();
    }
    (void)!::write(ends[1], said.data(), said.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char room[1000];
  for (ssize_t size; (size = ::read(ends[0], room, sizeof room)) > 0;)
    said.append(room, static_cast<std::size_t>(size));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return said + (WIFSIGNALED(status) ? " signal " + std::to_string(WTERMSIG(status)) : " ended");
}

TEST(Seclusion, NothingOfThisMachineIsLeft) {
  const NetworkUser user = network_user();
  ASSERT_FALSE(user.name.empty()) << "this test needs root";
  const std::string said = said_by_child([&user] {
    seclude({user, {}});
    std::string text;
    if (::open("/etc/shadow", O_RDONLY) >= 0 || ::open("/etc/passwd", O_RDONLY) >= 0) text += "files ";
    if (::open("/new", O_CREAT | O_WRONLY, 0600) >= 0) text += "a new file ";
    if (::socket(AF_PACKET, SOCK_RAW, 0) >= 0 || ::socket(AF_INET, SOCK_RAW, 1) >= 0) text += "packets ";
    if (::kill(1, 0) == 0) text += "others ";
    if (::geteuid() == 0 || ::getegid() == 0) text += "root ";
    return text + "that was all;";
  });
  EXPECT_EQ(said, "that was all; ended");
}

TEST(Seclusion, ACallThatIsNotOnTheListIsNamedAndTheEnd) {
  const auto calls = [](const std::function<void()>& call) {
    return said_by_child([&call] {
      seclude({{}, {}});
      call();
      return std::string("it was made");
    });
  };
  const std::string signal = "signal " + std::to_string(SIGSYS);
  EXPECT_THAT(calls([] { ::execl("/bin/true", "true", nullptr); }),
              testing::AllOf(HasSubstr(", execve, which"), HasSubstr(signal)));
  EXPECT_THAT(calls([] { ::syscall(SYS_ptrace, 0, 0, 0, 0); }),
              testing::AllOf(HasSubstr(", ptrace, which"), HasSubstr(signal)));
  EXPECT_THAT(calls([] { ::syscall(SYS_kexec_load, 0, 0, 0, 0); }),
              testing::AllOf(HasSubstr("system call 246"), HasSubstr(signal)));
}

}  // namespace
}  // namespace ka::server
