#pragma once
/// One way to write down an option, for every subcommand: numbers are decimal and in range, no text is empty (an unset
/// variable of a script), and the help says "Default: 30765." where there is one. The manual pages say the same, and a
/// test compares the two.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace ka::server {

class OptionTable {
 public:
  using Pair = std::pair<std::string, std::string>;
  /// What is wrong with a value; empty: nothing.
  using Check = std::function<std::string(const std::string&)>;

  /// Adds to `app`, which must outlive the values; -h and -V are in it already.
  explicit OptionTable(CLI::App& app) : app_(app) {}

  template <typename Number>
  CLI::Option* number(const std::string& names, Number& value, std::uint64_t least, std::uint64_t most,
                      const std::string& help) {
    return add_number(names, std::to_string(value), least, most, help, setter(value));
  }
  /// One that may be left out altogether.
  template <typename Number>
  CLI::Option* number(const std::string& names, std::optional<Number>& value, std::uint64_t least, std::uint64_t most,
                      const std::string& help) {
    return add_number(names, "", least, most, help, setter(value));
  }
  /// What `value` holds is the default, if it holds something.
  CLI::Option* text(const std::string& names, std::string& value, const std::string& type, const std::string& help,
                    const Check& check = {});
  /// As text(), where to say nothing ('') means something.
  CLI::Option* text_or_nothing(const std::string& names, std::string& value, const std::string& type,
                               const std::string& help);
  /// One value each time it is given, so that what follows it is never swallowed.
  CLI::Option* list(const std::string& names, std::vector<std::string>& values, const std::string& type,
                    const std::string& help, const Check& check = {});
  CLI::Option* list(const std::string& names, std::vector<Pair>& values, const std::string& type,
                    const std::string& help);
  CLI::Option* flag(const std::string& names, bool& value, const std::string& help);

 private:
  using Setter = std::function<void(std::uint64_t)>;
  template <typename Number>
  static Setter setter(Number& value) {
    return [&value](std::uint64_t number) { value = static_cast<Number>(number); };
  }
  template <typename Number>
  static Setter setter(std::optional<Number>& value) {
    return [&value](std::uint64_t number) { value = static_cast<Number>(number); };
  }
  CLI::Option* add_number(const std::string& names, const std::string& default_text, std::uint64_t least,
                          std::uint64_t most, const std::string& help, const Setter& set);
  CLI::Option* described(CLI::Option* option, const std::string& type, const std::string& default_text);

  CLI::App& app_;
};

/// -h and -V, the same everywhere.
void add_help_and_version(CLI::App& app);

}  // namespace ka::server
