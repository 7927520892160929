#pragma once
/// --check --json FILE: the plan, or why there is none, for programs. The format is in docs/ka-server.8.

#include <exception>
#include <string>

#include "server/command/serve.h"

namespace ka::server {

/// Of a machine that can be cloned.
std::string check_json(const CloneOptions& options, const Prepared& ready);
/// Of one that cannot: each reason of a Refusal, or the one of another error.
std::string check_json(const CloneOptions& options, const std::exception& error);

}  // namespace ka::server
