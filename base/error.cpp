#include "base/error.h"

#include <boost/system/system_error.hpp>
#include <cstring>

namespace ka {

namespace {
std::string join(std::string_view doing, std::string_view why) {
  std::string text(doing);
  text += ": ";
  text += why;
  return text;
}
}  // namespace

Error::Error(std::string_view doing, std::string_view why) : std::runtime_error(join(doing, why)) {}
Error::Error(std::string_view whole) : std::runtime_error(std::string(whole)) {}

Error Error::from_errno(std::string_view doing, int code) { return Error(doing, std::strerror(code)); }

std::string words_of(const std::exception& error) {
  auto system = dynamic_cast<const boost::system::system_error*>(&error);
  return system != nullptr ? system->code().message() : error.what();
}

Error in_context(std::string_view doing, const std::exception& inner) { return Error(doing, words_of(inner)); }

}  // namespace ka
