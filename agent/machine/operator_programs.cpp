#include "agent/machine/operator_programs.h"

#include <set>

#include "base/left_behind.h"
#include "base/thread.h"

namespace ka::agent {

namespace {

struct Sessions {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  std::multiset<pid_t> running;
};

Sessions& sessions() {
  static Sessions all;
  return all;
}

}  // namespace

OperatorProgram::OperatorProgram(pid_t session) : session_(session) {
  Lock lock(sessions().mutex);
  sessions().running.insert(session_);
}

OperatorProgram::~OperatorProgram() {
  {
    Lock lock(sessions().mutex);
    sessions().running.erase(sessions().running.find(session_));
  }
  end_left_behind(session_, true);
}

bool end_operator_programs() {
  Lock lock(sessions().mutex);
  for (const pid_t session : sessions().running) end_left_behind(session, true);
  return !sessions().running.empty();
}

}  // namespace ka::agent
