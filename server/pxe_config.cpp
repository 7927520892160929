#include "server/pxe_config.h"

namespace ka::server {

void add_pxe_config_command(CLI::App&, std::function<int()>&) {}

}  // namespace ka::server
