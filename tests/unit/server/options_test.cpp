#include "server/options/options.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/command/command_line.h"
#include "server/options/conf.h"
#include "server/plan/plan_input.h"

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

// As main does; '' is an empty word.
void parse(CommandLine& line, const std::string& text) {
  std::vector<std::string> reversed;
  for (std::string_view word : words(text)) reversed.insert(reversed.begin(), word == "''" ? "" : std::string(word));
  line.app.parse(std::move(reversed));
}

// One rule for both faces of the program.
TEST(CommandLineTest, NumbersAreDecimalAndInRange) {
  for (const char* face : {"", "send -s x -e true "}) {
    for (const char* option :
         {"-n 0", "-n -1", "-n 1x", "-n 0x10", "-n 100001", "--control-port 65536", "--control-port 0", "--data-port 0",
          "-w -1", "--sink-limit 1.5", "--linger +3", "-T ''"}) {
      CommandLine line;
      EXPECT_THROW(parse(line, std::string(face) + option), CLI::ParseError) << face << option;
    }
    CommandLine line;
    parse(line, std::string(face) + "-n 010 --start-after 007 -w 0 -i eth0");  // ten, not eight
    EXPECT_EQ(line.app.get_option("--nodes")->count() + (line.chosen ? 1 : 0), 1u);
  }
  for (const char* wrong : {"send -s x -e true --warning-status 256", "send -s x -e true --warning-status -1"}) {
    CommandLine line;
    EXPECT_THROW(parse(line, wrong), CLI::ParseError) << wrong;
  }
  CommandLine line;
  parse(line, "-n 010");
  EXPECT_EQ(line.clone.nodes, 10u);
}

// "$FILE" of a script that did not set it.
TEST(CommandLineTest, AnEmptyValueIsRefused) {
  for (const char* wrong :
       {"send -s x -f ''", "send -s x -e ''", "send -s '' -e true", "send -s x -e true --json ''", "-n 1 --json ''",
        "-n 1 -x ''", "-n 1 -X ''", "-n 1 -p '' desc", "-n 1 --racks ''", "-n 1 --interface ''", "-n 1 --stage2 ''",
        "-n 1 -r ''", "pxe-config --range ''", "pxe-default ''"}) {
    CommandLine line;
    EXPECT_THROW(parse(line, wrong), CLI::ParseError) << wrong;
  }
}

TEST(CommandLineTest, WhatIsSentIsOneThing) {
  for (const char* wrong : {"send -s x", "send -s x -e true -f /etc/passwd"}) {
    CommandLine line;
    EXPECT_THROW(parse(line, wrong), CLI::ParseError) << wrong;
  }
}

TEST(CommandLineTest, ListenIsAnotherNameOfInterface) {
  CommandLine line;
  parse(line, "-n 1 --listen 10.0.1.1");
  EXPECT_EQ(line.clone.interface, "10.0.1.1");
}

TEST(CommandLineTest, HelpAndVersionHaveTheSameNamesEverywhere) {
  for (const char* face : {"", "send ", "desc ", "probe ", "pxe-config ", "pxe-default "}) {
    for (const char* option : {"-h", "--help"}) {
      CommandLine line;
      EXPECT_THROW(parse(line, std::string(face) + option), CLI::CallForHelp) << face << option;
    }
    for (const char* option : {"-V", "--version"}) {
      CommandLine line;
      EXPECT_THROW(parse(line, std::string(face) + option), CLI::CallForVersion) << face << option;
    }
  }
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

TEST_F(ServerOptions, ItemsOfTheIdentityAreKnown) {
  parse("--keep machine-id --renew salt-minion --keep nvme-host");
  conf("keep = random-seed\nrenew = rhsm\n");
  EXPECT_EQ(options_.keep, (std::vector<std::string>{"machine-id", "nvme-host", "random-seed"}));
  EXPECT_EQ(options_.renew, (std::vector<std::string>{"salt-minion", "rhsm"}));
  EXPECT_NE(conf_error("keep = colour\n").find("is called \"colour\"; there are host-name, machine-id, "),
            std::string::npos);
  EXPECT_NE(conf_error("renew = wireguard-keys\n").find("wireguard-keys cannot be made new by a node: make a key"),
            std::string::npos);
}

TEST(CommandLineTest, AnUnknownItemOfTheIdentityIsRefusedWithTheKnownOnes) {
  for (const char* option : {"--keep", "--renew"}) {
    CommandLine line;
    try {
      line.app.parse(std::string("-n 1 ") + option + " hostname", false);
      ADD_FAILURE() << option << " hostname is accepted";
    } catch (const CLI::ParseError& error) {
      EXPECT_NE(std::string(error.what()).find("there are host-name, machine-id, "), std::string::npos) << error.what();
    }
  }
}

TEST_F(ServerOptions, AnItemIsNotKeptAndRenewed) {
  parse("--keep rhsm --renew rhsm");
  try {
    read_input(options_);
    ADD_FAILURE() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()), "--keep and --renew: rhsm is to be kept and to be renewed");
  }
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
  EXPECT_EQ(conf_error("\ncontrol-port = ssh\n").substr(0, 46), "ka.conf:2: not a value for control-port: ssh (");
  EXPECT_EQ(conf_error("allow-removable = perhaps\n").substr(0, 48),
            "ka.conf:1: not a value for allow-removable: perh");
}

TEST_F(ServerOptions, AValueOfConfThatIsOutOfRangeIsNamedWithTheRange) {
  parse("");
  EXPECT_NE(conf_error("\ncontrol-port = 0\n").find("a whole number from 1 to 65535 is needed, not 0"),
            std::string::npos);
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

}  // namespace
}  // namespace ka::server
