#include "server/status_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/report.h"

namespace ka::server {
namespace {

using State = NodeStatus::State;
using testing::ElementsAre;
constexpr std::uint64_t mib = 1024 * 1024;

NodeStatus node(const std::string& address, State state, const std::string& stage = "") {
  NodeStatus status;
  status.address = address;
  status.state = state;
  status.stage = stage;
  return status;
}

SessionView session() {
  SessionView view;
  view.name = "kainstall2";
  view.round = 1;
  view.members = 2;
  view.progress.bytes = 300 * mib;
  view.expected = 600 * mib;
  view.rate = 10.0 * mib;
  return view;
}

TEST(StatusTable, OneRowForEachNodeTheUrgentFirst) {
  NodeStatus running = node("10.0.1.35", State::running, "kainstall2");
  running.host_name = "node35";
  running.sunk = 150 * mib;
  running.rate = 5.0 * mib;
  NodeStatus failed = node("10.0.1.36", State::failed);
  failed.reason = "sda: 4 MiB missing";
  EXPECT_THAT(
      live_table(session(), {running, failed}, 3, 120, 24),
      ElementsAre(
          "kainstall2: 300.0 MiB of about 600.0 MiB 50%, 10.0 MiB/s, 30 s left | 2 here, 0 done, 1 failed, 3 wanted",
          "10.0.1.36         failed     sda: 4 MiB missing",
          "10.0.1.35 node35  running    kainstall2    25%   5.0 MiB/s     1:30 left"));
}

TEST(StatusTable, WhatHoldsTheSessionUpHasALine) {
  SessionView view = session();
  view.expected = 0;
  view.progress.packed_in = 200 * mib;
  view.progress.packed_out = 76 * mib;
  view.progress.held_up_by = "the sink of 10.0.1.35 (\x1b[2J)";
  NodeStatus running = node("10.0.1.35", State::running, "kainstall2");
  running.sunk = 150 * mib;
  running.rate = 5.0 * mib;
  EXPECT_THAT(live_table(view, {running}, 1, 120, 24),
              ElementsAre("kainstall2: 300.0 MiB, 10.0 MiB/s | 1 here, 0 done, 1 wanted",
                          "  packed to 38%, held up by the sink of 10.0.1.35 (\\x1b[2J)",
                          "10.0.1.35  running    kainstall2    150.0 MiB  5.0 MiB/s     "));
}

TEST(StatusTable, NothingIsWiderOrHigherThanTheTerminal) {
  std::vector<NodeStatus> nodes;
  for (int i = 0; i < 100; ++i)
    nodes.push_back(node("10.0.1." + std::to_string(i), i == 99 ? State::failed : State::done));
  auto lines = live_table(session(), nodes, 100, 40, 10);
  EXPECT_LT(lines.size(), 10u);
  for (const std::string& line : lines) EXPECT_LE(line.size(), 40u);
  EXPECT_THAT(lines[1], testing::HasSubstr("10.0.1.99"));
  EXPECT_EQ(lines.back(), "... and 93 more");
}

TEST(StatusTable, AHostNameCannotPaintTheTerminal) {
  NodeStatus hostile = node("10.0.1.35", State::waiting);
  hostile.host_name = "\x1b[2J";
  for (const std::string& line : live_table(SessionView(), {hostile}, 1, 200, 24))
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(StatusTable, PercentNeverSaysAllBeforeTheEnd) {
  SessionView view = session();
  view.progress.bytes = 700 * mib;
  EXPECT_THAT(live_table(view, {}, 1, 200, 24)[0],
              testing::StartsWith("kainstall2: 700.0 MiB of about 700.0 MiB 99%, 10.0 MiB/s | "));
}

TEST(StatusTable, Result) {
  NodeStatus failed = node("10.0.1.36", State::failed, "formatting sda5");
  failed.reason = "mke2fs ended with status 1";
  EXPECT_EQ(result_table({node("10.0.1.35", State::done), failed, node("10.0.1.37", State::running, "kainstall2")}, 3),
            "node       result     reason\n"
            "10.0.1.35  done\n"
            "10.0.1.36  failed     mke2fs ended with status 1\n"
            "10.0.1.37  running    ended while kainstall2\n"
            "1 of 3 nodes done\n");
  EXPECT_EQ(result_table({}, 2), "0 of 2 nodes done\n");
}

TEST(StatusTable, Durations) {
  EXPECT_EQ(format_duration(7.4), "7 s");
  EXPECT_EQ(format_duration(125), "2:05");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(1e12), "99:59:59");
}

TEST(StatusTable, TotalsOfTheKaMethod) {
  EXPECT_EQ(totals_text(627 * mib, std::chrono::duration<double>(127.0)),
            "Total data sent = 627 Megs\nTransfer time = 127.000 seconds, throughput = 4.937 Mbytes/second\n");
}

TEST(ServerReport, ForPrograms) {
  Report report;
  report.session = "ka";
  report.wanted = 2;
  NodeStatus failed = node("10.0.1.36", State::failed, "checking");
  failed.reason = "no disk \xff";
  report.result.nodes = {node("10.0.1.35", State::done), failed};
  report.result.done = 1;
  report.result.warnings = {"tar: ./var/log/messages: file changed as we read it"};
  report.sessions = {{"kainstall2", 1, 2, 1000, 2.5}};
  auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json["result"], "failed");
  EXPECT_EQ(json["nodes_done"], 1);
  EXPECT_EQ(json["nodes"][1]["result"], "failed");
  EXPECT_EQ(json["nodes"][1]["reason"], "no disk \\xff");
  EXPECT_EQ(json["sessions"][0]["bytes"], 1000);
  EXPECT_EQ(json["warnings"].size(), 1u);
  report.result.done = 2;
  EXPECT_EQ(nlohmann::json::parse(report_json(report))["result"], "done");
  report.error = "ports taken";
  EXPECT_EQ(nlohmann::json::parse(report_json(report))["result"], "failed");
}

}  // namespace
}  // namespace ka::server
