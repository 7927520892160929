#include "server/command/saved_options.h"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "server/shelf/image.h"

namespace ka::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SavedOptions, AskForTheSamePlanAgain) {
  CLI::App app;
  CloneOptions options;
  app.add_option("IMAGE", options.shelf);
  add_plan_options(app, options);
  app.parse(
      "-x /srv -x '/var/my cache' -X sdb -p sda /root/desc -p vg0 /root/vg -r 'grub --with=jfs' --shrink "
      "--config /dev/null --step-limit 5 /mnt/image");
  const std::vector<std::string> words = plan_words(app);
  EXPECT_THAT(words, ElementsAre("--exclude=/srv", "--exclude=/var/my cache", "--exclude-drive=sdb", "--desc", "sda",
                                 "/root/desc", "--desc", "vg0", "/root/vg", "--boot-loader=grub --with=jfs",
                                 "--step-limit=5", "--shrink=true"));
  const CloneOptions again = options_of(words);
  EXPECT_EQ(again.excluded, options.excluded);
  EXPECT_EQ(again.excluded_drives, options.excluded_drives);
  EXPECT_EQ(again.descs, options.descs);
  EXPECT_EQ(again.boot_loader, options.boot_loader);
  EXPECT_EQ(again.step_limit, 5u);
  EXPECT_TRUE(again.shrink);
  // Whoever has removed that directory since is told that it is gone, and not refused.
  EXPECT_TRUE(again.from_file.count({"exclude", "/srv"}));
}

TEST(SavedOptions, OfALaterKaAreRefused) {
  try {
    options_of({"--exclude=/srv", "--novelty"});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("--novelty"));
  }
}

TEST(SavedOptions, AreInTheIndexIfTheyAreKnown) {
  ImageIndex index;
  index.manifest = {"manifest.json", 1, std::string(64, '0')};
  index.stage2 = {"stage2.sqfs", 1, std::string(64, '0')};
  EXPECT_FALSE(parse_image_index(to_json(index)).options);
  index.options = std::vector<std::string>();
  EXPECT_THAT(*parse_image_index(to_json(index)).options, IsEmpty());
  index.options = {"--exclude=/srv/\xff"};
  EXPECT_THAT(*parse_image_index(to_json(index)).options, ElementsAre("--exclude=/srv/\xff"));
}

}  // namespace
}  // namespace ka::server
