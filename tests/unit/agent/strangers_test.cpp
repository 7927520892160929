// What a look at a disk prints, and what it means.
#include "agent/storage/strangers.h"

#include <gtest/gtest.h>

namespace ka::agent {
namespace {

std::string in_words(std::string_view printed) {
  std::string text;
  const Look look = read_look(printed);
  for (const Borne& b : look.borne) text += b.device + " " + b.tag + " " + b.value + "\n";
  for (const std::string& device : look.unread) text += device + " unread\n";
  return text;
}

TEST(StrangersTest, ReadsWhatBlkidAndWipefsPrint) {
  EXPECT_EQ(in_words("DEVICE=/dev/sdb\nDEVNAME=/dev/sdb\nPTUUID=59be1427\nDEVICE=/dev/sdb1\nUNREAD\n"
                     "DEVICE=/dev/sdb2\nUUID=\nUUID=1111-2222\n"),
            "/dev/sdb DEVNAME /dev/sdb\n/dev/sdb PTUUID 59be1427\n/dev/sdb2 UUID 1111-2222\n/dev/sdb1 unread\n");
}

TEST(StrangersTest, WhateverIsPrintedIsNoReasonToFail) {
  EXPECT_EQ(in_words(""), "");
  EXPECT_EQ(in_words("=\n==\nUNREAD\nUUID\n\xff=\xff\n"), "  =\n \xff \xff\n unread\n");
}

}  // namespace
}  // namespace ka::agent
