#include "server/job/status_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/command/check_report.h"
#include "server/job/degraded_text.h"
#include "server/job/report.h"

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

TEST(StatusTable, OneRowForEachNodeThoseInTroubleFirst) {
  NodeStatus running = node("10.0.1.35", State::running, "kainstall2");
  running.host_name = "node35";
  running.sunk = 150 * mib;
  running.rate = 5.0 * mib;
  NodeStatus failed = node("10.0.1.36", State::failed);
  failed.reason = "sda: 4 MiB missing";
  EXPECT_THAT(live_table(session(), {running, failed}, 3, 79, 24),
              ElementsAre("kainstall2: 25%, 150.0 MiB of about 600.0 MiB, 10.0 MiB/s, 45 s left",
                          "[" + std::string(19, '=') + ">" + std::string(57, ' ') + "]",
                          "  2 here, 0 done, 1 failed, 3 wanted",  //
                          "10.0.1.36         failed     sda: 4 MiB missing",
                          "10.0.1.35 node35  running    kainstall2    25%   5.0 MiB/s     1:30 left"));
}

TEST(StatusTable, AmongEqualsTheChainsOrderThenTheAddress) {
  std::vector<NodeStatus> nodes = {node("10.0.1.35", State::running), node("10.0.1.10", State::waiting),
                                   node("10.0.1.36", State::running), node("10.0.1.9", State::waiting),
                                   node("10.0.1.50", State::put_out)};
  nodes[0].order = 2;
  nodes[2].order = 1;
  auto lines = live_table(SessionView(), nodes, 5, 79, 24);
  std::vector<std::string> addresses;
  for (std::size_t i = 1; i < lines.size(); ++i) addresses.push_back(lines[i].substr(0, lines[i].find(' ')));
  EXPECT_THAT(addresses, ElementsAre("10.0.1.50", "10.0.1.36", "10.0.1.35", "10.0.1.9", "10.0.1.10"));
}

// The source is read ahead of the nodes, by a window.
TEST(StatusTable, ThePercentIsOfWhatTheNodesHaveWritten) {
  SessionView view = session();
  view.progress.bytes = 594 * mib;
  NodeStatus one = node("10.0.1.35", State::running, "kainstall2"), other = one;
  one.sunk = 330 * mib;
  other.sunk = 342 * mib;
  NodeStatus left = node("10.0.1.37", State::put_out, "kainstall2");
  left.sunk = 6 * mib;
  EXPECT_EQ(written_on_average(view, {one, other, left}), 336 * mib);
  EXPECT_THAT(live_table(view, {one, other, left}, 3, 79, 24)[0],
              testing::StartsWith("kainstall2: 56%, 336.0 MiB of about 600.0 MiB"));
}

TEST(StatusTable, OfASingleSessionADoneNodeHasItAll) {
  SessionView view = session();
  NodeStatus done = node("10.0.1.35", State::done), running = node("10.0.1.36", State::running, "kainstall2");
  done.round = 1;
  running.sunk = 100 * mib;
  EXPECT_EQ(written_on_average(view, {done, running}), 200 * mib);
}

TEST(StatusTable, WhatTheSessionWaitsForIsNamed) {
  SessionView view = session();
  view.expected = 0;
  view.progress.packed_in = 200 * mib;
  view.progress.packed_out = 76 * mib;
  view.progress.held_up_by = "the sink of 10.0.1.35 (\x1b[2J)";
  NodeStatus running = node("10.0.1.35", State::running, "kainstall2");
  running.sunk = 150 * mib;
  running.rate = 5.0 * mib;
  EXPECT_THAT(live_table(view, {running}, 1, 120, 24),
              ElementsAre("kainstall2: 150.0 MiB, 10.0 MiB/s",
                          "  1 here, 0 done, 1 wanted, packed to 38%, waiting for the sink of 10.0.1.35 (\\x1b[2J)",
                          "10.0.1.35  running    kainstall2    150.0 MiB  5.0 MiB/s"));
}

