#include "base/extended_attributes.h"

#include <sys/xattr.h>

#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/text.h"

namespace ka {

namespace {

// Asks for the size, then for the value, again if it grew in between. nullopt: it is not there, or there are none here.
template <typename Ask>
std::optional<std::string> value_of(Ask ask) {
  for (;;) {
    ssize_t size = ask(nullptr, 0);
    if (size < 0) return std::nullopt;
    std::string value(static_cast<std::size_t>(size), '\0');
    size = ask(value.data(), value.size());
    if (size < 0 && errno == ERANGE) continue;
    if (size < 0) return std::nullopt;
    value.resize(static_cast<std::size_t>(size));
    return value;
  }
}

bool means_none(int code) { return code == ENOTSUP || code == ENODATA || code == ENOSYS; }

}  // namespace

ExtendedAttributes read_extended_attributes(const std::string& path) {
  const std::string doing = "read the attributes of " + escape_bytes(path);
  ExtendedAttributes attributes;
  auto names = value_of([&](char* room, std::size_t size) { return ::llistxattr(path.c_str(), room, size); });
  if (!names && !means_none(errno)) throw Error::from_errno(doing);
  const std::string list = names.value_or("");  // what split() gives points into it
  for (std::string_view name : split(list, '\0')) {
    if (name.empty()) continue;
    const std::string key(name);
    auto value =
        value_of([&](char* room, std::size_t size) { return ::lgetxattr(path.c_str(), key.c_str(), room, size); });
    if (!value && !means_none(errno)) throw Error::from_errno(doing);
    if (value) attributes.emplace(key, *std::move(value));
  }
  return attributes;
}

void set_extended_attribute(const std::string& path, const std::string& name, const std::string& value) {
  if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0)
    throw Error::from_errno("set the attribute " + escape_bytes(name) + " of " + escape_bytes(path));
}

}  // namespace ka
