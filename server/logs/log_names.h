#pragma once
/// How the kept logs are called, and found again: FOLDER/SESSION/NAME_ADDRESS_HARDWARE-ADDRESS.log. What a node says of
/// itself is in such a name, so it has only letters, digits, '.' and '-', and begins with no dot.

#include <string>
#include <string_view>
#include <vector>

#include "server/job/job.h"

namespace ka::server {

/// A text of the operator or of a node as one word of a file's name: "-" for an empty one.
std::string word_of_name(std::string_view text);

/// "node35_10.0.1.35_52-54-00-12-34-56.log"
std::string log_name(const NodeStatus& node);

/// FOLDER/SESSION, whatever the session is called.
std::string log_folder_of(const std::string& folder, const std::string& session);

/// Takes the logs that an earlier job of this session left out of the way, to FOLDER/SESSION~1~, and those of the job
/// before that to ~2~; nine are kept. Returns log_folder_of(), which is
/// there and empty. Throws Error.
std::string fresh_log_folder(const std::string& folder, const std::string& session);

/// FOLDER/SESSION with the newest log in it; empty: there is none.
std::string newest_log_folder(const std::string& folder);

/// The logs in that folder of whoever has this name, address or hardware address: paths, the oldest first.
std::vector<std::string> logs_of(const std::string& session_folder, const std::string& node);

}  // namespace ka::server
