#include "agent/storage/kinds.h"

#include <iterator>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/labels.h"

namespace ka::agent {

namespace {

std::string partition_device(const storage::Node& node, const std::string& below) {
  return storage::partition_name(below, storage::as<storage::Partition>(node).number);
}

// In the order of What.
const Maker* const makers[] = {&disk_maker,  &table_maker, &partition_maker, &raid_maker,     &crypt_maker,
                               &group_maker, &pool_maker,  &volume_maker,    &ext_maker,      &fat_maker,
                               &xfs_maker,   &btrfs_maker, &jfs_maker,       &reiserfs_maker, &f2fs_maker,
                               &exfat_maker, &swap_maker,  &blocks_maker};
static_assert(std::size(makers) == std::variant_size_v<storage::What>);

}  // namespace

// What stands on a disk and is made with its table (clone.cpp), or comes in a session.
const Maker disk_maker = {};
const Maker table_maker = {.programs = {"sh", "sfdisk", "truncate"}, .longest_label = 0};
const Maker partition_maker = {.longest_label = 0, .device = partition_device};
const Maker blocks_maker = {};

std::vector<std::string> charset_modules(const std::string& options) {
  std::vector<std::string> modules;
  for (std::string_view option : split(options, ',')) {
    constexpr std::string_view page = "codepage=", charset = "iocharset=";
    if (option.starts_with(page)) modules.push_back("nls_cp" + std::string(option.substr(page.size())));
    if (option.starts_with(charset)) modules.push_back("nls_" + std::string(option.substr(charset.size())));
  }
  return modules;
}

const Maker& maker(const storage::Node& node) { return *makers[node.what.index()]; }

void check_fit(const storage::Storage& storage, const storage::Node& content, const storage::Ground& ground,
               const std::string& point) {
  const storage::Rule& kind = storage::rule(content);
  const std::string doing =
      "fit the golden " + content.on.front() + (point.empty() ? "" : " (" + escape_bytes(point) + ")");
  const storage::Usage* used = storage::usage_of(content);
  if (!storage::fits(content, ground))
    throw Error(doing, (used ? "it holds " + format_size(used->bytes) + " and" : std::string("it")) + " needs about " +
                           format_size(storage::least(content, ground.sector)) + " (" + kind.text(content) +
                           "); there are " + format_size(ground.bytes));
  const std::string label = kind.names(storage, content).label;
  if (!kind.comes_by_stream && label.size() > maker(content).longest_label)
    throw Error(doing, "the label " + escape_bytes(label) + " is too long for " + kind.text(content));
}

}  // namespace ka::agent
