#include "agent/drivers/module_index.h"

#include <algorithm>

#include "base/text.h"

namespace ka::agent {

namespace {

// The end of a "[…]" at the front of the pattern, and whether `c` is in it. 0: not closed, so not a set.
std::size_t match_set(std::string_view pattern, char c, bool& inside) {
  const std::size_t close = pattern.find(']', 2);
  if (close == std::string_view::npos) return 0;
  inside = false;
  for (std::size_t i = 1; i < close; ++i) {
    if (i + 2 < close && pattern[i + 1] == '-') {
      inside = inside || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 2;
    } else {
      inside = inside || pattern[i] == c;
    }
  }
  return close + 1;
}

std::string normal(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

}  // namespace

bool matches_alias(std::string_view pattern, std::string_view modalias) {
  // Greedy with one point to return to: linear for what modules.alias has, and never worse than quadratic.
  std::size_t p = 0, m = 0, star = std::string_view::npos, resume = 0;
  while (m < modalias.size()) {
    bool same = false;
    std::size_t step = 1;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = m;
      continue;
    }
    if (p < pattern.size()) {
      if (pattern[p] == '[') {
        step = match_set(pattern.substr(p), modalias[m], same);
        if (step == 0) return false;
      } else {
        same = pattern[p] == '?' || pattern[p] == modalias[m];
      }
    }
    if (same) {
      p += step;
      ++m;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      m = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string module_name(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  const std::size_t end = path.find(".ko");
  return normal(path.substr(0, end));
}

void ModuleIndex::add(const std::string& directory, const ModuleTables& tables) {
  std::set<std::string> fresh;
  for (std::string_view line : split(tables.dependencies, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    const std::string name = module_name(line.substr(0, colon));
    if (modules_.contains(name)) continue;
    Module& module = modules_[name];
    const std::string path(line.substr(0, colon));
    module.path = path.starts_with('/') ? path : directory + "/" + path;
    for (std::string_view need : words(line.substr(colon + 1))) module.needs.push_back(module_name(need));
    fresh.insert(name);
  }
  for (std::string_view line : split(tables.soft, '\n')) {
    const auto fields = words(line);
    if (fields.size() < 3 || fields[0] != "softdep" || !fresh.contains(normal(fields[1]))) continue;
    Module& module = modules_[normal(fields[1])];
    std::vector<std::string>* list = nullptr;
    for (std::size_t i = 2; i < fields.size(); ++i) {
      if (fields[i] == "pre:") {
        list = &module.before;
      } else if (fields[i] == "post:") {
        list = &module.after;
      } else if (list) {
        list->emplace_back(fields[i]);
      }
    }
  }
  for (std::string_view line : split(tables.builtin, '\n')) {
    if (!trim(line).empty()) builtin_.insert(module_name(trim(line)));
  }
  for (std::string_view line : split(tables.aliases, '\n')) {
    const auto fields = words(line);
    if (fields.size() != 3 || fields[0] != "alias") continue;
    std::string module = normal(fields[2]);
    if (fresh.contains(module)) aliases_.push_back({std::string(fields[1]), std::move(module)});
  }
}

std::vector<std::string> ModuleIndex::serving(std::string_view modalias) const {
  std::vector<std::string> names;
  for (const Alias& alias : aliases_) {
    if (!matches_alias(alias.pattern, modalias)) continue;
    if (std::find(names.begin(), names.end(), alias.module) == names.end()) names.push_back(alias.module);
  }
  return names;
}

bool ModuleIndex::knows(std::string_view name) const {
  const std::string wanted = normal(name);
  return modules_.contains(wanted) || builtin_.contains(wanted) || !serving(name).empty();
}

std::vector<std::string> ModuleIndex::load_order(std::string_view name) const {
  std::set<std::string> seen;
  std::vector<std::string> order;
  visit_soft({std::string(name)}, seen, order);
  return order;
}

void ModuleIndex::visit(const std::string& name, std::set<std::string>& seen, std::vector<std::string>& order) const {
  auto found = modules_.find(name);
  if (found == modules_.end() || !seen.insert(name).second) return;
  const Module& module = found->second;
  visit_soft(module.before, seen, order);
  // depmod lists the nearest dependency first, and what it needs after it.
  for (auto need = module.needs.rbegin(); need != module.needs.rend(); ++need) visit(*need, seen, order);
  order.push_back(module.path);
  visit_soft(module.after, seen, order);
}

// Names, or aliases that several modules may serve ("crypto-crc32c"): then all of them, as modprobe(8) does.
void ModuleIndex::visit_soft(const std::vector<std::string>& names, std::set<std::string>& seen,
                             std::vector<std::string>& order) const {
  for (const std::string& name : names) {
    const std::string wanted = normal(name);
    if (modules_.contains(wanted)) {
      visit(wanted, seen, order);
    } else if (!builtin_.contains(wanted)) {
      for (const std::string& module : serving(name)) visit(module, seen, order);
    }
  }
}

}  // namespace ka::agent
