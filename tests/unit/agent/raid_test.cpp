// How an array is made and stopped, how large it is, and what the clone's own mdadm is told of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/bootable/raid_files.h"
#include "agent/storage/kinds.h"
#include "tests/unit/scratch.h"

namespace ka::agent {
namespace {

using storage::Ground;
using storage::Node;
using storage::Raid;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const char* const uuid = "3aaa0122:29827cfa:5331ad66:ca767371";

// The legs that mdadm 4.2 was tried with.
const std::vector<Ground> unlike = {{400000 * 512, 512}, {410003 * 512, 512}, {460017 * 512, 512}, {500006 * 512, 512}};

Node array(const std::string& level, const std::string& metadata, std::uint32_t slots) {
  Raid raid;
  raid.level = level;
  raid.metadata = metadata;
  raid.uuid = uuid;
  raid.name = metadata == "0.90" ? "" : "root";
  raid.slots = slots;
  raid.offset = metadata == "1.1" || metadata == "1.2" ? 2 << 20 : 0;
  if (level != "raid1" && level != "linear") raid.chunk = 64 << 10;
  return {"md7", std::vector<storage::Id>(slots, "leg"), {}, raid};
}

Raid& raid_of(Node& node) { return std::get<Raid>(node.what); }

std::uint64_t joined(const Node& node) {
  return storage::rule(node).joined(node, std::span(unlike).first(node.on.size())).bytes;
}

std::vector<std::string> commands(const Node& node, std::vector<Command> (*step)(const Job&)) {
  Job job{node, "/dev/md7", {}};
  job.host_name = "node7";
  for (std::size_t i = 0; i < node.on.size(); ++i)
    job.below.push_back({"/dev/vd" + std::string(1, static_cast<char>('a' + i)), unlike[i]});
  std::vector<std::string> texts;
  for (const Command& command : step(job)) texts.push_back(command.text());
  return texts;
}

TEST(RaidSize, IsWhatMdadmMakes) {
  EXPECT_EQ(joined(array("raid1", "0.90", 2)), 204734464u);
  EXPECT_EQ(joined(array("raid1", "1.0", 2)), 204734464u);
  EXPECT_EQ(joined(array("raid1", "1.1", 2)), 202702848u);
  EXPECT_EQ(joined(array("linear", "0.90", 3)), 649986048u);
  EXPECT_EQ(joined(array("linear", "1.0", 3)), 650211328u);
  EXPECT_EQ(joined(array("linear", "1.2", 3)), 643958784u);
  EXPECT_EQ(joined(array("raid6", "1.2", 4)), 405405696u);
  Node stripes = array("raid0", "1.0", 3);
  raid_of(stripes).chunk = 512 << 10;
  EXPECT_EQ(joined(stripes), 649592832u);
  const std::pair<const char*, std::uint64_t> layouts[] = {{"n2", 405405696}, {"f2", 405274624}, {"o3", 270270464}};
  for (const auto& [layout, bytes] : layouts) {
    Node mirrors = array("raid10", "1.2", 4);
    raid_of(mirrors).layout = layout;
    EXPECT_EQ(joined(mirrors), bytes) << layout;
  }
}

TEST(RaidSize, ASpareMustHaveRoomForALeg) {
  Node mirror = array("raid1", "1.2", 2);
  mirror.on.emplace_back("spare");
  const std::vector<Ground> small = {unlike[2], unlike[1], unlike[0]};
  EXPECT_EQ(storage::rule(mirror).joined(mirror, small).bytes, 202702848u);
}

TEST(RaidMaker, SaysEveryNumber) {
  Node mirror = array("raid1", "1.2", 2);
  mirror.on.emplace_back("spare");
  raid_of(mirror).bitmap = true;
  EXPECT_THAT(
      commands(mirror, maker(mirror).make),
      ElementsAre("mdadm --create /dev/md7 --run --level=raid1 --metadata=1.2 "
                  "--uuid=3aaa0122:29827cfa:5331ad66:ca767371 --homehost=node7 --raid-devices=2 --spare-devices=1 "
                  "--name=root --data-offset=4096s --size=197952K --bitmap=internal --assume-clean /dev/vda /dev/vdb "
                  "/dev/vdc"));
}

TEST(RaidMaker, ParityIsNotMadeWhileTheFilesComeIn) {
  const Node parity = array("raid5", "1.2", 3);
  const auto made = commands(parity, maker(parity).make);
  ASSERT_EQ(made.size(), 2u);
  EXPECT_THAT(made[0], AllOf(HasSubstr(" --force "), Not(HasSubstr("assume-clean"))));
  EXPECT_THAT(made[1], HasSubstr("echo frozen"));
}

// The array, without the legs in these slots.
Node without(Node node, std::vector<std::uint32_t> slots) {
  node.on.resize(node.on.size() - slots.size());
  raid_of(node).empty_slots = std::move(slots);
  return node;
}

TEST(RaidMaker, LegsThatAreNotThereAreMissingInTheirSlots) {
  const Node mirror = without(array("raid1", "1.2", 2), {0});
  EXPECT_THAT(commands(mirror, maker(mirror).make)[0],
              AllOf(HasSubstr(" --raid-devices=2 "), HasSubstr(" --assume-clean missing /dev/vda")));
  const Node mirrors = without(array("raid10", "1.2", 4), {1, 2});
  EXPECT_THAT(commands(mirrors, maker(mirrors).make)[0], HasSubstr(" /dev/vda missing missing /dev/vdb"));
  Node spare = without(array("raid1", "1.2", 3), {2});
  spare.on.emplace_back("spare");
  EXPECT_THAT(commands(spare, maker(spare).make)[0],
              AllOf(HasSubstr(" --spare-devices=1 "), HasSubstr(" /dev/vda /dev/vdb missing /dev/vdc")));
}

// Whatever the legs that are there hold, it tells what the missing ones do; of two parities one more can be made.
TEST(RaidMaker, ParityOfAMissingLegIsRightAsItIs) {
  for (const Node& node : {without(array("raid5", "1.2", 3), {2}), without(array("raid6", "1.2", 4), {0, 3})}) {
    const auto made = commands(node, maker(node).make);
    ASSERT_EQ(made.size(), 1u);
    EXPECT_THAT(made[0], AllOf(Not(HasSubstr("--force")), Not(HasSubstr("assume-clean"))));
  }
  const Node one = without(array("raid6", "1.2", 4), {3});
  const auto made = commands(one, maker(one).make);
  ASSERT_EQ(made.size(), 2u);
  EXPECT_THAT(made[0], AllOf(Not(HasSubstr("--force")), Not(HasSubstr("assume-clean"))));
  EXPECT_THAT(made[1], HasSubstr("echo frozen"));
}

TEST(RaidSize, IsThatOfTheWholeAlsoWithoutALeg) {
  EXPECT_EQ(joined(without(array("raid6", "1.2", 4), {3})), 405405696u);
  EXPECT_EQ(joined(without(array("raid10", "1.2", 4), {3})), 405405696u);
}

TEST(RaidMaker, UnlikeStripesSayHowTheyGoOn) {
  Node stripes = array("raid0", "1.2", 3);
  EXPECT_THAT(commands(stripes, maker(stripes).make)[0],
              AllOf(HasSubstr("--layout=alternate"), Not(HasSubstr("--size")), Not(HasSubstr("--bitmap"))));
  raid_of(stripes).layout = "original";
  EXPECT_THAT(commands(stripes, maker(stripes).make)[0], HasSubstr("--layout=original"));
  Node one = array("raid0", "1.2", 1);
  EXPECT_THAT(commands(one, maker(one).make)[0], HasSubstr("--layout=dangerous"));
}

TEST(RaidMaker, ALegThatFailedOrWentIsFound) {
  Scratch sysfs;
  const std::string md = "/class/block/md7/md/";
  for (const char* leg : {"vda", "vdb"}) {
    sysfs.file(md + "dev-" + leg + "/state", "in_sync\n");
    sysfs.directory(md + "dev-" + leg + "/block");
  }
  sysfs.file(md + "array_state", "clean\n");
  const Node mirror = array("raid1", "1.2", 2);
  const Job job{mirror, "/dev/md7", {}};
  EXPECT_EQ(maker(mirror).lost(job, sysfs.root()), "");
  sysfs.file(md + "dev-vdb/state", "faulty,blocked\n");
  EXPECT_EQ(maker(mirror).lost(job, sysfs.root()), "vdb");
  std::filesystem::remove(sysfs.at(md + "dev-vda/block"));
  EXPECT_EQ(maker(mirror).lost(job, sysfs.root()), "vda, vdb");
}

TEST(RaidMaker, ItsModuleIsThatOfItsLevel) {
  const std::pair<const char*, const char*> modules[] = {
      {"raid1", "raid1"}, {"raid5", "raid456"}, {"raid6", "raid456"}, {"raid10", "raid10"}, {"linear", "linear"}};
  for (const auto& [level, module] : modules) {
    const Node node = array(level, "1.2", 4);
    EXPECT_THAT(maker(node).needed_modules(node), ElementsAre("md_mod", module));
  }
}

TEST(MdadmConf, LinesNameNoGoldenHostAndNoGoldenDisk) {
  const std::vector<Node> arrays = {array("raid1", "1.2", 2)};
  const std::string others = "ARRAY /dev/md9 UUID=11111111:29827cfa:5331ad66:ca767371 name=golden:9";
  const Rewritten rewritten = rewrite_mdadm_conf(
      "# mdadm.conf\nDEVICE /dev/sda1\n  /dev/sdb1\nHOMEHOST <system>\n"
      "ARRAY /dev/md/root metadata=1.2\n"
      "   UUID=3AAA0122:29827CFA:5331AD66:CA767371 name=golden:root\n" +
          others + "\n",
      arrays, true);
  EXPECT_EQ(rewritten.text,
            "# mdadm.conf\nDEVICE partitions containers\nHOMEHOST <system>\n"
            "ARRAY /dev/md/root metadata=1.2 UUID=3AAA0122:29827CFA:5331AD66:CA767371\n" +
                others + "\n");
  EXPECT_EQ(rewritten.changes.size(), 2u);
  EXPECT_THAT(rewritten.changes[1], HasSubstr("line 5: "));
}

TEST(MdadmConf, SparesThatAreNotThereAreNotWaitedFor) {
  Node mirror = array("raid1", "1.2", 2);
  const std::string line = std::string("ARRAY /dev/md/root spares=1 UUID=") + uuid + "\n";
  EXPECT_EQ(rewrite_mdadm_conf(line, {mirror}, true).text, std::string("ARRAY /dev/md/root UUID=") + uuid + "\n");
  mirror.on.emplace_back("spare");
  EXPECT_EQ(rewrite_mdadm_conf(line, {mirror}, true).text, line);
}

TEST(MdadmConf, AnArrayThatWasFoundByItsDisksIsFoundByItsUuid) {
  const std::vector<Node> arrays = {array("raid1", "0.90", 2)};
  EXPECT_EQ(rewrite_mdadm_conf("ARRAY /dev/md7 devices=/dev/sda1,/dev/sdb1\n", arrays, true).text,
            "ARRAY /dev/md7 UUID=3aaa0122:29827cfa:5331ad66:ca767371\n");
}

TEST(MdadmConf, AnArrayWithoutALineGetsOne) {
  const std::vector<Node> arrays = {array("raid1", "1.2", 2)};
  EXPECT_EQ(rewrite_mdadm_conf("HOMEHOST x", arrays, true).text,
            "HOMEHOST x\nARRAY /dev/md/root metadata=1.2 UUID=3aaa0122:29827cfa:5331ad66:ca767371\n");
  const std::string without_program = "HOMEHOST x\n";
  EXPECT_EQ(rewrite_mdadm_conf(without_program, arrays, false).text, without_program);
}

}  // namespace
}  // namespace ka::agent
