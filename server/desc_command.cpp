#include "server/desc_command.h"

namespace ka::server {

void add_desc_command(CLI::App&, std::function<int()>&) {}

}  // namespace ka::server
