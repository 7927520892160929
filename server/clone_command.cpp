#include "server/clone_command.h"

#include "base/error.h"

namespace ka::server {

int run_clone(const CloneOptions&) { throw Error("clone", "this build cannot yet"); }

}  // namespace ka::server
