// What is told of a job to pages, programs and collectors of metrics.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "server/options/web_address.h"
#include "server/view/event_teller.h"
#include "server/view/job_state.h"
#include "server/view/metrics.h"
#include "server/view/status_json.h"

namespace ka::server {
namespace {

using nlohmann::json;
using State = NodeStatus::State;
using testing::ElementsAre;
using testing::HasSubstr;
constexpr std::uint64_t mib = 1024 * 1024;

NodeStatus node(std::size_t number, State state, const std::string& stage = "") {
  NodeStatus status;
  status.number = number;
  status.address = "10.0.1." + std::to_string(35 + number);
  status.host_name = "node" + std::to_string(35 + number);
  status.state = state;
  status.stage = stage;
  return status;
}

Session session() {
  Session session;
  session.name = "kainstall2";
  session.expected = 600 * mib;
  return session;
}

// Two nodes receive the second session.
template <typename Observer>
void two_receive(Observer& job) {
  job.event("I want 2 clients");
  for (std::size_t i : {0, 1}) job.node(node(i, State::waiting, "getstage2"));
  job.session_started(session(), 1, 2);
  for (std::size_t i : {0, 1}) {
    NodeStatus one = node(i, State::running, "kainstall2");
    one.order = static_cast<unsigned>(i) + 1;
    one.sunk = 150 * mib;
    job.node(one);
  }
  Progress progress;
  progress.bytes = 200 * mib;
  progress.held_up_by = "the sink of 10.0.1.36 (node36)";
  progress.held_up_node = 1;
  progress.window = 64 * mib;
  progress.held = 48 * mib;
  job.session_progress(session(), progress);
}

Report report(unsigned done) {
  Report report;
  report.wanted = 2;
  report.result.nodes = {node(0, State::done), node(1, done > 1 ? State::done : State::failed)};
  report.result.done = done;
  return report;
}

TEST(StatusJson, HasTheSessionTheNodesAndWhatHoldsThemUp) {
  StateKeeper keeper;
  two_receive(keeper);
  const json status = status_json(keeper.state());
  EXPECT_EQ(status["state"], "sending");
  EXPECT_EQ(status["counts"]["running"], 2);
  EXPECT_EQ(status["running"]["name"], "kainstall2");
  EXPECT_EQ(status["running"]["written"], 150 * mib);
  EXPECT_EQ(status["running"]["held"], 48 * mib);
  EXPECT_EQ(status["running"]["held_up_node"], 1);
  EXPECT_EQ(status["bytes_sent"], 200 * mib);
  EXPECT_EQ(status["nodes"][1]["address"], "10.0.1.36");
  EXPECT_EQ(status["nodes"][1]["order"], 2);
  EXPECT_EQ(status["log"][0]["text"], "I want 2 clients");
}

TEST(StatusJson, CountsHealsAndWhoWasDropped) {
  StateKeeper keeper;
  two_receive(keeper);
  const NodeStatus first = node(0, State::put_out, "kainstall2"), second = node(1, State::running, "kainstall2");
  keeper.node(first);
  keeper.healed(second, nullptr);
  keeper.healed(second, &first);
  const json status = status_json(keeper.state());
  EXPECT_EQ(status["heals"], 2);
  EXPECT_EQ(status["nodes"][1]["heals"], 2);
  EXPECT_EQ(status["put_outs"], 1);
  EXPECT_EQ(status["counts"]["dropped"], 1);
}

TEST(StatusJson, ShowsTheDisksOfANodeBeforeTheyAreWritten) {
  StateKeeper keeper;
  NodeStatus offering = node(0, State::running, "ready to write");
  offering.disks = {{"sda", "vda", "QEMU", "S\xff", 5 * mib, "nothing that is known"}};
  keeper.offered(offering);
  keeper.node(node(0, State::running, "may write"));
  const json disk = status_json(keeper.state())["nodes"][0]["disks"][0];
  EXPECT_EQ(disk["golden"], "sda");
  EXPECT_EQ(disk["serial"], "S\\xff");
  EXPECT_EQ(disk["size"], 5 * mib);
}

TEST(StatusJson, AStrangersNameIsAlwaysJson) {
  StateKeeper keeper;
  NodeStatus hostile = node(0, State::waiting);
  hostile.host_name = "\xff\x1b[2J\"</script>";
  keeper.node(hostile);
  keeper.event("\xc3\x28");
  const json again = json::parse(status_json(keeper.state()).dump());
  EXPECT_EQ(again["nodes"][0]["host_name"], "\\xff\\x1b[2J\"</script>");
}

TEST(StatusJson, AStepHasOnlyWhatChanged) {
  StateKeeper keeper;
  two_receive(keeper);
  const std::uint64_t then = keeper.state().version;
  EXPECT_TRUE(changes_json(keeper.state(), then)["changed"].empty());
  EXPECT_TRUE(changes_json(keeper.state(), then)["log"].empty());

  NodeStatus moved = node(0, State::running, "kainstall2");
  moved.order = 1;
  moved.sunk = 160 * mib;
  moved.received = 170 * mib;
  moved.rate = 1000;
  keeper.node(moved);
  keeper.node(node(1, State::failed, "kainstall2"));
  const json step = changes_json(keeper.state(), then);
  EXPECT_EQ(step["moved"], (json::array({{0, 170 * mib, 160 * mib, 1000}})));
  ASSERT_EQ(step["changed"].size(), 1u);
  EXPECT_EQ(step["changed"][0]["state"], "failed");
  EXPECT_EQ(step["failures"], 1);
}

TEST(StatusJson, TheLogOfALongJobHasAnEnd) {
  StateKeeper keeper;
  for (int i = 0; i < 10'000; ++i) keeper.event("line " + std::to_string(i));
  const json log = status_json(keeper.state())["log"];
  EXPECT_EQ(log.size(), 500u);
  EXPECT_EQ(log.back()["text"], "line 9999");
}

TEST(StatusJson, TheEndIsToldWithItsResult) {
  StateKeeper keeper;
  two_receive(keeper);
  Report cut = report(1);
  cut.error = "ports taken";
  cut.result.warnings = {"tar: ./x: file changed as we read it"};
  keeper.ended(cut);
  const json status = status_json(keeper.state());
  EXPECT_EQ(status["state"], "failed");
  EXPECT_TRUE(status["running"].is_null());
  EXPECT_EQ(status["error"], "ports taken");
  EXPECT_EQ(status["warnings"].size(), 1u);
  EXPECT_EQ(status["nodes"][0]["state"], "done");
}

TEST(StatusJson, IsUnderstoodByKaServerStatus) {
  StateKeeper keeper;
  two_receive(keeper);
  const JobState read = parse_status(status_json(keeper.state()).dump());
  EXPECT_EQ(live_table(read.running, read.nodes, 2, 200, 24),
            live_table(keeper.state().running, keeper.state().nodes, 2, 200, 24));
  EXPECT_TRUE(read.result.empty());
  for (const char* nonsense : {"", "{}", "[]", "<html>", R"({"version":1,"nodes":[{"state":"x"}]})"})
    EXPECT_THROW(parse_status(nonsense), Error) << nonsense;
  EXPECT_THROW(parse_status(R"({"version":2})"), Error);
}

TEST(Metrics, AreWhatPrometheusReads) {
  StateKeeper keeper;
  two_receive(keeper);
  const std::string text = metrics_text(keeper.state());
  EXPECT_THAT(text, HasSubstr("# TYPE ka_nodes gauge\n"));
  EXPECT_THAT(text, HasSubstr("\nka_nodes{state=\"running\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nka_sent_bytes_total 209715200\n"));
  EXPECT_THAT(text, HasSubstr("\nka_window_held_bytes 50331648\n"));
  EXPECT_THAT(text, HasSubstr("node=\"node36\",address=\"10.0.1.36\",number=\"1\""));
}

TEST(Metrics, AStrangersNameStaysInsideItsQuotes) {
  StateKeeper keeper;
  NodeStatus hostile = node(0, State::running);
  hostile.host_name = "a\"} 1\nka_evil 1";
  hostile.order = 1;
  keeper.node(hostile);
  EXPECT_EQ(metrics_text(keeper.state()).find("\nka_evil"), std::string::npos);
}

// Name and JSON of each.
class EventsTest : public testing::Test {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> list;
    for (const Event& event : events_) list.push_back(event.name);
    return list;
  }
  json last() const { return json::parse(events_.back().line); }

  std::vector<Event> events_;
  EventTeller teller_{"ka", 2, [this](const Event& event) { events_.push_back(event); }};
};

TEST_F(EventsTest, TellTheJobFromItsBeginToItsEnd) {
  teller_.began();
  two_receive(teller_);
  teller_.session_ended(session(), 600 * mib, std::chrono::duration<double>(2), {});
  teller_.ended(report(2));
  EXPECT_THAT(names(), ElementsAre("job_began", "log", "node", "node", "session_began", "node", "node", "session_ended",
                                   "job_ended"));
  EXPECT_EQ(last()["result"], "done");
  EXPECT_EQ(last()["job"], "ka");
  EXPECT_EQ(last()["event"], "job_ended");
  EXPECT_THAT(last()["time"].get<std::string>(), testing::MatchesRegex("....-..-..T..:..:..\\....Z"));
}

TEST_F(EventsTest, ANodeIsToldWhenItMovesOnAndNotWithEachByte) {
  for (std::uint64_t sunk : {1, 2, 3}) {
    NodeStatus one = node(0, State::running, "kainstall2");
    one.sunk = sunk;
    teller_.node(one);
  }
  EXPECT_EQ(events_.size(), 1u);
  EXPECT_FALSE(events_[0].frequent);
  teller_.node(node(0, State::running, "formatting sda5"));
  EXPECT_TRUE(events_[1].frequent);
  NodeStatus failed = node(0, State::failed, "formatting sda5");
  failed.reason = "no space";
  teller_.node(failed);
  EXPECT_FALSE(events_[2].frequent);
  EXPECT_EQ(last()["reason"], "no space");
  EXPECT_EQ(last()["node"]["address"], "10.0.1.35");
}

TEST_F(EventsTest, AHealNamesBothSides) {
  const NodeStatus upstream = node(0, State::running);
  teller_.healed(node(1, State::running), &upstream);
  EXPECT_EQ(last()["upstream"]["address"], "10.0.1.35");
  teller_.healed(node(1, State::running), nullptr);
  EXPECT_TRUE(last()["upstream"].is_null());
}

TEST_F(EventsTest, AreOneLineEachWhateverANodeSays) {
  NodeStatus hostile = node(0, State::failed);
  hostile.reason = "a\nb\xff";
  teller_.node(hostile);
  EXPECT_EQ(events_[0].line.find('\n'), std::string::npos);
  EXPECT_EQ(last()["reason"], "a\\x0ab\\xff");
}

TEST(WebAddress, IsAPortOrAnAddressWithOne) {
  EXPECT_EQ(parse_web_address("8080")->port, 8080);
  EXPECT_FALSE(parse_web_address("8080")->address);
  EXPECT_EQ(parse_web_address("10.0.1.1:80")->address, 0x0a000101u);
  for (const char* wrong : {"", "x", "65536", "host:80", ":80", "10.0.1.1:", "-1", "1.2.3:4"})
    EXPECT_FALSE(parse_web_address(wrong)) << wrong;
}

}  // namespace
}  // namespace ka::server
