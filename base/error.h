#pragma once
/// The one error type: what was being done, on what, and why it failed, in words a person can act on.

#include <cerrno>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ka {

/// Thrown by everything that can fail; caught in one place per task. `what()` reads
/// "DOING: WHY", for example "format /dev/sda5 as ext4: mke2fs ended with status 1: …".
class Error : public std::runtime_error {
 public:
  Error(std::string_view doing, std::string_view why);
  explicit Error(std::string_view whole);

  /// `code` is an errno value; its words are appended.
  static Error from_errno(std::string_view doing, int code = errno);
};

/// A command line or a settings file that cannot be followed: the program ends with status 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// `error` in words for a person. Unlike what(), it leaves out where in whose source code an error of the operating
/// system was met, which Boost adds.
std::string words_of(const std::exception& error);

/// Wraps `inner` with what was being done around it: "DOING: INNER".
Error in_context(std::string_view doing, const std::exception& inner);

}  // namespace ka
