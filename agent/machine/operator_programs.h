#pragma once
/// What an operator's commands run on this machine (agent/command/). A clone comes first: what must be unmounted is not
/// held by them. Any thread.

#include <sys/types.h>

namespace ka::agent {

/// One of them, for as long as this lives; when it ends, all that runs in its session is killed.
class OperatorProgram {
 public:
  /// `session`: of the program, which leads it.
  explicit OperatorProgram(pid_t session);
  ~OperatorProgram();
  OperatorProgram(const OperatorProgram&) = delete;

 private:
  pid_t session_;
};

/// Kills all of them. Whether there was one.
bool end_operator_programs();

}  // namespace ka::agent
