#pragma once
/// What this program was built from, for --version. In a source file of its own, which alone is compiled again when the
/// commit is another.

#include <string>

namespace ka::server {

/// "ka-server 1.1.0\nBuilt from commit 0123456789ab-dirty by GCC 12.2.0 with musl 1.2.3, Boost 1.81, …"
std::string version_text();

}  // namespace ka::server
