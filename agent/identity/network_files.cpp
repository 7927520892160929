#include "agent/identity/network_files.h"

#include <fnmatch.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "agent/bootable/device_names.h"
#include "agent/identity/hardware_text.h"
#include "base/asio.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using wire::IdentityClass;
constexpr auto network_files = wire::IdentityItem::network_files;

struct Place {
  const char *directory, *pattern;
  NetworkSyntax syntax = NetworkSyntax::lines;
};

const Place places[] = {
    {"/etc/sysconfig/network-scripts", "ifcfg-*"},
    {"/etc/sysconfig/networking/devices", "ifcfg-*"},
    {"/etc/sysconfig/networking/profiles/default", "ifcfg-*"},
    {"/etc/sysconfig/network", "ifcfg-*"},
    {"/etc/sysconfig/network", "dhcp"},
    {"/etc/NetworkManager/system-connections", "*"},
    {"/etc/NetworkManager/conf.d", "*.conf"},
    {"/etc/NetworkManager", "NetworkManager.conf"},
    {"/etc/systemd/network", "*.network", NetworkSyntax::networkd},
    {"/etc/systemd/network", "*.netdev", NetworkSyntax::networkd},
    {"/etc/systemd/network", "*.link", NetworkSyntax::networkd},
    {"/etc/netplan", "*.yaml", NetworkSyntax::netplan},
    {"/etc/netplan", "*.yml", NetworkSyntax::netplan},
    {"/etc/cloud/cloud.cfg.d", "*.cfg", NetworkSyntax::netplan},
    {"/etc/network", "interfaces"},
    {"/etc/network/interfaces.d", "*"},
    {"/etc/dhcp", "dhclient*.conf"},
    {"/etc/dhcp3", "dhclient*.conf"},
    {"/etc", "dhclient*.conf"},
    {"/etc", "dhcpcd.conf"},
    {"/etc", "iftab"},
    {"/etc", "mactab"},
    {"/etc/udev/rules.d", "*.rules"},
    {"/etc/wicked", "*.xml"},
    {"/etc/wicked/ifconfig", "*.xml"},
    {"/etc/netctl", "*"},
    {"/etc/conf.d", "net"},
    {"/var/lib/connman", "*.config"},
};

std::string shown(std::string_view line) { return "\"" + std::string(trim(line)) + "\""; }

std::size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(" \t"), line.size()); }

bool is_comment(std::string_view line) {
  line = trim(line);
  return line.empty() || line.starts_with('#') || line.starts_with(';');
}

// "KEY=value", "key: value", "key value" and "- key: value": the key in small letters, and what follows.
struct Setting {
  std::string key;
  std::string_view value;
};

Setting setting_of(std::string_view line) {
  line = trim(line);
  if (line.starts_with("- ")) line = trim(line.substr(2));
  Setting setting;
  auto end = std::min(line.find_first_of("=: \t"), line.size());
  setting.key = lowered(line.substr(0, end));
  setting.value = trim(line.substr(end));
  while (!setting.value.empty() && std::string_view("=: \t").find(setting.value[0]) != std::string_view::npos)
    setting.value.remove_prefix(1);
  return setting;
}

// The address at the start of a value, if it is one that only one machine of a network can have.
std::string own_address(std::string_view value, bool with_prefix) {
  value.remove_prefix(std::min(value.find_first_not_of("[('\" "), value.size()));
  std::string_view text = value.substr(0, value.find_first_not_of("0123456789abcdefABCDEF.:"));
  if (with_prefix && value.substr(text.size(), 1) != "/") return "";
  boost::system::error_code error;
  auto address = asio::ip::make_address(std::string(text), error);
  if (error || address.is_loopback() || address.is_unspecified() || address.is_multicast()) return "";
  return address.is_v6() && address.to_v6().is_link_local() ? "" : address.to_string();
}

bool sets_address(const std::string& key) {
  for (const char* start : {"ipaddr", "ipv6addr", "fixed-address"})
    if (key.starts_with(start)) return true;
  if (key == "ipv4" || key == "ipv6") return true;  // connman
  const std::string address = "address";            // "address", "addresses", keyfiles' "address1"
  return key.starts_with(address) &&
         (key == "addresses" || key.find_first_not_of("0123456789", address.size()) == std::string::npos);
}