TEST(StatusTable, TheHeadFitsAnOrdinaryTerminalWhole) {
  SessionView view = session();
  view.round = 12;
  view.expected = 1023ull << 30;
  view.rate = 1023.9 * mib;
  view.progress.packed_in = 100;
  view.progress.packed_out = 50;
  view.progress.held_up_by = "the sink of 10.110.111.135 (node135)";
  NodeStatus running = node("10.0.1.35", State::running, "kainstall2");
  running.sunk = 900ull << 30;
  std::vector<NodeStatus> nodes(100, running);
  for (int i = 0; i < 20; ++i) nodes[static_cast<std::size_t>(i)].state = i % 2 ? State::failed : State::put_out;
  auto lines = session_lines(view, nodes, 100, 79);
  EXPECT_EQ(lines[0], "kainstall2: 87%, 900.0 GiB of about 1023.0 GiB, 1023.9 MiB/s, 2:03 left");
  EXPECT_THAT(lines[1], testing::StartsWith("  100 here, 0 done, 10 failed, 10 dropped, 100 wanted, packed to 50%"));
  for (const std::string& line : lines) EXPECT_LE(line.size(), 79u) << line;
}

TEST(StatusTable, WhileNoSessionRunsItSaysWhatIsWaitedFor) {
  EXPECT_EQ(live_table(SessionView(), {}, 2, 79, 24)[0], "Waiting for nodes: 0 here, 0 done, 2 wanted");
  NodeStatus done = node("10.0.1.35", State::done), running = node("10.0.1.36", State::finishing);
  EXPECT_EQ(live_table(SessionView(), {done, running}, 2, 79, 24)[0],
            "The nodes are at work: 2 here, 1 done, 2 wanted");
  EXPECT_EQ(live_table(SessionView(), {done, done}, 2, 79, 24)[0], "All nodes are done: 2 here, 2 done, 2 wanted");
}

TEST(StatusTable, NothingIsWiderOrHigherThanTheTerminal) {
  std::vector<NodeStatus> nodes;
  for (int i = 0; i < 100; ++i)
    nodes.push_back(node("10.0.1." + std::to_string(i), i == 99 ? State::failed : State::done));
  auto lines = live_table(session(), nodes, 100, 40, 10);
  EXPECT_LT(lines.size(), 10u);
  for (const std::string& line : lines) EXPECT_LE(line.size(), 40u);
  EXPECT_THAT(lines[3], testing::HasSubstr("10.0.1.99"));
  EXPECT_EQ(lines.back(), "... and 95 more: 95 done");
}

// Whatever its size, nothing wraps, the cursor's row stays free, and what a width leaves out it leaves out whole.
TEST(StatusTable, FitsTerminalsOfAllSizes) {
  std::vector<NodeStatus> nodes;
  for (int i = 0; i < 64; ++i) {
    nodes.push_back(node("10.110.111." + std::to_string(100 + i), static_cast<State>(i % 6), "kainstall2"));
    nodes.back().host_name = "a-machine-with-a-long-name-" + std::to_string(i);
    nodes.back().sunk = 100 * mib;
    nodes.back().rate = 12.5 * mib;
    nodes.back().reason = "the disk sda cannot be written: Input/output error";
  }
  for (const SessionView& view : {session(), SessionView()})
    for (unsigned width = 1; width <= 130; ++width)
      for (unsigned height : {1u, 2u, 3u, 7u, 8u, 10u, 24u, 64u, 65u, 70u}) {
        const auto lines = live_table(view, nodes, 64, width, height);
        ASSERT_LE(lines.size(), std::max(2u, height) - 1) << width << "x" << height;
        for (const std::string& line : lines) ASSERT_LE(line.size(), width) << line;
        if (height > 7 && height < 64 && width > 30) {
          ASSERT_THAT(lines.back(), testing::StartsWith("... and ")) << width << "x" << height;
          ASSERT_FALSE(lines.back().ends_with('~')) << lines.back();
        }
      }
  const auto narrow = live_table(session(), nodes, 64, 39, 10);
  EXPECT_EQ(narrow[2], "  64 here, 11 done, 10 failed");
  EXPECT_EQ(narrow[3], "10.110.111.104~  failed     the disk s~");
}

