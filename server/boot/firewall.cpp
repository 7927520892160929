#include "server/boot/firewall.h"

#include <algorithm>
#include <optional>
#include <span>

#include "base/text.h"

namespace ka::server {

namespace {

struct Chain {
  std::string table, name;  // "inet filter", "input"
  bool input = false, drops = false;
  std::vector<std::string> rules;
};

// Words; those between { and } are one, with commas between them, and so are those between quotes.
std::vector<std::string> tokens_of(std::string_view line) {
  std::vector<std::string> tokens;
  bool in_set = false, in_quotes = false;
  for (const std::string_view word : words(line)) {
    const bool continues = in_quotes || (in_set && word != "{");
    if (word == "{") {
      in_set = true;
      tokens.emplace_back();
    } else if (word == "}" && in_set) {
      in_set = false;
    } else if (continues) {
      tokens.back() += word;
    } else {
      tokens.emplace_back(word);
    }
    if (std::count(word.begin(), word.end(), '"') % 2 != 0) in_quotes = !in_quotes;
  }
  return tokens;
}

std::vector<Chain> chains_of(std::string_view ruleset) {
  std::vector<Chain> chains;
  std::string table;
  bool in_chain = false;
  for (const std::string_view whole : split(ruleset, '\n')) {
    const std::string_view line = trim(whole);
    const std::vector<std::string_view> fields = words(line);
    if (fields.size() == 4 && fields[0] == "table") table = std::string(fields[1]) + " " + std::string(fields[2]);
    if (fields.size() == 3 && fields[0] == "chain" && fields[2] == "{") {
      Chain chain;
      chain.table = table;
      chain.name = fields[1];
      chains.push_back(std::move(chain));
      in_chain = true;
    } else if (line == "}") {
      in_chain = false;
    } else if (in_chain && line.starts_with("type ")) {
      const bool ours = table.starts_with("ip ") || table.starts_with("inet ");
      chains.back().input = ours && line.find(" hook input ") != std::string_view::npos;
      chains.back().drops = line.find("policy drop") != std::string_view::npos;
    } else if (in_chain && !line.empty()) {
      chains.back().rules.emplace_back(line);
    }
  }
  return chains;
}

enum class Does { passes, shuts, nothing, unclear };

struct Asked {
  const std::string& interface;
  const char* protocol;  // "udp"
  std::uint16_t port;
};

// Numbers and ranges between commas. nullopt: it has other words.
std::optional<bool> has_port(std::string_view list, std::uint16_t port) {
  bool found = false;
  for (const std::string_view item : split(list, ',')) {
    const std::vector<std::string_view> ends = split(item, '-');
    const auto first = parse_unsigned(ends.front()), last = parse_unsigned(ends.back());
    if (!first || !last || ends.size() > 2) return std::nullopt;
    found |= *first <= port && port <= *last;
  }
  return found;
}

bool has_word(std::string_view list, std::string_view word) {
  const std::vector<std::string_view> items = split(list, ',');
  return std::find(items.begin(), items.end(), word) != items.end();
}

// Whether it holds for what is asked; nullopt: not to be told. `used`: how many tokens it is.
std::optional<bool> condition(std::span<const std::string> tokens, const Asked& asked, std::size_t& used) {
  const std::string& word = tokens[0];
  const std::string next = tokens.size() > 1 ? tokens[1] : "", third = tokens.size() > 2 ? tokens[2] : "";
  used = 2;
  if (word == "iifname" || word == "iif") {
    std::string names = next;
    names.erase(std::remove(names.begin(), names.end(), '"'), names.end());
    if (names == "!=" || names.find('*') != std::string::npos) return std::nullopt;
    return has_word(names, asked.interface);
  }
  if (word == "icmp" || word == "icmpv6" || word == "ip6") return false;
  used = 3;
  if ((word == "udp" || word == "tcp") && next == "dport") {
    const std::optional<bool> it = has_port(third, asked.port);
    return word == asked.protocol ? it : std::optional(false);
  }
  if ((word == "ip" && next == "protocol") || (word == "meta" && next == "l4proto"))
    return has_word(third, asked.protocol);
  if (word == "ct" && next == "state" && third == "vmap") {
    used = 4;
    return tokens.size() > 3 && tokens[3].find("new:") != std::string::npos ? std::nullopt : std::optional(false);
  }
  if (word == "ct" && next == "state") return has_word(third, "new");
  used = 1;
  return std::nullopt;
}

Does what_it_does(const std::string& rule, const Asked& asked) {
  const std::vector<std::string> tokens = tokens_of(rule);
  bool unclear = false;
  for (std::size_t i = 0; i < tokens.size();) {
    const std::string& word = tokens[i];
    if (word == "accept") return unclear ? Does::unclear : Does::passes;
    if (word == "drop" || word == "reject") return unclear ? Does::unclear : Does::shuts;
    if (word == "jump" || word == "goto" || word == "return" || word == "queue") return Does::unclear;
    if (word == "comment") break;
    std::size_t used = 1;
    if (word == "counter") {
      constexpr std::size_t with_numbers = 5;
      used = i + 1 < tokens.size() && tokens[i + 1] == "packets" ? with_numbers : 1;
    } else if (word == "log") {
      while (i + used < tokens.size() && tokens[i + used] != "accept" && tokens[i + used] != "drop") ++used;
    } else {
      const std::optional<bool> holds = condition(std::span(tokens).subspan(i), asked, used);
      if (holds == std::optional(false)) return Does::nothing;
      unclear |= !holds;
    }
    i += used;
  }
  const bool has_verdicts = std::find(tokens.begin(), tokens.end(), "vmap") != tokens.end();
  return unclear && has_verdicts ? Does::unclear : Does::nothing;
}

// What becomes of a machine's first packet; `why`: the rule, or the chain's policy.
Does verdict_of(const Chain& chain, const Asked& asked, std::string& why) {
  bool unclear = false;
  why = "its policy";
  for (const std::string& rule : chain.rules) {
    const Does does = what_it_does(rule, asked);
    if (does == Does::passes) return Does::passes;
    unclear |= does == Does::unclear;
    if (does != Does::shuts) continue;
    why = "\"" + rule + "\"";
    return unclear ? Does::unclear : Does::shuts;
  }
  if (!chain.drops) return Does::passes;
  return unclear ? Does::unclear : Does::shuts;
}

std::string numbers(const std::vector<std::uint16_t>& ports) {
  std::vector<std::string> texts;
  for (const std::uint16_t port : ports) texts.push_back(std::to_string(port));
  return joined(texts, ", ");
}

std::string opening_line(const Chain& chain, const FirewallNeeds& needs) {
  const std::string rule = "nft insert rule " + chain.table + " " + chain.name + " iifname " + needs.interface;
  return rule + " udp dport { " + numbers(needs.udp) + " } accept; " + rule + " tcp dport { " + numbers(needs.tcp) +
         " } accept";
}

void judge(const Chain& chain, const FirewallNeeds& needs, FirewallVerdict& verdict) {
  std::vector<std::string> shut, unclear;
  std::string why, first_why;
  const auto ask = [&](const char* protocol, const char* shown, const std::vector<std::uint16_t>& ports) {
    for (const std::uint16_t port : ports) {
      const Does does = verdict_of(chain, Asked{needs.interface, protocol, port}, why);
      const std::string text = std::string(shown) + " " + std::to_string(port);
      if (does == Does::shuts) shut.push_back(text);
      if (does == Does::unclear) unclear.push_back(text);
      if (does == Does::shuts && first_why.empty()) first_why = why;
    }
  };
  ask("udp", "UDP", needs.udp);
  ask("tcp", "TCP", needs.tcp);
  const std::string name = chain.table + " " + chain.name;
  if (!shut.empty())
    verdict.shut.push_back("the chain " + name + " shuts " + joined(shut, ", ") + " by " + first_why +
                           ". Until it is loaded again, this opens it: " + opening_line(chain, needs));
  else if (!unclear.empty())
    verdict.unclear.push_back("The firewall (chain " + name + ") may keep nodes out of " + joined(unclear, ", ") +
                              ". If nobody comes, this opens it: " + opening_line(chain, needs));
}

}  // namespace

FirewallVerdict judge_firewall(std::string_view ruleset, const FirewallNeeds& needs) {
  FirewallVerdict verdict;
  for (const Chain& chain : chains_of(ruleset))
    if (chain.input) judge(chain, needs, verdict);
  return verdict;
}

}  // namespace ka::server
