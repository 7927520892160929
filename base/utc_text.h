#pragma once
/// A time of day for programs and logs: ISO 8601, UTC.

#include <chrono>
#include <string>

namespace ka {

/// "2026-11-26T21:00:00Z"
std::string utc_text(std::chrono::system_clock::time_point at);
/// "2026-11-26T21:00:00.125Z"
std::string utc_text_ms(std::chrono::system_clock::time_point at);

}  // namespace ka
