#include "server/options/option_table.h"

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace ka::server {

namespace {

std::string not_empty(const std::string& value) {
  return value.empty() ? "it is empty; is a variable of a script not set?" : "";
}

}  // namespace

CLI::Option* OptionTable::described(CLI::Option* option, const std::string& type, const std::string& default_text) {
  option->type_name(type);
  if (default_text.empty()) return option;
  option->description(option->get_description() + ". Default: " + default_text + ".");
  return option;
}

// CLI11 alone would take "010" for eight.
CLI::Option* OptionTable::add_number(const std::string& names, const std::string& default_text, std::uint64_t least,
                                     std::uint64_t most, const std::string& help, const Setter& set) {
  const std::string range = std::to_string(least) + " to " + std::to_string(most);
  CLI::callback_t parse = [=](const CLI::results_t& results) {
    auto number = parse_unsigned(results.back());
    if (!number || *number < least || *number > most)
      throw CLI::ValidationError(names, "a whole number from " + range + " is needed, not " + results.back());
    set(*number);
    return true;
  };
  CLI::Option* option = app_.add_option(names, parse, help)->expected(1);
  return described(option, std::to_string(least) + ".." + std::to_string(most), default_text);
}

CLI::Option* OptionTable::text(const std::string& names, std::string& value, const std::string& type,
                               const std::string& help, const Check& check) {
  CLI::Option* option = app_.add_option(names, value, help)->check(not_empty);
  if (check) option->check(check);
  return described(option, type, value);
}

CLI::Option* OptionTable::text_or_nothing(const std::string& names, std::string& value, const std::string& type,
                                          const std::string& help) {
  return described(app_.add_option(names, value, help), type, value);
}

CLI::Option* OptionTable::list(const std::string& names, std::vector<std::string>& values, const std::string& type,
                               const std::string& help, const Check& check) {
  CLI::Option* option = app_.add_option(names, values, help)->allow_extra_args(false)->check(not_empty);
  if (check) option->check(check);
  return described(option, type, "");
}

CLI::Option* OptionTable::list(const std::string& names, std::vector<Pair>& values, const std::string& type,
                               const std::string& help) {
  CLI::Option* option = app_.add_option(names, values, help)->allow_extra_args(false)->check(not_empty);
  return described(option, type, "");
}

CLI::Option* OptionTable::flag(const std::string& names, bool& value, const std::string& help) {
  return app_.add_flag(names, value, help);
}

void add_help_and_version(CLI::App& app) {
  app.set_help_flag("-h,--help", "Print the options and end");
  app.set_version_flag("-V,--version", "ka-server " KA_VERSION, "Print the version and end");
}

}  // namespace ka::server