std::string fixed_address(std::string_view line, NetworkSyntax syntax) {
  if (syntax == NetworkSyntax::command_line) {
    for (std::string_view word : words(line)) {
      auto at = word.find("ip=");
      if (at == std::string_view::npos || (at > 0 && word[at - 1] != '"' && word[at - 1] != '\'')) continue;
      if (std::string address = own_address(word.substr(at + 3, word.substr(at + 3).find(':')), false);
          !address.empty())
        return address;
    }
    return "";
  }
  const bool yaml = syntax == NetworkSyntax::netplan;
  std::string_view item = trim(line);
  if (yaml && item.starts_with("- "))
    if (std::string address = own_address(item.substr(2), true); !address.empty()) return address;
  Setting setting = setting_of(line);
  if (setting.key == "static") setting = setting_of(setting.value);  // dhcpcd.conf
  if (setting.key == "ip_address" || setting.key == "ip6_address" || sets_address(setting.key))
    return own_address(setting.value, yaml);
  return "";
}

bool sets_hardware_address(const std::string& key) {
  for (const char* known : {"macaddr", "lladdr", "hwaddress", "cloned-mac-address", "macaddress"})
    if (key == known) return true;
  return false;
}

bool sets_client_identifier(std::string_view line) {
  const std::string text = lowered(line);
  for (const char* known : {"client-id", "client_id", "clientid", "duidrawdata", "dhcp-duid"})
    if (auto at = text.find(known); at != std::string::npos) return text.find(':', at) != std::string::npos;
  return false;
}

class NetworkFile {
 public:
  NetworkFile(std::string_view text, NetworkSyntax syntax, const CardMap& cards, const HostNames& names)
      : syntax_(syntax), cards_(cards), names_(names) {
    for (std::string_view line : split(text, '\n')) lines_.emplace_back(line);
  }

  Rewritten run() {
    for (at_ = 0; at_ < lines_.size(); ++at_) {
      if (!lines_[at_] || is_comment(*lines_[at_])) continue;
      std::string& line = *lines_[at_];
      if (syntax_ == NetworkSyntax::networkd && line.starts_with('[')) section_ = std::string(trim(line));
      rename(line);
      look(line);
    }
    bool first = true;
    for (const auto& line : lines_) {
      if (!line) continue;
      result_.text += (first ? "" : "\n") + *line;
      first = false;
    }
    return std::move(result_);
  }

 private:
  std::string here() const { return "line " + std::to_string(at_ + 1) + ": "; }
  void changed(const std::string& what) { result_.changes.push_back(here() + what); }
  void warn(const std::string& what) { result_.warnings.push_back(here() + what); }

  void rename(std::string& line) {
    const std::string text = lowered(line);
    bool a_name = false;
    for (const char* key : {"hostname", "host-name", "fqdn"}) a_name = a_name || text.find(key) != std::string::npos;
    if (!a_name || names_.name().empty()) return;
    std::string renamed = names_.rename_words(line);
    if (renamed == line) return;
    changed(shown(line) + " is now " + shown(renamed));
    line = std::move(renamed);
  }

  void look(std::string& line) {
    bool bound = false, golden = false, other = false;
    std::size_t at = 0;
    while (auto place = find_address(line, at)) {
      at = place->end;
      bool ours = cards_.is_golden(place->address);
      golden = golden || ours;
      other = other || !ours;
      if (!ours) continue;
      auto successor = cards_.successor(place->address);
      bound = bound || !successor;
      if (!successor) continue;
      std::string_view old = std::string_view(line).substr(place->begin, place->end - place->begin);
      std::string address = with_address(old, *successor);
      if (address == old) continue;
      changed(std::string(old) + " is now " + address);
      line.replace(place->begin, address.size(), address);
    }
    if (std::string address = fixed_address(line, syntax_); !address.empty())
      warn(address + " is fixed: the golden node and every clone would have the same address");
    if (other && sets_hardware_address(setting_of(line).key) && !is_condition())
      warn(shown(line) + " gives every clone the same hardware address");
    if (!golden && sets_client_identifier(line)) warn(shown(line) + " makes all clones one client to DHCP servers");
    if (bound) unbind(line);
  }

  // Whether this line says which interface is meant, not what becomes of it.
  bool is_condition() const {
    if (syntax_ == NetworkSyntax::networkd) return section_ == "[Match]";
    auto parent = syntax_ == NetworkSyntax::netplan ? parent_of(at_) : std::nullopt;
    return parent && is_match(*parent);
  }

