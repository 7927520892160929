#include "agent/identity/identity.h"

#include "agent/identity/bound_files.h"
#include "agent/identity/credential_secret.h"
#include "agent/identity/home_host.h"
#include "agent/identity/host_name.h"

namespace ka::agent {

bool renew_identity(CloneTree& clone, Log& log, IdentityRecord& record, const std::string& golden_host,
                    const std::string& host_name) {
  rename_host(clone, log, record, golden_host, host_name);
  renew_machine_id(clone, log, record);
  renew_bound_files(clone, log, record);
  renew_credential_secret(clone, log, record);
  return rename_home_host(clone, log, record, HostNames(golden_host, host_name));
}

}  // namespace ka::agent
