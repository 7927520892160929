#pragma once
/// What the kernel knows of a TCP connection.

#include <chrono>

namespace ka::net {

/// So long something that was sent was not acknowledged yet. 0 if the kernel does not say (before Linux 4.10).
std::chrono::microseconds tcp_busy(int socket);

}  // namespace ka::net
