#pragma once
/// The key of this site (docs/security.md): nodes that were given its public half let its holder clone them, read their
/// logs and command them. A file of one line, for its owner alone.

#include <optional>
#include <string>

#include "wire/trust/key.h"

namespace ka::server {

inline constexpr const char* default_key_file = "/etc/ka/key";

/// Throws Error when it is not there, is no key, or can be read by others than its owner.
wire::KeyPair read_key_file(const std::string& path);

/// The key in `path`; of "" in default_key_file, if that is there. Throws Error as read_key_file().
std::optional<wire::KeyPair> site_key(const std::string& path);

/// Makes a key and the file, 0600; the folder too. Throws Error, and changes nothing, when the file is there.
wire::KeyPair make_key_file(const std::string& path);

}  // namespace ka::server
