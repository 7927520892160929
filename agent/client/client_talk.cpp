#include "agent/client/client_talk.h"

#include <unistd.h>

#include "base/text.h"

namespace ka::agent {

namespace {

constexpr const char* erase_line = "\r\x1b[K";

}  // namespace

ClientTalk::ClientTalk(asio::io_context& io, std::string session, bool quiet)
    : out_(io, STDERR_FILENO), session_(std::move(session)), quiet_(quiet) {}

void ClientTalk::line(const std::string& text) {
  out_.write((drawn_ ? erase_line : "") + text + "\n");
  drawn_ = false;
}

void ClientTalk::draw(const std::string& text) {
  if (quiet_ || !out_.is_screen() || !out_.idle()) return;
  const std::size_t width = out_.size().width;
  out_.write(erase_line + text.substr(0, width > 1 ? width - 1 : 1));
  drawn_ = true;
}

void ClientTalk::trouble(std::string_view text) { line("ka-client: " + printable(text)); }

void ClientTalk::news(std::string_view text) {
  if (!quiet_) trouble(text);
}

void ClientTalk::of_command(std::string_view text) { line(std::string(text)); }

void ClientTalk::waits() {
  since_ = measured_at_ = Clock::now();
  measured_ = 0;
  rate_ = 0;
}

void ClientTalk::moved(std::uint64_t bytes) {
  const auto now = Clock::now();
  if (bytes == 0) {
    measured_at_ = now;
    measured_ = 0;
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(now - since_);
    return draw(session_ + ": waiting for the server to begin, " + std::to_string(waited.count()) + " s");
  }
  const std::chrono::duration<double> passed = now - measured_at_;
  if (measured_ == 0 && !out_.is_screen()) news(session_ + " has begun");
  if (bytes > measured_ && passed.count() > 0) {
    const double lately = static_cast<double>(bytes - measured_) / passed.count();
    rate_ = rate_ == 0 ? lately : rate_ * 0.7 + lately * 0.3;
  } else {
    rate_ *= 0.7;
  }
  measured_at_ = now;
  measured_ = bytes;
  draw(session_ + ": " + format_size(bytes) + ", " + format_size(static_cast<std::uint64_t>(rate_)) + "/s");
}

}  // namespace ka::agent
