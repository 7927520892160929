#include "base/random.h"

#include <sys/random.h>

#include "base/error.h"

namespace ka {

std::uint64_t random_number() {
  constexpr unsigned never_wait = 4;  // GRND_INSECURE, Linux 5.6; not every libc names it
  std::uint64_t number = 0;
  ssize_t got;
  do {
    got = ::getrandom(&number, sizeof number, never_wait);
    if (got < 0 && errno == EINVAL) got = ::getrandom(&number, sizeof number, 0);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof number) throw Error::from_errno("get random bytes");
  return number;
}

std::string random_token() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes))
    throw Error::from_errno("get random bytes");
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) text += {digits[byte >> 4], digits[byte & 15]};
  return text;
}

Secret random_secret() {
  std::string bytes(32, '\0');
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw Error::from_errno("get random bytes");
  Secret secret(bytes);
  wipe(bytes);
  return secret;
}

}  // namespace ka
