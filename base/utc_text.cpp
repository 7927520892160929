#include "base/utc_text.h"

#include <cstdio>
#include <ctime>

namespace ka {

namespace {

std::string without_zone(std::chrono::system_clock::time_point at) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return text;
}

}  // namespace

std::string utc_text(std::chrono::system_clock::time_point at) {
  return without_zone(std::chrono::floor<std::chrono::seconds>(at)) + "Z";
}

std::string utc_text_ms(std::chrono::system_clock::time_point at) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(at);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(at - whole).count();
  char text[8];
  std::snprintf(text, sizeof text, ".%03dZ", static_cast<int>(rest));
  return without_zone(whole) + text;
}

}  // namespace ka