TEST(StatusTable, ANarrowRowHasThePercentBeforeTheStage) {
  NodeStatus running = node("10.0.1.35", State::running, "kainstall2");
  running.sunk = 150 * mib;
  running.rate = 5.0 * mib;
  EXPECT_EQ(live_table(session(), {running}, 1, 39, 10).back(), "10.0.1.35  running    25%   5.0 MiB/s");
  EXPECT_EQ(live_table(session(), {running}, 1, 24, 10).back(), "10.0.1.35  running");
}

TEST(StatusTable, TroublesAndTheOneThatAllWaitForStandOut) {
  SessionView view = session();
  view.progress.held_up_node = 3;
  std::vector<NodeStatus> nodes = {node("10.0.1.1", State::failed), node("10.0.1.2", State::put_out),
                                   node("10.0.1.3", State::done), node("10.0.1.4", State::running),
                                   node("10.0.1.5", State::running)};
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i].number = i, nodes[i].order = 9 - static_cast<unsigned>(i);
  std::vector<Tone> tones;
  for (const TableLine& line : live_lines(view, nodes, 5, 79, 24)) tones.push_back(line.tone);
  EXPECT_THAT(tones, ElementsAre(Tone::plain, Tone::flow, Tone::plain, Tone::bad, Tone::warning, Tone::plain,
                                 Tone::warning, Tone::good));
}

