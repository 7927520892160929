#include "server/options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/conf.h"

namespace ka::server {
namespace {

// A command line, and a ka.conf over which it stands.
class ServerOptions : public testing::Test {
 protected:
  ServerOptions() {
    add_clone_options(app_, options_);
    app_.add_subcommand("desc");
    app_.require_subcommand(0, 1);
  }
  void parse(const std::string& line) { app_.parse(line, false); }
  void conf(std::string_view text) { apply_conf(app_, text, "ka.conf"); }
  std::string conf_error(std::string_view text) {
    try {
      conf(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  CLI::App app_;
  CloneOptions options_;
};

TEST_F(ServerOptions, TheCommandOfTheKaMethod) {
  parse("-n 1 -p sda /root/desc -X sdb -r \"grub --with=jfs --with=ata_piix\"");
  EXPECT_EQ(options_.nodes, 1u);
  ASSERT_EQ(options_.descs.size(), 1u);
  EXPECT_EQ(options_.descs[0], CloneOptions::Pair("sda", "/root/desc"));
  EXPECT_EQ(options_.excluded_drives, std::vector<std::string>{"sdb"});
  EXPECT_EQ(options_.boot_loader, "grub --with=jfs --with=ata_piix");
}

TEST_F(ServerOptions, EveryLetterOfKaD) {
  parse("-n 3 -x /tmp -x /srv -m sda -M sdb mbr.bin -D sda3 -p sda one -p sdb two -d 15");
  EXPECT_EQ(options_.excluded, (std::vector<std::string>{"/tmp", "/srv"}));
  EXPECT_EQ(options_.mbr_drives, std::vector<std::string>{"sda"});
  EXPECT_EQ(options_.mbr_files[0], CloneOptions::Pair("sdb", "mbr.bin"));
  EXPECT_EQ(options_.raw_partitions, std::vector<std::string>{"sda3"});
  EXPECT_EQ(options_.descs.size(), 2u);
  EXPECT_EQ(options_.release_delay, 15u);
}

TEST_F(ServerOptions, ADescFileMayHaveTheNameOfASubcommand) {
  parse("-p sda desc -n 2");
  EXPECT_EQ(options_.descs[0].second, "desc");
  EXPECT_TRUE(app_.get_subcommands().empty());
}

TEST_F(ServerOptions, WhatFollowsAListIsNotSwallowed) {
  EXPECT_THROW(parse("-x /tmp /srv"), CLI::ParseError);
  EXPECT_THROW(parse("-p sda"), CLI::ParseError);
}

TEST_F(ServerOptions, NumbersAreDecimalAndInRange) {
  for (const char* line : {"-n 0", "-n -1", "-n 1x", "-n 100001", "--control-port 65536", "-d 1.5"})
    EXPECT_THROW(parse(line), CLI::ParseError) << line;
}

TEST_F(ServerOptions, ConfSetsWhatTheCommandLineDoesNot) {
  parse("--control-port 4000");
  conf(
      "# site\ncontrol-port = 5000\ndata-port=5001\nstage2 = /srv/rescue disk.sqfs\nallow-removable = yes\n"
      "start-after = 60\nmbr-file = sda /etc/mbr");
  EXPECT_EQ(options_.control_port, 4000);
  EXPECT_EQ(options_.data_port, 5001);
  EXPECT_EQ(options_.stage2, "/srv/rescue disk.sqfs");
  EXPECT_TRUE(options_.allow_removable);
  EXPECT_EQ(options_.start_after, 60u);
  EXPECT_EQ(options_.mbr_files[0], CloneOptions::Pair("sda", "/etc/mbr"));
}

TEST_F(ServerOptions, ListsOfConfAndCommandLineAddUp) {
  parse("-x /a -x /b");
  conf("exclude = /c\nexclude = /d e\n");
  EXPECT_EQ(options_.excluded, (std::vector<std::string>{"/a", "/b", "/c", "/d e"}));
}

TEST_F(ServerOptions, AWrongLineOfConfIsNamed) {
  parse("");
  EXPECT_EQ(conf_error("nodes = 2\n\ncolour = red\n"),
            "ka.conf:3: no such key: colour (each key is the long name of an option of ka-server)");
  EXPECT_EQ(conf_error("nodes 2\n"), "ka.conf:1: expected \"key = value\", got: nodes 2");
  EXPECT_EQ(conf_error("= 2\n"), "ka.conf:1: there is no key before the =");
  EXPECT_EQ(conf_error("hooks =\n"), "ka.conf:1: hooks has no value; take the line out to get the default");
  EXPECT_EQ(conf_error("session = a\nsession = b\n"), "ka.conf:2: session is given twice");
}

TEST_F(ServerOptions, AWrongValueOfConfIsNamed) {
  parse("");
  EXPECT_EQ(conf_error("\ncontrol-port = ssh\n").substr(0, 48), "ka.conf:2: not a value for control-port: ssh (Co");
  EXPECT_EQ(conf_error("allow-removable = perhaps\n").substr(0, 48),
            "ka.conf:1: not a value for allow-removable: perh");
}

TEST_F(ServerOptions, WhatConcernsOneRunIsNoKey) {
  parse("");
  for (const char* key : {"check", "config", "desc", "help"})
    EXPECT_NE(conf_error(std::string(key) + " = true\n").find("no such key"), std::string::npos) << key;
}

TEST_F(ServerOptions, TheSampleConfIsValidAsItIsAndUncommented) {
  std::string sample = read_file(KA_SOURCE "/server/ka.conf");
  parse("");
  EXPECT_EQ(conf_error(sample), "no error");
  // Every line of the form "#key = value" shows a key with its default.
  std::string uncommented;
  for (std::string_view line : split(sample, '\n')) {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ' && line.find('=') != std::string_view::npos)
      uncommented += std::string(line.substr(1)) + "\n";
  }
  EXPECT_GT(parse_conf(uncommented, "ka.conf").size(), 10u);
  EXPECT_EQ(conf_error(uncommented), "no error");
}

TEST_F(ServerOptions, TheManualPageNamesEveryOption) {
  std::string page = read_file(KA_SOURCE "/docs/ka-server.8"), conf_page = read_file(KA_SOURCE "/docs/ka.conf.5");
  for (const CLI::Option* option : app_.get_options()) {
    std::string name = option->get_lnames().at(0), written;
    for (char c : name) written += c == '-' ? "\\-" : std::string(1, c);
    EXPECT_NE(page.find("\\-\\-" + written), std::string::npos) << name;
    if (option->get_configurable() && name != "help") {
      EXPECT_NE(conf_page.find("\n" + written + "\t"), std::string::npos) << name;
    }
  }
}

}  // namespace
}  // namespace ka::server
