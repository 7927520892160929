// How volumes lie in a group's extents: on the golden disks, on larger ones, on smaller ones.
#include "wire/storage/lvm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/error.h"
#include "wire/storage/check.h"
#include "wire/storage/place.h"

namespace ka::storage {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t extent = 4 * mib;

std::string lvm_uuid(const std::string& name) {
  std::string uuid = "AAAAAA-AAAA-AAAA-AAAA-AAAA-AAAA-AAAAAA";
  std::size_t hash = std::hash<std::string>()(name);
  for (char& c : uuid)
    if (c != '-') c = static_cast<char>('A' + hash % 26), hash = hash / 26 + hash % 26 * 1000003;
  return uuid;
}

Volume shaped(const std::string& segment, std::uint32_t stripes, std::uint32_t copies, std::uint64_t extents) {
  Volume volume;
  volume.segment = segment;
  volume.stripes = stripes;
  volume.copies = copies;
  if (stripes > 1) volume.stripe_size = 65536;
  volume.size.bytes = extents * extent;
  return volume;
}
Volume linear(std::uint64_t extents) { return shaped("linear", 1, 1, extents); }

Pool pool(std::uint64_t extents, std::uint64_t metadata_extents = 1) {
  Pool made;
  made.uuid = lvm_uuid("pool");
  made.chunk = 65536;
  made.metadata = metadata_extents * extent;
  made.discards = "passdown";
  made.size.bytes = extents * extent;
  return made;
}

// A group on whole disks of so many extents.
class Machine {
 public:
  explicit Machine(const std::vector<std::uint64_t>& extents_of_disks) {
    Group group;
    group.uuid = lvm_uuid("vg0");
    group.extent = extent;
    Node node{"vg0", {}, {}, {}};
    for (std::size_t i = 0; i < extents_of_disks.size(); ++i) {
      const std::string name = std::string("sd") + static_cast<char>('a' + i);
      storage.nodes.push_back({name, {}, {}, Disk{mib + extents_of_disks[i] * extent, 512, ""}});
      node.on.push_back(name);
      group.physical.push_back({lvm_uuid(name), mib, extents_of_disks[i] * extent, {}});
    }
    node.what = group;
    storage.nodes.push_back(node);
  }

  template <typename Kind>
  Kind& add(const std::string& name, Kind kind, const Id& on = "vg0") {
    kind.uuid = lvm_uuid(name);
    storage.nodes.push_back({"vg0/" + name, {on}, {}, kind});
    return std::get<Kind>(storage.nodes.back().what);
  }

  Places on(const std::vector<std::uint64_t>& extents_of_disks) const {
    std::map<Id, Ground> disks;
    for (std::size_t i = 0; i < extents_of_disks.size(); ++i)
      disks[std::string("sd") + static_cast<char>('a' + i)] = {mib + extents_of_disks[i] * extent, 512};
    return place(storage, disks);
  }
  Places on_golden() const { return place(storage, golden_disks(storage)); }

  // Which it has of these places; each run of extents is there once, on a disk that has it.
  std::map<Id, std::vector<Extents>> laid_out(const Places& places) const {
    const Node& group = storage.at("vg0");
    auto runs = extents_of_group(storage, group, places);
    std::map<Id, std::uint64_t> end;
    for (const auto& [id, all] : runs)
      for (const Extents& run : all) end[run.on] = std::max(end[run.on], run.first + run.count);
    std::map<Id, std::uint64_t> taken;
    for (const auto& [id, all] : runs)
      for (const Extents& run : all) taken[run.on] += run.count;
    EXPECT_EQ(end, taken) << "runs overlap or leave holes";
    for (const auto& [id, extents] : end) EXPECT_LE(extents, (places.at(id).ground.bytes - mib) / extent) << id;
    return runs;
  }

