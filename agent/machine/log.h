#pragma once
/// The log of a clone: one stream of lines to every console, to /tmp/ka_log-IP-DATE, and to whoever
/// connects to TCP 12345. Its tone is the KA method's: " - Mounting /dev/sda5 as /mnt/disk/ ...OK".

#include <string>
#include <string_view>

namespace ka::agent {

class Log {
 public:
  virtual ~Log() = default;
  /// One line; control characters in it (C1's too), and bytes that are no UTF-8, are shown escaped. Never throws: a log
  /// must not stop a clone.
  virtual void line(std::string_view text) = 0;

  /// For a step: begin("Formatting /dev/sda5 as ext4") … ok() makes
  /// " - Formatting /dev/sda5 as ext4...OK" on one line; lines that come between are printed after it began.
  class Step {
   public:
    Step(Log& log, std::string text) : log_(log), text_(std::move(text)) {}
    void ok() { log_.line(" - " + text_ + "...OK"); }
    void failed(std::string_view why) { log_.line(" - " + text_ + "...FAILED: " + std::string(why)); }

   private:
    Log& log_;
    std::string text_;
  };
};

}  // namespace ka::agent
