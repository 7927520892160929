#include "server/golden/kinds.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/storage/kinds.h"
#include "wire/storage/superblock.h"

namespace ka::server {

namespace {

Reading read_ext(const Reader& reader, const Probe& probe, const Answers& answers) {
  Reading reading;
  if (answers.program.empty())
    reading.what = storage::Ext();
  else
    reading = parse_dumpe2fs(answers.program);
  auto& ext = std::get<storage::Ext>(reading.what);
  ext.version = reader.type;
  // What blkid was sure of is what fstab goes by.
  if (answers.program.empty() || probe.error.empty()) {
    ext.uuid = probe.uuid;
    ext.label = probe.label;
  }
  return reading;
}

Reading read_swap(const Reader&, const Probe& probe, const Answers&) {
  return {storage::Swap{probe.uuid, probe.label}, {}};
}

// What its superblock says, which must be there.
Reading read_superblock(const Reader& reader, const Probe& probe, const Answers& answers) {
  if (answers.superblock.empty())
    throw Error(std::string("read the superblock of a ") + reader.type,
                probe.error.empty() ? "it was not looked at" : probe.error);
  return {reader.kind.read(answers.superblock), {}};
}

// Programs that write labels as UTF-16 need a locale for what is not ASCII, and none is set up in stage2.
void drop_label_if(Reading& reading, std::string& label, std::string_view unwritable) {
  auto writable = [unwritable](char c) { return c >= ' ' && c < 0x7f && unwritable.find(c) == std::string_view::npos; };
  if (std::all_of(label.begin(), label.end(), writable)) return;
  reading.not_kept.push_back("its label " + escape_bytes(label) +
                             " has characters that the programs of stage2 cannot write: the clones get none");
  label.clear();
}

// The label lies in the root directory, too, and what is there is what fstab and people go by.
Reading read_fat(const Reader& reader, const Probe& probe, const Answers& answers) {
  Reading reading = read_superblock(reader, probe, answers);
  auto& fat = std::get<storage::Fat>(reading.what);
  if (probe.error.empty()) fat.label = probe.label;
  drop_label_if(reading, fat.label, "*?.,;:/\\|+=<>[]\"");
  return reading;
}

// The words of `golden` that are one of these, or begin with one that ends with =.
std::string kept_options(std::string_view golden, std::initializer_list<std::string_view> known) {
  std::string kept;
  for (std::string_view option : split(golden, ','))
    for (std::string_view word : known)
      if (word.ends_with('=') ? option.starts_with(word) : option == word)
        kept += (kept.empty() ? "" : ",") + std::string(option);
  return kept;
}

// Those of the golden mount that say how names are written.
std::string fat_options(std::string_view golden) {
  return kept_options(golden, {"codepage=", "iocharset=", "shortname=", "utf8", "uni_xlate"});
}

Reading read_xfs(const Reader& reader, const Probe& probe, const Answers& answers) {
  Reading reading = read_superblock(reader, probe, answers);
  constexpr std::size_t quota_flags = 176;
  if (storage::Superblock("XFS", answers.superblock[0]).big(quota_flags, 2) != 0)
    reading.not_kept.emplace_back("quota limits lie in hidden files of the file system and are not cloned (xfs_quota)");
  return reading;
}

// Quotas that are on stay on, and are counted as the files come.
std::string xfs_options(std::string_view golden) {
  return kept_options(golden, {"usrquota", "uqnoenforce", "grpquota", "gqnoenforce", "prjquota", "pqnoenforce"});
}

// The label lies among the files, where only blkid looks.
Reading read_exfat(const Reader& reader, const Probe& probe, const Answers& answers) {
  Reading reading = read_superblock(reader, probe, answers);
  auto& exfat = std::get<storage::Exfat>(reading.what);
  if (probe.error.empty()) exfat.label = probe.label;
  drop_label_if(reading, exfat.label, "");
  return reading;
}

Reading read_f2fs(const Reader& reader, const Probe& probe, const Answers& answers) {
  Reading reading = read_superblock(reader, probe, answers);
  drop_label_if(reading, std::get<storage::F2fs>(reading.what).label, "");
  return reading;
}

// Owners are one for all files, and no chown to another one is taken.
std::string exfat_options(std::string_view golden) { return kept_options(golden, {"iocharset=", "uid=", "gid="}); }

std::string jfs_options(std::string_view golden) {
  return kept_options(golden, {"iocharset=", "usrquota", "grpquota"});
}

std::string reiserfs_options(std::string_view golden) { return kept_options(golden, {"acl", "user_xattr", "attrs"}); }

std::string f2fs_options(std::string_view golden) {
  return kept_options(golden, {"acl", "user_xattr", "usrquota", "grpquota", "prjquota",
                               "compress_algorithm=", "compress_log_size=", "compress_extension="});
}

// Files are written packed as they would be here.
std::string btrfs_options(std::string_view golden) {
  std::string kept;
  for (std::string_view option : split(golden, ','))
    for (std::string_view known : {"compress=", "compress-force="})
      if (option.starts_with(known)) kept += (kept.empty() ? "" : ",") + std::string(option);
  return kept;
}

std::string ext_options(std::string_view) { return "acl,user_xattr"; }

constexpr Reader readers[] = {
    {"ext2", storage::ext_rule, "dumpe2fs -h", read_ext, ext_options},
    {"ext3", storage::ext_rule, "dumpe2fs -h", read_ext, ext_options},
    {"ext4", storage::ext_rule, "dumpe2fs -h", read_ext, ext_options},
    {"vfat", storage::fat_rule, "", read_fat, fat_options},
    {"xfs", storage::xfs_rule, "", read_xfs, xfs_options},
    {"jfs", storage::jfs_rule, "", read_superblock, jfs_options},
    {"reiserfs", storage::reiserfs_rule, "", read_superblock, reiserfs_options},
    {"f2fs", storage::f2fs_rule, "", read_f2fs, f2fs_options},
    {"exfat", storage::exfat_rule, "", read_exfat, exfat_options},
    {"btrfs", storage::btrfs_rule, "", read_superblock, btrfs_options},
    {"swap", storage::swap_rule, "", read_swap, nullptr},
    {"swsuspend", storage::swap_rule, "", read_swap, nullptr},  // the swap space of a machine that hibernated
};

}  // namespace

const Reader* find_reader(std::string_view type) {
  for (const Reader& reader : readers)
    if (type == reader.type) return &reader;
  return nullptr;
}

std::string types_that_are_cloned() {
  std::string types;
  for (const Reader& reader : readers)
    if (reader.mount_options) types += (types.empty() ? "" : ", ") + std::string(reader.type);
  return types + " and swap";
}

}  // namespace ka::server
