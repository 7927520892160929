// A stream goes where it shall, whole, from the right place on; and nothing is touched before the first byte.

#include "agent/machine/sink.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/client/client_target.h"
#include "tests/unit/run_coroutine.h"
#include "tests/unit/scratch.h"
#include "wire/extents.h"

namespace ka::agent {
namespace {

class SinkTest : public CoroutineTest {
 protected:
  static std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }
  void take(Sink& sink, std::string_view text) {
    get(sink.write(bytes(text)));
    get(sink.close());
  }
  UniqueFd open(const std::string& path, int how) {
    UniqueFd fd(::open(scratch_.at(path).c_str(), how | O_CLOEXEC, 0644));
    EXPECT_TRUE(fd.valid());
    return fd;
  }
  ClientTarget target(const std::string& path) { return ClientTarget(io_, "", scratch_.at(path), {}); }

  Scratch scratch_;
};

TEST_F(SinkTest, AFileIsEmptiedAtTheFirstByteAndNotBefore) {
  scratch_.file("/f", "what was there before");
  ClientTarget file = target("/f");
  auto given_up = file.sink();
  given_up->abort();
  EXPECT_EQ(scratch_.content("/f"), "what was there before");
  take(*file.sink(), "new");
  EXPECT_EQ(scratch_.content("/f"), "new");
  take(*file.sink(), "ne");
  EXPECT_EQ(scratch_.content("/f"), "ne") << "another round begins at the start";
  EXPECT_FALSE(file.spent());
}

TEST_F(SinkTest, AnEmptyStreamLeavesAnEmptyFile) {
  scratch_.file("/f", "what was there before");
  ClientTarget file = target("/f");
  get(file.sink()->close());
  EXPECT_EQ(scratch_.content("/f"), "");
  ClientTarget other = target("/new");
  EXPECT_FALSE(scratch_.has("/new"));
  get(other.sink()->close());
  EXPECT_EQ(scratch_.content("/new"), "");
}

TEST_F(SinkTest, ADescriptorIsUsedWhereItStands) {
  UniqueFd file = open("/f", O_RDWR | O_CREAT);
  ASSERT_EQ(::write(file.get(), "head ", 5), 5);
  FileSink sink(io_, UniqueFd(::dup(file.get())), "it", FileSink::From::here);
  take(sink, "body");
  ASSERT_EQ(::write(file.get(), " tail", 5), 5);
  EXPECT_EQ(scratch_.content("/f"), "head body tail");

  UniqueFd appended = open("/f", O_WRONLY | O_APPEND);
  FileSink more(io_, std::move(appended), "it", FileSink::From::here);
  take(more, "!");
  EXPECT_EQ(scratch_.content("/f"), "head body tail!");
}

TEST_F(SinkTest, APipeIsWritten) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd read(ends[0]);
  FileSink pipe(io_, UniqueFd(ends[1]), "a pipe", FileSink::From::here);
  take(pipe, "through");
  char room[16] = "";
  EXPECT_EQ(::read(read.get(), room, sizeof room), 7);
  EXPECT_STREQ(room, "through");
}

TEST_F(SinkTest, ASocketIsWrittenToo) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  UniqueFd ours(ends[0]);
  FileSink sink(io_, UniqueFd(ends[1]), "a socket", FileSink::From::here);
  take(sink, "through");
  char room[16] = "";
  EXPECT_EQ(::read(ours.get(), room, sizeof room), 7);
}

TEST_F(SinkTest, ThoseWhoReadNoMoreAreTheReason) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  FileSink pipe(io_, UniqueFd(ends[1]), "a pipe", FileSink::From::here);
  ::close(ends[0]);
  std::string error = error_of(pipe.write(bytes("lost")));
  if (error.empty()) error = error_of(pipe.close());
  EXPECT_EQ(error, "write a pipe: Broken pipe");
}

TEST_F(SinkTest, AFifoThatNobodyReadsStopsNobody) {
  ASSERT_EQ(::mkfifo(scratch_.at("/fifo").c_str(), 0600), 0);
  ClientTarget fifo = target("/fifo");
  auto sink = fifo.sink();
  get(sink->write(bytes("patience")));
  EXPECT_TRUE(fifo.spent());
  UniqueFd reader = open("/fifo", O_RDONLY);
  get(sink->close());
  char room[16] = "";
  EXPECT_EQ(::read(reader.get(), room, sizeof room), 8);
}

TEST_F(SinkTest, ADiskThatIsFullIsNamed) {
  ClientTarget full(io_, "", "/dev/full", {});
  auto sink = full.sink();
  std::string error = error_of(sink->write(bytes("x")));
  if (error.empty()) error = error_of(sink->close());
  EXPECT_EQ(error, "write /dev/full: No space left on device");
}

TEST_F(SinkTest, ADeviceThatIsNotThereIsNotMadeAsAFile) {
  const std::string device = "/dev/ka-no-such-device";
  try {
    ClientTarget none(io_, "", device, {});
    ADD_FAILURE() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), "open " + device + ": there is no such device");
  }
  EXPECT_NE(::access(device.c_str(), F_OK), 0);
  EXPECT_THROW(target("/no/such/folder"), Error);
  EXPECT_THROW(target("/"), Error);
}

TEST_F(SinkTest, WhatWentToStandardOutputIsSpent) {
  ClientTarget out(io_, "", "/dev/null", {});
  auto sink = out.sink();
  EXPECT_FALSE(out.spent());
  get(sink->write(bytes("x")));
  EXPECT_TRUE(out.spent());
  EXPECT_EQ(out.taken(), 1u);
}

// The start of a file system comes last: before that the disk has nothing that could be taken for one.
TEST_F(SinkTest, ExtentsGoWhereTheyLieAndTheFirstBytesAreTheLast) {
  const std::string old(20000, 'o'), first(5000, 'f');
  const std::string stream = wire::extent_header({0, 5000}) + first + wire::extent_header({15000, 4}) + "data";
  scratch_.file("/disk", old);
  FileSink cut_off(io_, open("/disk", O_RDWR), "the disk", 20000);
  EXPECT_THROW(take(cut_off, stream), Error);
  EXPECT_EQ(scratch_.content("/disk").substr(0, 4096), old.substr(0, 4096));

  FileSink whole(io_, open("/disk", O_RDWR), "the disk", 20000);
  take(whole, stream + wire::extents_end(20000));
  EXPECT_EQ(scratch_.content("/disk"), first + old.substr(0, 10000) + "data" + old.substr(0, 4996));

  FileSink other(io_, open("/disk", O_RDWR), "the disk", 20001);
  EXPECT_THROW(take(other, stream + wire::extents_end(20000)), Error);
}

}  // namespace
}  // namespace ka::agent
