#pragma once
/// ka-client: one session, received by hand or by a script (docs/ka-client.1).

namespace ka::agent {

/// Runs ka-client with main's arguments; returns its exit status: 0 only when the whole stream arrived, its digest
/// was right and the command ended with 0.
int client_main(int argc, char** argv);

}  // namespace ka::agent