  void unbind(std::string& line) {
    switch (syntax_) {
      case NetworkSyntax::command_line: return drop_words(line);
      case NetworkSyntax::networkd:
        if (!is_condition()) return drop();
        changed(shown(line) + " is now \"Type=ether\"");
        line = "Type=ether";
        return;
      case NetworkSyntax::netplan: return unbind_netplan(line);
      case NetworkSyntax::lines: return drop();
    }
  }

  void drop() {
    changed("dropped " + shown(*lines_[at_]));
    // A rule of udev may go over several lines.
    auto goes_on = [this](std::size_t at) { return lines_[at] && lines_[at]->ends_with('\\'); };
    for (std::size_t at = at_; syntax_ == NetworkSyntax::lines && at > 0 && goes_on(at - 1);) lines_[--at].reset();
    while (syntax_ == NetworkSyntax::lines && goes_on(at_) && at_ + 1 < lines_.size()) {
      lines_[at_].reset();
      ++at_;
    }
    lines_[at_].reset();
  }

  // ---- Kernel words ----

  void drop_words(std::string& line) {
    for (std::size_t at = 0; auto place = find_address(line, at);) {
      at = place->end;
      if (!cards_.is_golden(place->address) || cards_.successor(place->address)) continue;
      const char* const ends = " \t\"'";
      std::size_t begin = line.find_last_of(ends, place->begin) + 1;  // npos + 1 is the start of the line
      std::size_t end = std::min(line.find_first_of(ends, place->end), line.size());
      std::string word = line.substr(begin, end - begin);
      if (!word.starts_with("ifname=") && !word.starts_with("BOOTIF=")) {
        warn("\"" + word + "\" is bound to a card of the golden node");
        continue;
      }
      bool blank_before = begin > 0 && (line[begin - 1] == ' ' || line[begin - 1] == '\t');
      bool blank_after = end < line.size() && (line[end] == ' ' || line[end] == '\t');
      if (blank_before) {
        --begin;
      } else if (blank_after) {
        ++end;
      }
      changed("dropped \"" + word + "\"");
      line.erase(begin, end - begin);
      at = begin;
    }
  }

  // ---- netplan ----

  std::optional<std::size_t> parent_of(std::size_t at) const {
    const std::size_t indent = indent_of(*lines_[at]);
    while (at-- > 0)
      if (lines_[at] && !is_comment(*lines_[at]) && indent_of(*lines_[at]) < indent) return at;
    return std::nullopt;
  }

  bool is_match(std::size_t at) const { return trim(*lines_[at]) == "match:"; }

  // The lines below `at` that belong to it.
  bool has_children(std::size_t at) const {
    const std::size_t indent = indent_of(*lines_[at]);
    for (std::size_t next = at + 1; next < lines_.size(); ++next) {
      if (!lines_[next] || is_comment(*lines_[next])) continue;
      return indent_of(*lines_[next]) > indent;
    }
    return false;
  }

  // Without its "match:" an interface is found by the name of its block, and netplan refuses "set-name:".
  void unbind_netplan(std::string& line) {
    std::string_view text = trim(line);
    const bool whole = text.starts_with("match:");
    if (!whole && (!text.starts_with("macaddress:") || text.find('{') != std::string_view::npos))
      return warn(shown(line) + " is bound to a card of the golden node");
    auto match = whole ? std::optional(at_) : parent_of(at_);
    const std::size_t indent = match ? indent_of(*lines_[*match]) : 0;
    const bool in_match = whole || (match && is_match(*match));
    auto block = in_match ? parent_of(*match) : std::nullopt;
    drop();
    if (!in_match) return;
    if (!whole && has_children(*match)) return;
    if (!whole) lines_[*match].reset();
    for (std::size_t at = *match; at-- > 0 && drop_set_name(at, indent);) continue;
    for (std::size_t at = *match + 1; at < lines_.size() && drop_set_name(at, indent); ++at) continue;
    if (block && !has_children(*block)) *lines_[*block] += " {}";
  }

  // False where the block with this indent has ended.
  bool drop_set_name(std::size_t at, std::size_t indent) {
    if (!lines_[at] || is_comment(*lines_[at])) return true;
    const std::size_t its = indent_of(*lines_[at]);
    if (its == indent && trim(*lines_[at]).starts_with("set-name:")) {
      changed("dropped " + shown(*lines_[at]));
      lines_[at].reset();
    }
    return its >= indent;
  }