  Storage storage;
};

std::uint64_t extents_of(const Places& places, const std::string& name) {
  return places.at("vg0/" + name).ground.bytes / extent;
}

std::string error_of(const Machine& machine, const std::vector<std::uint64_t>& disks) {
  try {
    machine.on(disks);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(LvmPlaces, VolumesKeepTheirSizesAndTheRestStaysFree) {
  Machine machine({100});
  machine.add("root", linear(60));
  machine.add("var", linear(30));
  for (std::uint64_t disk : {90, 100, 1000}) {
    const Places places = machine.on({disk});
    EXPECT_EQ(extents_of(places, "root"), 60u);
    EXPECT_EQ(extents_of(places, "var"), 30u);
    machine.laid_out(places);
  }
}

TEST(LvmPlaces, WhatDoesNotFitIsAnErrorWithBothSizes) {
  Machine machine({100});
  machine.add("root", linear(90));
  EXPECT_THAT(error_of(machine, {80}), HasSubstr("they need 360.0 MiB, there are 320.0 MiB"));
}

TEST(LvmPlaces, AFillTakesWhatIsLeft) {
  Machine machine({100});
  machine.add("root", linear(60));
  machine.add("var", linear(0)).size = {0, true, false};
  EXPECT_EQ(extents_of(machine.on({100}), "var"), 40u);
  EXPECT_EQ(extents_of(machine.on({500}), "var"), 440u);
}

TEST(LvmPlaces, AFillOfSeveralLegsTakesWhatAllOfThemHave) {
  Machine machine({100, 100});
  machine.add("root", linear(10)).only_on = {"sda"};
  machine.add("data", shaped("raid1", 1, 2, 0)).size = {0, true, false};
  const Places places = machine.on({100, 200});
  EXPECT_EQ(extents_of(places, "data"), 99u) << "root lies where the data has no leg's end";
  machine.laid_out(places);
  machine.storage.at("vg0/data").what = shaped("striped", 2, 1, 0);
  size_of(machine.storage.at("vg0/data"))->fill = true;
  EXPECT_EQ(extents_of(machine.on({100, 100}), "data") % 2, 0u);
}

TEST(LvmPlaces, WhatMayShrinkGivesWayByItsShare) {
  Machine machine({200});
  machine.add("root", linear(100)).size.shrinks = true;
  machine.add("swap", linear(20));
  machine.add("var", linear(50)).size.shrinks = true;
  const Places places = machine.on({100});
  EXPECT_EQ(extents_of(places, "swap"), 20u);
  EXPECT_NEAR(static_cast<double>(extents_of(places, "root")), 53, 2);
  EXPECT_NEAR(static_cast<double>(extents_of(places, "var")), 27, 2);
  EXPECT_LE(extents_of(places, "root") + extents_of(places, "var"), 80u);
  EXPECT_GE(extents_of(places, "root") + extents_of(places, "var"), 77u);
}

TEST(LvmPlaces, EachLegOfARaidHasAnExtentForItsMetadata) {
  Machine machine({11, 11, 11});
  machine.add("five", shaped("raid5_ls", 2, 1, 20));
  const auto runs = machine.laid_out(machine.on_golden());
  ASSERT_EQ(runs.at("vg0/five").size(), 3u);
  for (const Extents& run : runs.at("vg0/five")) EXPECT_EQ(run.count, 11u);
  EXPECT_THAT(error_of(machine, {11, 11, 10}), HasSubstr("they need 132.0 MiB, there are 128.0 MiB"));
  EXPECT_THAT(error_of(machine, {11, 40, 10}),
              HasSubstr("vg0/five needs 3 physical volumes with 44.0 MiB free on each"));
}

TEST(LvmPlaces, ARaid10HasStripesOfCopies) {
  Machine machine({11, 11, 11, 11});
  machine.add("ten", shaped("raid10", 2, 2, 20));
  EXPECT_EQ(machine.laid_out(machine.on_golden()).at("vg0/ten").size(), 4u);
}

TEST(LvmPlaces, AMirrorHasItsLogWhereItHasNoLeg) {
  Machine machine({10, 10, 10});
  machine.add("m", shaped("mirror", 1, 2, 10));
  EXPECT_EQ(machine.laid_out(machine.on_golden()).at("vg0/m").back().count, 1u);
  Machine narrow({10, 10});
  narrow.add("m", shaped("mirror", 1, 2, 10));
  EXPECT_EQ(narrow.laid_out(narrow.on_golden()).at("vg0/m").size(), 2u) << "its log is in memory";
}

TEST(LvmPlaces, APoolHasItsMetadataAndTheSpareOfAll) {
  Machine machine({100});
  machine.add("a", pool(40, 2));
  machine.add("b", pool(40, 3));
  const auto runs = machine.laid_out(machine.on({100}));
  EXPECT_EQ(runs.at("vg0/a")[0].count, 40u + 2 + 3);
  EXPECT_EQ(runs.at("vg0/b")[0].count, 40u + 3);
  EXPECT_THAT(error_of(machine, {87}), HasSubstr("they need 352.0 MiB"));
}

TEST(LvmPlaces, ThinVolumesKeepTheirSizeWhateverThePoolHas) {
  Machine machine({100});
  machine.add("pool", pool(40)).size.shrinks = true;
  Volume thin = shaped("thin", 1, 1, 500);
  machine.add("home", thin, "vg0/pool");
  const Places places = machine.on({30});
  EXPECT_EQ(extents_of(places, "home"), 500u);
  EXPECT_LE(extents_of(places, "pool"), 28u);
}

TEST(LvmPlaces, VolumesStayOnTheDevicesThatTheyWereOn) {
  Machine machine({100, 100});
  machine.add("fast", linear(30)).only_on = {"sdb"};
  machine.add("slow", linear(30)).only_on = {"sda"};
  const auto runs = machine.laid_out(machine.on({500, 100}));
  EXPECT_EQ(runs.at("vg0/fast")[0].on, "sdb");
  EXPECT_EQ(runs.at("vg0/slow")[0].on, "sda");
  EXPECT_EQ(machine.laid_out(machine.on({500, 20})).at("vg0/fast")[0].on, "sda") << "rather there than not at all";
}

// Any group that a machine may have: it fits the golden disks as it is, and larger ones.
TEST(LvmPlaces, GoldenVolumesFitTheGoldenDisks) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    std::mt19937_64 random(seed);
    auto below = [&random](std::uint64_t n) { return random() % n; };
    const std::size_t disks = 1 + below(5);
    Machine machine(std::vector<std::uint64_t>(disks, 0));
    std::vector<std::uint64_t> used(disks, 0);
    const std::size_t volumes = 1 + below(6);
    std::uint64_t largest_metadata = 0;
    for (std::size_t i = 0; i < volumes; ++i) {
      const std::string name = "v" + std::to_string(i);
      const std::uint64_t extents = 1 + below(50), kind = below(disks == 1 ? 2 : 4);
      if (kind == 0) {
        machine.add(name, linear(extents));
        for (std::uint64_t e = 0; e < extents; ++e) ++used[below(disks)];
      } else if (kind == 1) {
        const std::uint64_t metadata = 1 + below(3);
        machine.add(name, pool(extents, metadata));
        used[below(disks)] += extents + metadata;
        largest_metadata = std::max(largest_metadata, metadata);
      } else {
        // It knows where it was, as the golden machine says.
        const auto legs = static_cast<std::uint32_t>(2 + below(disks - 1));
        Volume& volume = kind == 2 ? machine.add(name, shaped("raid1", 1, legs, extents))
                                   : machine.add(name, shaped("striped", legs, 1, extents * legs));
        const std::size_t first = below(disks);
        for (std::uint32_t leg = 0; leg < legs; ++leg) {
          used[(first + leg) % disks] += extents + (kind == 2 ? 1 : 0);
          if (legs < disks)
            volume.only_on.push_back(std::string("sd") + static_cast<char>('a' + (first + leg) % disks));
        }
      }
    }
    used[below(disks)] += largest_metadata;
    auto& group = std::get<Group>(machine.storage.at("vg0").what);
    for (std::size_t i = 0; i < disks; ++i) group.physical[i].bytes = used[i] * extent;
    check(machine.storage);
    for (std::uint64_t more : {0, 7, 1000}) {
      std::vector<std::uint64_t> sizes = used;
      for (std::uint64_t& size : sizes) size += more;
      ASSERT_EQ(error_of(machine, sizes), "") << "seed " << seed << ", " << more << " extents more";
      machine.laid_out(machine.on(sizes));
    }
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
  }
}

// What the server says is enough for each disk is enough.
TEST(LvmPlaces, TheLeastOfEachDeviceIsEnough) {
  Machine machine({100, 100, 50});
  machine.add("root", linear(60)).size.shrinks = true;
  machine.add("data", shaped("raid1", 1, 2, 20)).only_on = {"sda", "sdb"};
  machine.add("var", linear(30));
  const Node& group = machine.storage.at("vg0");
  const auto least = rule(group).least_below(machine.storage, group, 512, true);
  std::map<Id, Ground> disks;
  for (std::size_t i = 0; i < 3; ++i) disks[group.on[i]] = {least[i], 512};
  const Places places = place(machine.storage, disks);
  EXPECT_EQ(extents_of(places, "data"), 20u);
}

}  // namespace
}  // namespace ka::storage
