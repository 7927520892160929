#pragma once
/// Where `make install PREFIX=…` put what ka-server needs beside itself.

#include <string>

namespace ka::server {

/// The path of `what` below the prefix that this program is in: started as /usr/local/sbin/ka-server, "lib/ka/boot" is
/// /usr/local/lib/ka/boot. A program that is in no bin or sbin folder was not installed; /usr serves it.
std::string installed(const std::string& what);

}  // namespace ka::server
