#include "server/logs/log_names.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"

namespace ka::server {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view ending = ".log";
constexpr std::size_t longest_word = 64;
constexpr int most_earlier = 9;

bool may_be_in_a_name(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
}

// No session is called so: '~' is in no name of one.
std::string earlier(const std::string& path, int number) { return path + "~" + std::to_string(number) + "~"; }

bool is_log(const std::string& name) { return name.ends_with(ending); }

fs::file_time_type time_of(const std::string& path) {
  std::error_code gone;
  const auto time = fs::last_write_time(path, gone);
  return gone ? fs::file_time_type::min() : time;
}

void move_out_of_the_way(const std::string& path) {
  if (list_directory(path).empty()) return;
  fs::remove_all(earlier(path, most_earlier));
  for (int number = most_earlier; number > 1; --number)
    if (fs::exists(earlier(path, number - 1))) fs::rename(earlier(path, number - 1), earlier(path, number));
  fs::rename(path, earlier(path, 1));
}

}  // namespace

std::string word_of_name(std::string_view text) {
  std::string word(text.substr(0, longest_word));
  std::replace_if(
      word.begin(), word.end(), [](char c) { return !may_be_in_a_name(c); }, '-');
  if (word.empty() || word.front() == '.') word.insert(0, "-");
  return word;
}

std::string log_name(const NodeStatus& node) {
  return word_of_name(node.host_name) + "_" + word_of_name(node.address) + "_" + word_of_name(node.hardware_address) +
         std::string(ending);
}

std::string log_folder_of(const std::string& folder, const std::string& session) {
  std::string name;
  for (const std::string_view part : split(session, '_')) name += "_" + word_of_name(part);
  return folder + "/" + name.substr(1);
}

std::string fresh_log_folder(const std::string& folder, const std::string& session) {
  std::string path = log_folder_of(folder, session);
  try {
    // A link would lead to where the logs might be cloned.
    if (fs::is_symlink(path)) throw Error("it is a link; remove it");
    move_out_of_the_way(path);
    make_directories(path);
  } catch (const std::exception& error) {
    throw in_context("make " + path, error);
  }
  return path;
}

std::string newest_log_folder(const std::string& folder) {
  std::string newest;
  fs::file_time_type newest_time = fs::file_time_type::min();
  for (const std::string& session : list_directory(folder)) {
    if (session.ends_with('~')) continue;
    std::string path = folder + "/" + session;
    for (const std::string& name : list_directory(path)) {
      const fs::file_time_type time = time_of(path + "/" + name);
      if (!is_log(name) || (!newest.empty() && time < newest_time)) continue;
      newest = path;
      newest_time = time;
    }
  }
  return newest;
}

std::vector<std::string> logs_of(const std::string& session_folder, const std::string& node) {
  const std::optional<std::string> card = parse_hardware_address(node);
  const std::string wanted = lowered(word_of_name(card ? *card : node));
  std::vector<std::string> found;
  for (const std::string& name : list_directory(session_folder)) {
    if (!is_log(name)) continue;
    const std::string known = lowered(name.substr(0, name.size() - ending.size()));
    const std::vector<std::string_view> parts = split(known, '_');
    if (std::find(parts.begin(), parts.end(), wanted) != parts.end()) found.push_back(session_folder + "/" + name);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& one, const auto& other) { return time_of(one) < time_of(other); });
  return found;
}

}  // namespace ka::server