TEST(StatusTable, AHostNameCannotPaintTheTerminal) {
  NodeStatus hostile = node("10.0.1.35", State::waiting);
  hostile.host_name = "\x1b[2J";
  for (const std::string& line : live_table(SessionView(), {hostile}, 1, 200, 24))
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(StatusTable, PercentNeverSaysAllBeforeTheEnd) {
  NodeStatus running = node("10.0.1.35", State::running, "kainstall2");
  running.sunk = 700 * mib;
  EXPECT_THAT(live_table(session(), {running}, 1, 200, 24)[0],
              testing::StartsWith("kainstall2: 99%, 700.0 MiB of about 700.0 MiB, 10.0 MiB/s"));
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

TEST(StatusTable, TotalsHaveTheUnitsOfAllTheRest) {
  EXPECT_EQ(totals_text(627 * mib, std::chrono::duration<double>(127.0)), "627.0 MiB in 2:07, 4.9 MiB/s");
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

wire::DiskOffer missing_disk(const std::string& golden, const std::string& arrays) {
  wire::DiskOffer none;
  none.golden = golden;
  none.contents = arrays;
  return none;
}

TEST(ServerReport, SaysWhichDisksACloneLacks) {
  Report report;
  report.result.nodes = {node("10.0.1.35", State::done)};
  wire::DiskOffer there;
  there.golden = "sda", there.name = "vda";
  report.result.nodes[0].disks = {there, missing_disk("sdb", "md0, md1")};
  auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json["nodes"][0]["missing_disks"],
            (nlohmann::json::array({{{"golden", "sdb"}, {"degraded", "md0, md1"}}})));
}

TEST(DegradedText, NamesTheCloneItsArraysAndTheRemedy) {
  NodeStatus clone = node("10.0.1.35", State::done);
  EXPECT_EQ(degraded_text({clone}), "");
  clone.disks = {missing_disk("sdb", "md0, md1"), missing_disk("sdc", "md1, md10")};
  EXPECT_EQ(degraded_text({clone}),
            "! 10.0.1.35 has no disk in the place of sdb, sdc: degraded are md0, md1, md10. To complete one: mdadm "
            "/dev/md0 --add DEVICE\n");
  clone.state = State::failed;
  EXPECT_EQ(degraded_text({clone}), "");
}

TEST(ServerReport, HasTheIdentityOfEachClone) {
  using wire::IdentityClass;
  Report report;
  report.result.nodes = {node("10.0.1.35", State::done), node("10.0.1.36", State::waiting)};
  report.result.nodes[0].identity = {{IdentityClass::renewed, "machine-id", "/etc/machine-id"},
                                     {IdentityClass::kept, "nvme-host", "/etc/nvme/hostid"},
                                     {IdentityClass::reported, "kerberos-keytab", "/etc/krb5.keytab"},
                                     {IdentityClass::reported, "a lie", "\xff"},
                                     {IdentityClass::found, wire::found_host_name, "/etc/motd:2"}};
  auto json = nlohmann::json::parse(report_json(report));
  auto identity = json["nodes"][0]["identity"];
  EXPECT_EQ(identity["renewed"][0], (nlohmann::json{{"item", "machine-id"}, {"where", "/etc/machine-id"}}));
  EXPECT_EQ(identity["kept"][0]["item"], "nvme-host");
  EXPECT_EQ(identity["reported"][0]["where"], "/etc/krb5.keytab");
  EXPECT_EQ(identity["reported"][0]["remedy"], wire::row_of(wire::IdentityItem::kerberos_keytab).remedy);
  EXPECT_EQ(identity["reported"][1]["where"], "\\xff");
  EXPECT_EQ(identity["reported"][1]["remedy"], "");
  EXPECT_EQ(identity["found"][0]["where"], "/etc/motd:2");
  for (const char* name : wire::identity_class_names) EXPECT_TRUE(json["nodes"][1]["identity"][name].empty()) << name;
}

TEST(ServerReport, OfACheckThatRefuses) {
  CloneOptions options;
  options.nodes = 3;
  const Refusal why({"sdb: LVM", "sda: no room"}, {"a hook is not executable"});
  auto json = nlohmann::json::parse(check_json(options, why));
  EXPECT_EQ(json["result"], "refused");
  EXPECT_EQ(json["refusals"], nlohmann::json({"sdb: LVM", "sda: no room"}));
  EXPECT_EQ(json["warnings"], nlohmann::json({"a hook is not executable"}));
  EXPECT_TRUE(json["plan"].is_null());
  EXPECT_EQ(json["nodes_wanted"], 3);
  EXPECT_EQ(nlohmann::json::parse(check_json(options, Error("run dumpe2fs", "it is not there")))["refusals"][0],
            "run dumpe2fs: it is not there");
}

TEST(ServerReport, OfACheckThatFindsNothingInTheWay) {
  Prepared ready;
  storage::Partition partition;
  partition.number = 1;
  partition.type = "83";
  partition.size.fill = true;
  storage::Storage& storage = ready.plan.manifest.storage;
  storage::add_disk(storage, "sda", {100 * mib, 512, std::string(446, 'x')}, {}, {partition});
  storage::Ext root;
  root.version = "ext4";
  storage::add_content(storage, "sda1", root);
  ready.plan.manifest.mounts = {{"sda1:fs", "/", ""}};
  ready.plan.excluded = {"/tmp"};
  ready.plan.not_cloned = {{"/mnt/data (sdb1, ext4)", "left out by -X sdb"}};
  ready.plan.warnings = {"/home is nearly full"};
  ready.plan.expected = 1234;
  auto json = nlohmann::json::parse(check_json(CloneOptions(), ready));
  EXPECT_EQ(json["result"], "possible");
  EXPECT_EQ(json["plan"]["storage"][0]["id"], "sda");
  EXPECT_FALSE(json["plan"]["storage"][0].contains("boot_code"));
  EXPECT_EQ(json["plan"]["mounts"][0]["point"], "/");
  EXPECT_EQ(json["plan"]["excluded"][0], "/tmp");
  EXPECT_EQ(json["plan"]["not_cloned"][0]["why"], "left out by -X sdb");
  EXPECT_EQ(json["plan"]["expected_bytes"], 1234);
  EXPECT_EQ(json["warnings"][0], "/home is nearly full");
  EXPECT_TRUE(json["refusals"].empty());
}

}  // namespace
}  // namespace ka::server
