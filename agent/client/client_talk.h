#pragma once
/// What ka-client says, on standard error: lines, and on a terminal a last line that is drawn anew as bytes come.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/output.h"

namespace ka::agent {

class ClientTalk {
 public:
  /// Never waits for whoever reads it.
  ClientTalk(asio::io_context& io, std::string session, bool quiet);

  /// What went wrong; also when quiet. Control characters and broken UTF-8 are shown escaped: words of a server are
  /// among what is said.
  void trouble(std::string_view text);
  /// What goes on.
  void news(std::string_view text);
  /// A line of the command that the stream is fed to, as it is.
  void of_command(std::string_view line);

  /// Connected; the session has not begun.
  void waits();
  /// So many bytes of it went on. Draws the last line; elsewhere the first time is a line. Call it twice a second.
  void moved(std::uint64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  void line(const std::string& text);
  void draw(const std::string& text);

  Output out_;
  std::string session_;
  bool quiet_, drawn_ = false;
  Clock::time_point since_, measured_at_;  ///< that it waits; that measured_ bytes had come
  std::uint64_t measured_ = 0;
  double rate_ = 0;  ///< bytes a second, lately
};

}  // namespace ka::agent
