#include "server/send_command.h"

namespace ka::server {

void add_send_command(CLI::App&, std::function<int()>&) {}

}  // namespace ka::server
