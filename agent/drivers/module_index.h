#pragma once
/// Which kernel module serves which device, and what must be loaded before it: the tables that depmod(8) writes
/// (modules.dep, modules.alias, modules.softdep, modules.builtin), of one or more module directories together. No I/O.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ka::agent {

/// The text of one directory's tables.
struct ModuleTables {
  std::string dependencies;  ///< modules.dep
  std::string aliases;       ///< modules.alias
  std::string soft;          ///< modules.softdep
  std::string builtin;       ///< modules.builtin
};

/// A shell pattern as modules.alias has it (*, ?, [abc], [a-c]) against a whole modalias.
bool matches_alias(std::string_view pattern, std::string_view modalias);

/// "kernel/drivers/net/foo-bar.ko.xz" → "foo_bar", the name that the kernel knows the module by.
std::string module_name(std::string_view path_or_name);

class ModuleIndex {
 public:
  /// Adds the modules of `directory` ("/lib/modules/6.1.0-21-amd64"). A module that is known already stays where it is.
  void add(const std::string& directory, const ModuleTables& tables);

  /// The modules that say they serve this modalias (or alias, "fs-squashfs"), in the order of the tables.
  std::vector<std::string> serving(std::string_view modalias) const;

  /// The files to load for `name`, a module's name or an alias, in this order: what it depends on, its soft
  /// dependencies around it. Empty when it is built in or not known (see knows()). A cycle is cut where it closes.
  std::vector<std::string> load_order(std::string_view name) const;

  bool knows(std::string_view name) const;

 private:
  struct Module {
    std::string path;
    std::vector<std::string> needs, before, after;  ///< by name; soft ones may be aliases
  };

  void visit(const std::string& name, std::set<std::string>& seen, std::vector<std::string>& order) const;
  void visit_soft(const std::vector<std::string>& names, std::set<std::string>& seen,
                  std::vector<std::string>& order) const;

  std::map<std::string, Module, std::less<>> modules_;
  std::set<std::string, std::less<>> builtin_;
  struct Alias {
    std::string pattern, module;
  };
  std::vector<Alias> aliases_;
};

}  // namespace ka::agent