  NetworkSyntax syntax_;
  const CardMap& cards_;
  const HostNames& names_;
  std::vector<std::optional<std::string>> lines_;  // nullopt: dropped
  std::size_t at_ = 0;
  std::string section_;
  Rewritten result_;
};

// A .link file that has nothing but a golden card as its condition would give its name to every card.
bool only_names_a_lost_card(const std::string& file, const Rewritten& rewritten) {
  return file.ends_with(".link") && rewritten.text.find("Type=ether") != std::string::npos &&
         std::any_of(rewritten.changes.begin(), rewritten.changes.end(),
                     [](const std::string& change) { return change.ends_with("\"Type=ether\""); });
}

void fit_file(CloneTree& clone, Log& log, IdentityRecord& record, const std::string& file, const Rewritten& rewritten) {
  if (!rewritten.changes.empty()) record.add(IdentityClass::renewed, network_files, file);
  if (!rewritten.warnings.empty()) record.add(IdentityClass::reported, network_files, file);
  if (!only_names_a_lost_card(file, rewritten)) {
    apply(clone, log, file, rewritten);
  } else if (clone.remove(file)) {
    log.line(" - Removed " + file + ": it is bound to a card of the golden node");
  }
}

// SUSE once named files after the card: ifcfg-eth-id-52:54:00:12:34:56.
std::string fitted_name(CloneTree& clone, Log& log, IdentityRecord& record, const CardMap& cards,
                        const std::string& file) {
  auto place = find_address(file, file.rfind('/') + 1);
  if (!place || !cards.is_golden(place->address)) return file;
  auto successor = cards.successor(place->address);
  auto content = clone.read(file);
  if (!successor || !content) {
    log.line(" - WARNING: " + file + " is of a card of the golden node");
    record.add(IdentityClass::reported, network_files, file);
    return file;
  }
  std::string renamed = file;
  renamed.replace(place->begin, place->end - place->begin,
                  with_address(file.substr(place->begin, place->end - place->begin), *successor));
  if (renamed == file) return file;
  clone.write(renamed, *content);
  clone.remove(file);
  log.line(" - " + file + " is now " + renamed);
  record.add(IdentityClass::renewed, network_files, renamed);
  return renamed;
}

// connman keeps a folder for each card, named by its address. Without it, a card is set up by DHCP.
void remove_connman_services(CloneTree& clone, Log& log, IdentityRecord& record, const CardMap& cards) {
  const std::string directory = "/var/lib/connman/";
  for (const std::string& service : clone.list(directory)) {
    auto place = find_address(service);
    if (!place || !cards.is_golden(place->address)) continue;
    for (const std::string& name : clone.list(directory + service)) {
      const std::string file = directory + service + "/" + name;
      if (clone.read(file).value_or("").find("IPv4.method=manual") != std::string::npos)
        log.line(" - WARNING: " + file + " had a fixed address, which every clone would have; DHCP is asked instead");
      if (!clone.remove(file)) continue;
      log.line(" - Removed " + file);
      record.add(IdentityClass::renewed, network_files, file);
    }
  }
}

}  // namespace

Rewritten rewrite_network_file(std::string_view text, NetworkSyntax syntax, const CardMap& cards,
                               const HostNames& names) {
  return NetworkFile(text, syntax, cards, names).run();
}

void fit_network_files(CloneTree& clone, Log& log, IdentityRecord& record, const CardMap& cards,
                       const HostNames& names) {
  if (!record.renews(network_files)) return record.add(IdentityClass::kept, network_files, "");
  for (const Place& place : places) {
    const std::string directory = place.directory;
    for (const std::string& name : clone.list(directory)) {
      if (::fnmatch(place.pattern, name.c_str(), 0) != 0 || clone.is_directory(directory + "/" + name)) continue;
      const std::string file = fitted_name(clone, log, record, cards, directory + "/" + name);
      fit_file(clone, log, record, file,
               rewrite_network_file(clone.read(file).value_or(""), place.syntax, cards, names));
    }
  }
  for (const std::string& file : command_line_files(clone))
    fit_file(clone, log, record, file,
             rewrite_network_file(clone.read(file).value_or(""), NetworkSyntax::command_line, cards, names));
  remove_connman_services(clone, log, record, cards);
}

}  // namespace ka::agent
