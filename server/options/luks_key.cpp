#include "server/options/luks_key.h"

#include <sys/random.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "wire/passphrase.h"

namespace ka::server {

namespace {

// As an editor writes it, and as it is typed: the end of the line is not part of it.
Secret passphrase_in(const std::string& file) {
  std::string text = read_file(file, wire::longest_passphrase + 2);
  const std::string doing = "--luks-key " + file;
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  Secret passphrase(text);
  const bool several = text.find_first_of("\r\n") != std::string::npos;
  const bool too_long = text.size() > wire::longest_passphrase;
  wipe(text);
  if (passphrase.empty()) throw Error(doing, "it is empty");
  if (several) throw Error(doing, "it has several lines; a passphrase is typed, and so is one line");
  if (too_long) throw Error(doing, "it is longer than " + std::to_string(wire::longest_passphrase) + " bytes");
  return passphrase;
}

}  // namespace

LuksKeys read_luks_keys(const CloneOptions& options) {
  LuksKeys keys;
  for (const std::string& value : options.luks_keys) {
    if (value == "ask" || value == "generate") {
      if (options.luks_keys.size() > 1)
        throw UsageError("--luks-key " + value, "it is for all that is encrypted, and is given once and alone");
      keys.way = value == "ask" ? LuksKeys::Way::ask : LuksKeys::Way::generate;
      return keys;
    }
    const std::string_view mapper = "/dev/mapper/";
    const bool path = (value.starts_with('/') && !value.starts_with(mapper)) || value.starts_with('.');
    const std::size_t equals = path ? std::string::npos : value.find('=');
    std::string device = equals == std::string::npos ? "" : value.substr(0, equals);
    if (device.starts_with(mapper)) device.erase(0, mapper.size());
    const std::string file = equals == std::string::npos ? value : value.substr(equals + 1);
    if (keys.by_device.count(device))
      throw UsageError("--luks-key " + value, "a second file for " + (device.empty() ? "all" : device));
    keys.by_device[device] = passphrase_in(file);
    keys.way = LuksKeys::Way::files;
  }
  return keys;
}

Secret generate_passphrase() {
  constexpr std::string_view letters = "bcdefghijknoprstuvx";  // 4.2 bits each
  constexpr std::size_t groups = 6, in_group = 4;
  std::string text;
  text.reserve(groups * (in_group + 1));
  while (text.size() < groups * (in_group + 1) - 1) {
    unsigned char byte = 0;
    if (::getrandom(&byte, 1, 0) != 1) throw Error::from_errno("get a random number");
    constexpr unsigned whole = 256 / letters.size() * letters.size();
    if (byte >= whole) continue;  // so that none is likelier than another
    text += letters[byte % letters.size()];
    if (text.size() % (in_group + 1) == in_group && text.size() < groups * (in_group + 1) - 1) text += ' ';
  }
  Secret passphrase(text);
  wipe(text);
  return passphrase;
}

}  // namespace ka::server
