#pragma once
/// What tar says of files that it could not send as they are: all of it is kept.

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace ka::server {

class TarWarnings {
 public:
  /// One line of tar's standard error.
  void add(std::string_view line);
  bool empty() const { return lines_.empty(); }

  /// One sentence for each kind of trouble, the worst first, with some of the names; `file` is where all of them are.
  std::vector<std::string> summary(const std::string& file) const;
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  struct Kind {
    std::size_t count = 0;
    std::vector<std::string> names;  // the first few
  };
  static constexpr std::size_t kinds = 5;

  std::array<Kind, kinds> kinds_;
  std::vector<std::string> lines_;
};

}  // namespace ka::server
