#include "wire/trust/sodium.h"

#include <cstdlib>

namespace ka::wire {

void need_sodium() {
  static const bool ready = sodium_init() >= 0;
  if (!ready) std::abort();
}

}  // namespace ka::wire
