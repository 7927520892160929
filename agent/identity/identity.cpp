#include "agent/identity/identity.h"

#include "agent/identity/bound_files.h"
#include "agent/identity/host_name.h"

namespace ka::agent {

void renew_identity(CloneTree& clone, Log& log, const std::string& golden_host, const std::string& host_name) {
  rename_host(clone, log, golden_host, host_name);
  renew_machine_id(clone, log);
  renew_bound_files(clone, log);
}

}  // namespace ka::agent
