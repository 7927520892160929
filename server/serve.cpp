#include "server/serve.h"

#include "base/error.h"

namespace ka::server {

Awaitable<void> serve(asio::io_context&, const CloneOptions&, const Prepared&, Report&) {
  throw Error("serve", "this build cannot yet");
  co_return;
}

}  // namespace ka::server
