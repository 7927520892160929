// The manual pages say what the programs do: every option, and every default.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <regex>

#include "base/files.h"
#include "base/text.h"
#include "server/command/command_line.h"
#include "wire/identity.h"

namespace ka::server {
namespace {

using testing::ContainerEq;

// What a page looks like: without the commands that choose a font.
std::string plain(std::string_view roff) {
  std::string text(roff);
  for (const char* part : {R"(\\f[BIRP])", R"(\\&)", R"(^\.(BR|BI|B|I|RB|RI) )"})
    text = std::regex_replace(text, std::regex(part), "");
  text = std::regex_replace(text, std::regex(R"(\\-)"), "-");
  return std::regex_replace(text, std::regex("\""), "");
}

struct Described {
  std::string tag, text;
};

// The entries of OPTIONS, by the first long name, in their order.
std::vector<std::pair<std::string, Described>> options_of_page(const std::string& page) {
  std::vector<std::pair<std::string, Described>> found;
  bool in_options = false, tag_follows = false;
  for (std::string_view line : split(page, '\n')) {
    if (line.starts_with(".SH")) in_options = line == ".SH OPTIONS";
    if (!in_options) continue;
    if (line == ".TP") {
      tag_follows = true;
      continue;
    }
    const std::string words = plain(line);
    if (std::exchange(tag_follows, false)) {
      std::smatch name;
      if (std::regex_search(words, name, std::regex("--([a-z0-9-]+)"))) found.push_back({name[1], {words, ""}});
    } else if (!found.empty() && line != ".PP") {
      found.back().second.text += (found.back().second.text.empty() ? "" : " ") + words;
    }
  }
  return found;
}

std::string default_in(const std::string& text) {
  std::smatch value;
  return std::regex_search(text, value, std::regex(R"(Default: (\S+)\.( |$))")) ? value[1].str() : "";
}

class ManualPages : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  const CLI::App& app() {
    const std::string name = GetParam().first;
    return name.empty() ? line_.app : *line_.app.get_subcommand(name);
  }
  std::string page() { return read_file(std::string(KA_SOURCE "/docs/") + GetParam().second); }

  CommandLine line_;
};

TEST_P(ManualPages, HaveEveryOptionAndNoOther) {
  std::vector<std::string> known, written;
  for (const CLI::Option* option : app().get_options()) {
    if (!option->get_lnames().empty()) known.push_back(option->get_lnames().front());
  }
  for (const auto& [name, described] : options_of_page(page())) written.push_back(name);
  std::sort(known.begin(), known.end());
  EXPECT_TRUE(std::is_sorted(written.begin(), written.end())) << testing::PrintToString(written);
  EXPECT_THAT(written, ContainerEq(known));
}

TEST_P(ManualPages, HaveTheSameNamesAndDefaults) {
  for (const auto& [name, described] : options_of_page(page())) {
    const CLI::Option* option = app().get_option_no_throw("--" + name);
    if (option == nullptr) continue;
    for (const std::string& other : option->get_lnames())
      EXPECT_NE(described.tag.find("--" + other), std::string::npos) << described.tag;
    for (const std::string& other : option->get_snames())
      EXPECT_TRUE(std::regex_search(described.tag, std::regex("(^| )-" + other + "[ ,]"))) << described.tag;
    EXPECT_EQ(default_in(described.text), default_in(option->get_description())) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ManualPages,
                         testing::Values(std::pair("", "ka-server.8"), std::pair("boot", "ka-server-boot.8"),
                                         std::pair("deploy", "ka-server-deploy.8"),
                                         std::pair("desc", "ka-server-desc.8"), std::pair("diff", "ka-server-diff.8"),
                                         std::pair("exec", "ka-server-exec.8"), std::pair("key", "ka-server-key.8"),
                                         std::pair("log", "ka-server-log.8"), std::pair("probe", "ka-server-probe.8"),
                                         std::pair("pxe-config", "ka-server-pxe-config.8"),
                                         std::pair("pxe-default", "ka-server-pxe-default.8"),
                                         std::pair("save", "ka-server-save.8"), std::pair("send", "ka-server-send.8"),
                                         std::pair("shell", "ka-server-shell.8"),
                                         std::pair("status", "ka-server-status.8")));

// `whatis` finds a page by the words before the dash, which may hold no blank.
TEST(ManualPagesTest, EachHasANameAndADate) {
  int pages = 0;
  for (const std::string& file : list_directory(KA_SOURCE "/docs")) {
    const std::size_t dot = file.rfind('.');
    if (dot == std::string::npos || dot + 2 != file.size() || file[dot + 1] < '1' || file[dot + 1] > '8') continue;
    ++pages;
    const std::string page = read_file(KA_SOURCE "/docs/" + file);
    EXPECT_NE(page.find("\n.SH NAME\n" + file.substr(0, dot) + " \\- "), std::string::npos) << file;
    EXPECT_TRUE(std::regex_search(page, std::regex(R"((^|\n)\.TH \S+ \d "\d{4}-\d\d-\d\d" )"))) << file;
  }
  EXPECT_GE(pages, 8);
}

TEST(ManualPagesTest, EveryItemOfTheIdentityIsThereWithItsClass) {
  const std::map<wire::IdentityDefault, std::string> classes = {
      {wire::IdentityDefault::renewed, "renewed"},
      {wire::IdentityDefault::removable, "reported, renewable"},
      {wire::IdentityDefault::unrenewable, "reported"}};
  std::vector<std::string> known, written;
  for (const wire::IdentityRow& row : wire::identity_items())
    known.push_back(std::string(row.name) + " (" + classes.at(row.normally) + ")");
  bool in_section = false, in_items = false;
  std::string_view before;
  const std::string page = read_file(KA_SOURCE "/docs/ka-server.8");
  for (std::string_view line : split(page, '\n')) {
    if (line.starts_with(".SH")) in_section = line == ".SH IDENTITY";
    in_items = in_section && (in_items || line == "The items:");
    if (in_items && before == ".TP") written.push_back(std::regex_replace(plain(line), std::regex("  +"), " "));
    before = line;
  }
  EXPECT_THAT(written, ContainerEq(known));
}

TEST(ManualPagesTest, KaConfHasEveryKey) {
  const std::string page = read_file(KA_SOURCE "/docs/ka.conf.5");
  CommandLine line;
  for (const CLI::Option* option : line.app.get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (name == "help") continue;
    const std::string key = "\n" + std::regex_replace(name, std::regex("-"), "\\-") + "\t";
    const std::size_t row = page.find(key);
    ASSERT_NE(row, std::string::npos) << name;
    const std::string known = default_in(option->get_description());
    const std::string fields(page, row + 1, page.find('\n', row + 1) - row - 1);
    if (!known.empty()) {
      EXPECT_THAT(split(fields, '\t'), testing::Contains(testing::StartsWith(known))) << name;
    }
  }
}

}  // namespace
}  // namespace ka::server
