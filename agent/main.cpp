/// One program, several names: PID 1 of all.rdz, what the kernel calls for a module that it lacks, and ka-client.

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "agent/boot/pid1.h"
#include "agent/client/client_main.h"
#include "agent/drivers/module_loader.h"

namespace {

int dispatch(int argc, char** argv) {
  const std::string_view path = argc > 0 ? argv[0] : "";
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name == "ka-client") return ka::agent::client_main(argc, argv);
  if (::getpid() == 1) ka::agent::run_as_pid1();

  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (!arguments.empty() && arguments[0] == "insmod") {
    return ka::agent::insmod_main({arguments.begin() + 1, arguments.end()});
  }
  if (arguments.size() == 3 && arguments[0] == "-q" && arguments[1] == "--") {
    return ka::agent::modprobe_main(arguments[2]);
  }
  std::fputs("ka-init is the first process of all.rdz. To receive a session by hand, call it as ka-client.\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
