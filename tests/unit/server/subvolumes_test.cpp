// What a Btrfs says of its subvolumes, as the kernel hands it out.
#include "server/golden/subvolumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace ka::server {
namespace {

std::string number(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

std::string item(std::uint64_t object, std::uint32_t type, std::uint64_t offset, const std::string& content) {
  return number(7, 8) + number(object, 8) + number(offset, 8) + number(type, 4) + number(content.size(), 4) + content;
}

std::string root(bool read_only, bool snapshot) {
  std::string content(439, '\0');
  content[208] = read_only ? 1 : 0;
  if (snapshot) content[270] = 'x';
  return content;
}

std::string reference(std::uint64_t directory, const std::string& name) {
  return number(directory, 8) + number(9, 8) + number(name.size(), 2) + name;
}

const auto in_place = [](std::uint64_t, std::uint64_t directory) {
  return directory == 256 ? std::string() : ".snapshots/" + std::to_string(directory) + "/";
};

TEST(GoldenSubvolumes, AreThoseThatHaveANameSomewhere) {
  const std::string bytes = item(256, 132, 0, root(false, false)) + item(256, 144, 5, reference(256, "@")) +
                            item(257, 132, 40, root(true, true)) + item(257, 144, 256, reference(300, "snap\xff")) +
                            item(258, 132, 0, root(false, false));  // deleted
  const auto all = subvolumes_of(parse_tree_items(bytes, 5), in_place);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].path, "@");
  EXPECT_FALSE(all[0].read_only || all[0].snapshot);
  EXPECT_EQ(all[1].path, "@/.snapshots/300/snap\xff");
  EXPECT_EQ(all[1].id, 257u);
  EXPECT_TRUE(all[1].read_only && all[1].snapshot);
}

TEST(GoldenSubvolumes, WhatIsDamagedIsAnError) {
  const std::string bytes = item(256, 144, 5, reference(256, "@"));
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(parse_tree_items(std::string_view(bytes).substr(0, size), 1), Error) << size;
  EXPECT_THROW(
      subvolumes_of(parse_tree_items(item(256, 144, 5, number(256, 8) + number(9, 8) + number(99, 2)), 1), in_place),
      Error);
  EXPECT_THROW(subvolumes_of(parse_tree_items(item(256, 132, 0, "short"), 1), in_place), Error);
  const std::string circle = item(256, 144, 257, reference(256, "a")) + item(257, 144, 256, reference(256, "b"));
  EXPECT_THROW(subvolumes_of(parse_tree_items(circle, 2), in_place), Error);
}

}  // namespace
}  // namespace ka::server
