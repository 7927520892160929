#pragma once
/// Whether a machine that says which one it is has been started by who says who may come (docs/security.md, "Who may
/// come"): each machine is given a token for one boot, by its own boot configuration, and shows it to the server. No
/// I/O.

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace ka::wire {

/// What a machine shows: the token that it was given and, since it may have to come again after a line was cut, a mark
/// of its own that it makes at its start. Who reads the token on its way later does not have that.
std::string shown_token(const std::string& token, const std::string& own);

class BootTokens {
 public:
  /// `random`: 128 bits that nobody can guess, as hexadecimal digits.
  explicit BootTokens(std::function<std::string()> random) : random_(std::move(random)) {}

  /// What the machine is given when it boots next: the same until it is shown.
  const std::string& next(const std::string& hardware_address);
  /// That one is of no use any more; who has come already may come again.
  void withdraw(const std::string& hardware_address);

  struct Answer {
    std::string why_not;  ///< empty: it is the machine
    bool used = false;    ///< next() is another one now
  };
  /// `shown`: shown_token(), or whatever else somebody says.
  Answer judge(const std::string& hardware_address, std::string_view shown);

 private:
  struct Machine {
    std::string next;
    std::string token, own;  // that it showed last, with its own mark
  };

  std::function<std::string()> random_;
  std::map<std::string, Machine> machines_;
};

}  // namespace ka::wire
