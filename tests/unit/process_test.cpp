#include "base/process.h"

#include "tests/unit/run_coroutine.h"

namespace ka {
namespace {

using ProcessTest = CoroutineTest;

TEST_F(ProcessTest, GivesBackEveryByteOfALongOutput) {
  Command command({"sh", "-c", "seq 1 100000; seq 1 100000 >&2"});
  std::string text = get(output_of(io_, command));
  EXPECT_EQ(text.size(), 588895u);
}

TEST_F(ProcessTest, NamesTheProgramThatCannotBeRun) {
  Command command({"/no/such/program"});
  EXPECT_EQ(error_of(run_checked(io_, command)), "run /no/such/program: No such file or directory");
}

TEST_F(ProcessTest, AFailureCarriesStatusAndLastWords) {
  Command command({"sh", "-c", "echo going wrong >&2; exit 3"});
  EXPECT_EQ(error_of(run_checked(io_, command)), "sh -c echo going wrong >&2; exit 3 ended with status 3: going wrong");
}

TEST_F(ProcessTest, ASignalIsNotSuccess) {
  Command command({"sh", "-c", "kill -9 $$"});
  EXPECT_NE(error_of(run_checked(io_, command)).find("signal 9 (Killed)"), std::string::npos);
}

TEST_F(ProcessTest, FeedsStandardInput) {
  Command command({"sh", "-c", "test \"$(cat)\" = hello"});
  auto task = [&]() -> Awaitable<ExitStatus> {
    Process process(io_, command, Process::in_pipe);
    std::string text = "hello";
    auto bytes = asio::buffer(text);
    co_await asio::async_write(process.in(), bytes, asio::use_awaitable);
    process.in().close();
    co_return co_await process.wait();
  };
  EXPECT_TRUE(get(task()).ok());
}

TEST_F(ProcessTest, LinesAreSplitAtCarriageReturnsToo) {
  Command command({"printf", "a\\rb\\n\\nc"});
  std::vector<std::string> lines;
  auto collect = [&](std::string_view line) { lines.emplace_back(line); };
  get(run(io_, command, collect));
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b", "c"}));
}

}  // namespace
}  // namespace ka
