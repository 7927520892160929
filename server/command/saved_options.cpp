#include "server/command/saved_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

// By the name that ka.conf has, too.
template <typename Visit>
void each_plan_option(const CLI::App& app, Visit visit) {
  CLI::App plan;
  CloneOptions unused;
  add_plan_options(plan, unused);
  for (const CLI::Option* known : plan.get_options()) {
    const std::vector<std::string>& names = known->get_lnames();
    if (names.empty() || names[0] == "config" || names[0] == "help") continue;
    if (const CLI::Option* option = app.get_option_no_throw("--" + names[0]); option != nullptr && option->count() > 0)
      visit(names[0], *option);
  }
}

}  // namespace

std::vector<std::string> plan_words(const CLI::App& app) {
  std::vector<std::string> words;
  each_plan_option(app, [&](const std::string& name, const CLI::Option& option) {
    const std::vector<std::string>& values = option.results();
    const bool pairs = option.get_type_size_max() == 2;
    for (std::size_t i = 0; !pairs && i < values.size(); ++i) words.push_back("--" + name + "=" + values[i]);
    for (std::size_t i = 0; pairs && i + 1 < values.size(); i += 2)
      words.insert(words.end(), {"--" + name, values[i], values[i + 1]});
  });
  return words;
}

CloneOptions options_of(const std::vector<std::string>& words) {
  CLI::App app;
  CloneOptions options;
  add_plan_options(app, options);
  std::vector<std::string> backwards(words.rbegin(), words.rend());  // as CLI11 takes them
  try {
    app.parse(backwards);
  } catch (const CLI::ParseError& error) {
    throw Error("the options that the image was saved with", error.what());
  }
  each_plan_option(app, [&](const std::string& name, const CLI::Option& option) {
    for (const std::string& value : option.results()) options.from_file.insert({name, value});
  });
  return options;
}

void apply_plan_conf(CLI::App& app, CloneOptions& options) {
  CLI::App whole;
  CloneOptions unused;
  add_clone_options(whole, unused);
  std::string file;
  for (const ConfEntry& entry : apply_conf(app, read_conf(options.conf, file), file, &whole))
    options.from_file.insert({entry.key, std::string(words(entry.value).front())});
}

}  // namespace ka::server
