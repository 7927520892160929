#pragma once
/// The clock that the state machines of wire/ are told.

#include <chrono>

#include "wire/pace.h"

namespace ka::net {

inline wire::Time steady_now() {
  return std::chrono::duration_cast<wire::Time>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace ka::net
