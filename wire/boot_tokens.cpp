#include "wire/boot_tokens.h"

#include "wire/trust/key.h"

namespace ka::wire {

namespace {

constexpr char between = ':';

}  // namespace

std::string shown_token(const std::string& token, const std::string& own) { return token + between + own; }

const std::string& BootTokens::next(const std::string& hardware_address) {
  std::string& next = machines_[hardware_address].next;
  if (next.empty()) next = random_();
  return next;
}

void BootTokens::withdraw(const std::string& hardware_address) {
  const auto found = machines_.find(hardware_address);
  if (found != machines_.end()) found->second.next.clear();
}

BootTokens::Answer BootTokens::judge(const std::string& hardware_address, std::string_view shown) {
  const std::string remedy = ": restart it, so that its boot configuration has a new one";
  Answer answer;
  const std::size_t end = shown.find(between);
  const std::string_view token = shown.substr(0, end);
  const std::string_view own = end == shown.npos ? "" : shown.substr(end + 1);
  const auto found = machines_.find(hardware_address);
  if (shown.empty()) {
    answer.why_not = "it shows no token of --only, which machines get from this server when they boot by PXE";
  } else if (found == machines_.end() || own.empty()) {
    answer.why_not = "what it shows is no token of this job" + remedy;
  } else if (!found->second.next.empty() && equal_secrets(token, found->second.next)) {
    found->second = {"", std::string(token), std::string(own)};
    answer.used = true;
  } else if (found->second.token.empty() || !equal_secrets(token, found->second.token)) {
    answer.why_not = "its token is of an earlier start" + remedy;
  } else if (!equal_secrets(own, found->second.own)) {
    answer.why_not =
        "ANOTHER MACHINE HAS SHOWN ITS TOKEN BEFORE IT, and takes part in its place: find that one, then restart both";
  }
  return answer;
}

}  // namespace ka::wire
