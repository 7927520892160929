#pragma once
/// What GRUB's script does, command by command.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wire/boot/grub_script.h"
#include "wire/boot/loaded.h"

namespace ka::boot {

class GrubMachine {
 public:
  struct Entry {
    std::string title, id;
    std::string where;                        ///< "/boot/grub/grub.cfg:119"
    std::string file;                         ///< its script
    std::shared_ptr<GrubCommands> block;      ///< what it does; null: of a file of loader/entries
    std::vector<std::string> kernel, initrd;  ///< of such a file: words behind linux and initrd
    std::string initrd_where;
    bool is_menu = false;
  };

  GrubMachine(const Question& question, Trail& trail) : question_(question), trail_(trail) {}

  /// Throws Error for a file that is no script, and for one that never ends.
  void read_config(const std::string& file);
  /// What the entry loads; its menu's entries are in entries() afterwards.
  void run(const Entry& entry);

  std::vector<Entry>& entries() { return entries_; }
  const std::optional<Loaded>& loaded() const { return loaded_; }
  /// Commands that were not understood, with their places, since the last clear.
  std::vector<std::pair<std::string, std::string>> unknown;

  std::string variable(const std::string& name) const;
  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  /// The folder of GRUB's first file: $root and $prefix.
  void start_in(const Place& folder, bool uefi);

 private:
  using Words = std::vector<std::string>;
  struct Known {
    const char* name;
    bool (GrubMachine::*run)(const Words& words);
  };
  static const Known known_commands[];

  void run_text(const std::string& text, const std::string& file);
  bool run_all(const GrubCommands& commands);
  bool run_one(const GrubCommand& command);
  bool run_simple(const GrubCommand& command);
  bool choose(const GrubCommand& command);
  bool each(const GrubCommand& command);
  bool call(const GrubCommands& body, Words arguments);
  void add_entry(const GrubCommand& command, const Words& words);
  Words expand(const std::vector<GrubWord>& words) const;

  bool set_variable(const Words& words);
  bool unset(const Words& words);
  bool load_env(const Words& words);
  bool test(const Words& words);
  bool search(const Words& words);
  bool source(const Words& words);
  bool blscfg(const Words& words);
  bool load_linux(const Words& words);
  bool load_initrd(const Words& words);
  bool succeed(const Words&) { return true; }
  bool fail(const Words&) { return false; }
  bool end(const Words&);

  bool test_one(const Words& words, std::size_t& at) const;
  bool test_all(const Words& words, std::size_t& at, int depth) const;
  std::optional<Place> place(const std::string& path) const;
  std::optional<std::string> path_of(const std::string& path) const;
  std::string here() const;
  void count_steps(std::size_t steps);  ///< throws Error after too many

  const Question& question_;
  Trail& trail_;
  std::map<std::string, std::string> variables_;
  std::map<std::string, std::shared_ptr<GrubCommands>> functions_;
  std::vector<Entry> entries_;
  std::optional<Loaded> loaded_;
  storage::Id first_;  // the file system that GRUB's own files are on
  std::string file_;   // that is carried out now
  std::size_t line_ = 0, steps_ = 0;
  int depth_ = 0;
  bool returning_ = false;
};

}  // namespace ka::boot
