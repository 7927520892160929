#include "agent/identity/host_name.h"

#include <algorithm>
#include <vector>

#include "agent/machine/rewritten.h"
#include "base/text.h"

namespace ka::agent {

namespace {

constexpr std::size_t longest_name = 64;  // the kernel's __NEW_UTS_LEN

std::string first_label(std::string_view name) { return std::string(name.substr(0, name.find('.'))); }

bool is_loopback(std::string_view address) { return address.starts_with("127.") || address == "::1"; }

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// Blanks as they were; a name that the line has already is left out.
std::string rewrite_hosts_line(std::string_view line, const HostNames& names) {
  std::string result;
  std::vector<std::string> seen;
  while (!line.empty()) {
    std::size_t begin = std::min(line.find_first_not_of(" \t"), line.size());
    std::size_t end = std::min(line.find_first_of(" \t", begin), line.size());
    std::string_view word = line.substr(begin, end - begin);
    std::string changed = names.renamed(word);
    bool repeated = changed != word && std::find(seen.begin(), seen.end(), changed) != seen.end();
    if (!repeated) result += std::string(line.substr(0, begin)) + changed;
    seen.push_back(std::move(changed));
    line.remove_prefix(end);
  }
  return result;
}

// The first line of /etc/hostname that is no comment.
std::string name_in(const std::string& text) {
  for (std::string_view line : split(text, '\n'))
    if (line = trim(line); !line.empty() && line[0] != '#') return std::string(line);
  return "";
}

// KEY=value or "key: value" lines that hold this machine's name, by file.
constexpr struct {
  const char *file, *key;
} name_settings[] = {
    {"/etc/sysconfig/network", "HOSTNAME="}, {"/etc/conf.d/hostname", "hostname="}, {"/etc/rc.conf", "HOSTNAME="},
    {"/etc/cloud/cloud.cfg", "hostname:"},   {"/etc/cloud/cloud.cfg", "fqdn:"},
};

void rename_setting(CloneTree& clone, const std::string& file, std::string_view key, const std::string& written) {
  auto old = clone.read(file);
  if (!old) return;
  std::string text;
  for (std::string_view line : split(*old, '\n')) {
    std::string_view value = line.starts_with(key) ? line.substr(key.size()) : std::string_view();
    std::string_view bare = unquoted(value);
    if (bare.empty()) {
      text += line;
    } else {
      auto begin = static_cast<std::size_t>(bare.data() - line.data());
      text += std::string(line.substr(0, begin)) + written + std::string(line.substr(begin + bare.size()));
    }
    text += '\n';
  }
  text.pop_back();
  if (text != *old) clone.write(file, text);
}

}  // namespace

bool is_nobodys_name(std::string_view name) {
  const std::string label = lowered(first_label(name));
  for (const char* known : {"",
                            "(none)",
                            "localhost",
                            "localhost4",
                            "localhost6",
                            "loopback",
                            "broadcasthost",
                            "ip6-localhost",
                            "ip6-loopback",
                            "ip6-localnet",
                            "ip6-mcastprefix",
                            "ip6-allnodes",
                            "ip6-allrouters",
                            "ip6-allhosts",
                            "ipv6-localhost",
                            "ipv6-loopback",
                            "ipv6-localnet",
                            "ipv6-mcastprefix",
                            "ipv6-allnodes",
                            "ipv6-allrouters",
                            "ipv6-allhosts"})
    if (label == known) return true;
  return false;
}

HostNames::HostNames(std::string golden, std::string name)
    : golden_(std::move(golden)),
      golden_short_(is_nobodys_name(golden_) ? "" : lowered(first_label(golden_))),
      name_(is_nobodys_name(name) ? "" : std::move(name)) {}

std::string HostNames::golden_word() const {
  return name_.empty() || lowered(short_name()) == golden_short_ ? "" : golden_short_;
}

std::string HostNames::short_name() const { return first_label(name_); }

std::string HostNames::renamed(std::string_view word) const {
  if (golden_short_.empty() || name_.empty() || is_nobodys_name(word)) return std::string(word);
  const std::string label = first_label(word);
  if (lowered(label) != golden_short_) return std::string(word);
  if (label.size() == word.size()) return short_name();
  return name_.find('.') != std::string::npos ? name_ : name_ + std::string(word.substr(label.size()));
}

std::string HostNames::rename_words(std::string_view text) const {
  std::string result;
  while (!text.empty()) {
    auto word_end = std::find_if_not(text.begin(), text.end(), is_name_character);
    result += renamed(text.substr(0, static_cast<std::size_t>(word_end - text.begin())));
    auto next = std::find_if(word_end, text.end(), is_name_character);
    result.append(word_end, next);
    text.remove_prefix(static_cast<std::size_t>(next - text.begin()));
  }
  return result;
}

std::string rewrite_hosts(std::string_view text, const std::string& golden, const std::string& name) {
  HostNames names(golden, name);
  std::string result;
  bool named = false;
  for (std::string_view line : split(text, '\n')) {
    std::string_view entry = line.substr(0, line.find('#'));
    auto fields = words(entry);
    if (fields.size() >= 2 && is_loopback(fields[0])) {
      std::string changed = rewrite_hosts_line(entry, names);
      auto changed_fields = words(changed);
      named = named ||
              std::find(changed_fields.begin() + 1, changed_fields.end(), names.short_name()) != changed_fields.end();
      result += changed + std::string(line.substr(entry.size()));
    } else {
      result += line;
    }
    result += '\n';
  }
  result.pop_back();
  if (named) return result;
  if (!result.empty() && result.back() != '\n') result += '\n';
  const std::string& label = names.short_name();
  return result + "127.0.1.1\t" + (name == label ? name : name + " " + label) + "\n";
}

void rename_host(CloneTree& clone, Log& log, IdentityRecord& record, const std::string& golden,
                 const std::string& name) {
  const auto item = wire::IdentityItem::host_name;
  if (!record.renews(item)) return record.add(wire::IdentityClass::kept, item, "/etc/hostname");
  if (is_nobodys_name(name)) {
    log.line(" - WARNING: DHCP gave " + (name.empty() ? "no host name" : "the host name " + name) +
             ": the clone is called " + golden + ", as the golden node is");
    return record.add(wire::IdentityClass::reported, item, "/etc/hostname");
  }
  HostNames names(golden, name);
  // As the golden node has it: short, or with its domain.
  const std::string old = name_in(clone.read("/etc/hostname").value_or(golden));
  std::string written = name;
  if (!is_nobodys_name(old) && old.find('.') == std::string::npos) written = names.short_name();
  if (std::string renamed = names.renamed(old); renamed != old && old.find('.') != std::string::npos) written = renamed;
  if (written.size() > longest_name) written = names.short_name();
  clone.write("/etc/hostname", written + "\n");
  if (clone.exists("/etc/HOSTNAME")) clone.write("/etc/HOSTNAME", written + "\n");
  if (auto hosts = clone.read("/etc/hosts")) clone.write("/etc/hosts", rewrite_hosts(*hosts, golden, name));
  for (const auto& setting : name_settings) rename_setting(clone, setting.file, setting.key, written);
  for (const std::string& file : clone.list("/etc/cloud/cloud.cfg.d"))
    for (const char* key : {"hostname:", "fqdn:"})
      rename_setting(clone, "/etc/cloud/cloud.cfg.d/" + file, key, written);
  if (auto mail = clone.read("/etc/mailname"); mail && names.rename_words(*mail) != *mail)
    clone.write("/etc/mailname", names.rename_words(*mail));
  log.line(" - Host name is " + written + " (golden node: " + golden + ")");
  record.add(wire::IdentityClass::renewed, item, "/etc/hostname");
}

}  // namespace ka::agent
