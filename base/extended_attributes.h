#pragma once
/// Extended attributes of files: ACLs, SELinux labels, capabilities, and what users put there.

#include <map>
#include <string>

namespace ka {

/// Values by name ("security.selinux"); both are bytes.
using ExtendedAttributes = std::map<std::string, std::string>;

/// All that `path` itself has (a link is not followed); none where the file system has no such thing. Throws Error.
ExtendedAttributes read_extended_attributes(const std::string& path);

/// Adds or replaces one. Throws Error naming both.
void set_extended_attribute(const std::string& path, const std::string& name, const std::string& value);

}  // namespace ka
