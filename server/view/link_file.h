#pragma once
/// Where `ka-server status` on this machine finds the link of a --web that runs: a file that only its owner may read,
/// below /run/ka, for as long as it runs.

#include <string>
#include <vector>

namespace ka::server {

class LinkFile {
 public:
  /// Whoever may not write there goes without.
  explicit LinkFile(const std::string& link);
  ~LinkFile();
  LinkFile(const LinkFile&) = delete;
  LinkFile& operator=(const LinkFile&) = delete;

 private:
  std::string path_;
};

/// Removes what the process of this number has left.
void remove_link(int process);

/// Of all that run here; what a killed one left is removed.
std::vector<std::string> links_here();

}  // namespace ka::server
