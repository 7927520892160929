#include "wire/boot/grub_machine.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text.h"
#include "wire/boot/bls.h"
#include "wire/boot/grub_config.h"

namespace ka::boot {

namespace {

constexpr std::size_t most_steps = 200'000;
constexpr int deepest = 24;
constexpr std::size_t longest_value = 64 << 10;

// Goes one level deeper for as long as it lives.
class Deeper {
 public:
  explicit Deeper(int& depth) : depth_(depth) { ++depth_; }
  ~Deeper() { --depth_; }
  Deeper(const Deeper&) = delete;

 private:
  int& depth_;
};

// What of GRUB's own variables decides anything.
const std::pair<const char*, const char*> given[] = {
    {"feature_menuentry_id", "y"},      {"feature_platform_search_hint", "y"}, {"feature_timeout_style", "y"},
    {"feature_default_font_path", "y"}, {"feature_all_video_module", "y"},     {"feature_200_final", "y"}};

}  // namespace

// ---- Running ----

const GrubMachine::Known GrubMachine::known_commands[] = {
    {"set", &GrubMachine::set_variable},
    {"unset", &GrubMachine::unset},
    {"load_env", &GrubMachine::load_env},
    {"test", &GrubMachine::test},
    {"[", &GrubMachine::test},
    {"search", &GrubMachine::search},
    {"search.fs_uuid", &GrubMachine::search},
    {"search.fs_label", &GrubMachine::search},
    {"search.file", &GrubMachine::search},
    {"source", &GrubMachine::source},
    {".", &GrubMachine::source},
    {"configfile", &GrubMachine::source},
    {"normal", &GrubMachine::source},
    {"blscfg", &GrubMachine::blscfg},
    {"linux", &GrubMachine::load_linux},
    {"linux16", &GrubMachine::load_linux},
    {"linuxefi", &GrubMachine::load_linux},
    {"initrd", &GrubMachine::load_initrd},
    {"initrd16", &GrubMachine::load_initrd},
    {"initrdefi", &GrubMachine::load_initrd},
    {"false", &GrubMachine::fail},
    {"return", &GrubMachine::end},
    {"true", &GrubMachine::succeed},
    {"insmod", &GrubMachine::succeed},
    {"rmmod", &GrubMachine::succeed},
    {"echo", &GrubMachine::succeed},
    {"export", &GrubMachine::succeed},
    {"save_env", &GrubMachine::succeed},
    {"loadfont", &GrubMachine::succeed},
    {"terminal_output", &GrubMachine::succeed},
    {"terminal_input", &GrubMachine::succeed},
    {"terminal", &GrubMachine::succeed},
    {"serial", &GrubMachine::succeed},
    {"sleep", &GrubMachine::succeed},
    {"play", &GrubMachine::succeed},
    {"clear", &GrubMachine::succeed},
    {"background_image", &GrubMachine::succeed},
    {"background_color", &GrubMachine::succeed},
    {"cryptomount", &GrubMachine::succeed},
    {"gettext", &GrubMachine::succeed},
    {"setparams", &GrubMachine::succeed},
    {"password_pbkdf2", &GrubMachine::succeed},
    {"password", &GrubMachine::succeed},
    {"keymap", &GrubMachine::succeed},
    {"boot", &GrubMachine::succeed},
    {"devicetree", &GrubMachine::succeed},
    {"increment", &GrubMachine::succeed},
    {"decrement", &GrubMachine::succeed},
    {"fwsetup", &GrubMachine::succeed},
    {"smbios", &GrubMachine::succeed},
    {"regexp", &GrubMachine::fail},
    {"keystatus", &GrubMachine::fail},
};

void GrubMachine::start_in(const Place& folder, bool uefi) {
  first_ = folder.fs;
  for (const auto& [name, value] : given) variables_[name] = value;
  set("grub_platform", uefi ? "efi" : "pc");
  set("grub_cpu", uefi ? "x86_64" : "i386");
  set("root", folder.fs);
  set("prefix", "(" + folder.fs + ")" + folder.path);
}

std::string GrubMachine::here() const { return file_ + ":" + std::to_string(line_); }

void GrubMachine::count_steps(std::size_t steps) {
  steps_ += steps;
  if (steps_ > most_steps) throw Error("follow " + here(), "it goes on and on");
}

void GrubMachine::read_config(const std::string& file) {
  const auto text = question_.files.read(file);
  if (!text) throw Error("read " + file, "there is no such file");
  run_text(*text, file);
}

void GrubMachine::run_text(const std::string& text, const std::string& file) {
  const Deeper level(depth_);
  if (depth_ > deepest) throw Error("read " + file, "files that read each other have no end");
  count_steps(text.size() / 64);
  const GrubCommands commands = parse_grub_script(text, file);
  const std::string before = std::exchange(file_, file);
  run_all(commands);
  returning_ = false;
  file_ = before;
}

void GrubMachine::run(const Entry& entry) {
  entries_.clear();
  loaded_.reset();
  unknown.clear();
  file_ = entry.file;
  set("chosen", entry.title);
  if (entry.block) {
    run_all(*entry.block);
    returning_ = false;
  } else {
    file_ = entry.where;
    load_linux(entry.kernel);
    if (loaded_) loaded_->kernel.where = entry.where;
    file_ = entry.initrd_where;
    if (!entry.initrd.empty()) load_initrd(entry.initrd);
    if (loaded_)
      for (Loaded::File& initrd : loaded_->initrds) initrd.where = entry.initrd_where;
  }
  if (loaded_) loaded_->title = entry.title;
}

bool GrubMachine::run_all(const GrubCommands& commands) {
  bool status = true;
  for (const GrubCommand& command : commands) {
    if (returning_) break;
    status = run_one(command);
  }
  return status;
}

bool GrubMachine::run_one(const GrubCommand& command) {
  const Deeper level(depth_);
  if (depth_ > 3 * deepest) throw Error("follow " + here(), "its functions call each other without an end");
  count_steps(1);
  line_ = command.line;
  switch (command.kind) {
    case GrubCommand::simple: return run_simple(command);
    case GrubCommand::choice: return choose(command);
    case GrubCommand::each: return each(command);
    case GrubCommand::loop: unknown.emplace_back(here(), "while"); return true;
    case GrubCommand::function:
      if (!command.words.empty() && command.block) functions_[command.words[0].plain()] = command.block;
      return true;
  }
  return true;
}

bool GrubMachine::choose(const GrubCommand& command) {
  for (const GrubCommand::Branch& branch : command.branches)
    if (branch.condition.empty() || run_all(branch.condition)) return run_all(branch.then);
  return true;
}

bool GrubMachine::each(const GrubCommand& command) {
  const Words words = expand(command.words);
  if (words.size() < 2 || words[1] != "in" || !command.block) return true;
  for (std::size_t i = 2; i < words.size(); ++i) {
    set(words[0], words[i]);
    run_all(*command.block);
  }
  return true;
}

bool GrubMachine::call(const GrubCommands& body, Words arguments) {
  std::map<std::string, std::string> before;
  for (std::size_t i = 0; i < 10; ++i)
    before[std::to_string(i)] =
        std::exchange(variables_[std::to_string(i)], i < arguments.size() ? arguments[i] : std::string());
  const bool status = run_all(body);
  returning_ = false;
  for (auto& [name, value] : before) variables_[name] = value;
  return status;
}

GrubMachine::Words GrubMachine::expand(const std::vector<GrubWord>& words) const {
  Words result;
  for (const GrubWord& word : words) {
    std::string made;
    bool there = false;
    for (const GrubWord::Part& part : word.parts) {
      if (part.kind == GrubWord::Part::text || part.quoted) {
        made += part.kind == GrubWord::Part::text ? part.value : variable(part.value);
        there = true;
        continue;
      }
      const std::string value = variable(part.value);
      std::size_t number = 0;
      for (std::string_view piece : ka::words(value)) {
        if (number++ > 0) result.push_back(std::exchange(made, ""));
        made += piece;
        there = true;
      }
    }
    if (made.size() > longest_value) throw Error("follow " + here(), "a word is too long");
    if (there) result.push_back(std::move(made));
  }
  return result;
}

bool GrubMachine::run_simple(const GrubCommand& command) {
  const Words words = expand(command.words);
  for (const std::string& word : words) count_steps(word.size() / 64);
  if (words.empty()) return true;
  const std::string& name = words[0];
  if (name == "menuentry" || name == "submenu") {
    add_entry(command, words);
    return true;
  }
  if (auto function = functions_.find(name); function != functions_.end()) {
    const auto body = function->second;  // it may define itself anew
    return call(*body, words);
  }
  auto same = [&name](const Known& known) { return name == known.name; };
  const Known* known = std::find_if(std::begin(known_commands), std::end(known_commands), same);
  if (known != std::end(known_commands)) return (this->*known->run)(words);
  if (const std::size_t equals = name.find('='); equals != std::string::npos && equals > 0) {
    set(name.substr(0, equals), name.substr(equals + 1));
    return true;
  }
  unknown.emplace_back(here(), name);
  return true;
}

void GrubMachine::add_entry(const GrubCommand& command, const Words& words) {
  Entry entry;
  entry.is_menu = words[0] == "submenu";
  entry.where = here();
  entry.file = file_;
  entry.block = command.block ? command.block : std::make_shared<GrubCommands>();
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.starts_with("--id=")) {
      entry.id = word.substr(5);
    } else if (word == "--id" || word == "--class" || word == "--users" || word == "--hotkey") {
      if (i + 1 < words.size() && word == "--id") entry.id = words[i + 1];
      ++i;
    } else if (!word.starts_with("--") && entry.title.empty()) {
      entry.title = word;
    }
  }
  entries_.push_back(std::move(entry));
}

std::string GrubMachine::variable(const std::string& name) const {
  auto found = variables_.find(name);
  return found == variables_.end() ? "" : found->second;
}

// ---- Files ----

std::optional<Place> GrubMachine::place(const std::string& path) const {
  std::string device = variable("root"), inside = path;
  if (path.starts_with('(')) {
    const std::size_t end = path.find(')');
    if (end == std::string::npos) return std::nullopt;
    device = path.substr(1, end - 1);
    inside = path.substr(end + 1);
  }
  const auto fs = grub_device(question_, device, first_);
  if (!fs || !inside.starts_with('/')) return std::nullopt;
  return Place{*fs, normal(inside)};
}

std::optional<std::string> GrubMachine::path_of(const std::string& path) const {
  const auto there = place(path);
  return there ? in_tree(question_, *there) : std::nullopt;
}

bool GrubMachine::source(const Words& words) {
  if (words.size() < 2) return false;
  const auto path = path_of(words[1]);
  const auto text = path ? question_.files.read(*path) : std::nullopt;
  if (!text) {
    // A person's own additions (custom.cfg) may be missing; a stub's configuration may not.
    if (words[0] == "configfile" || words[0] == "normal")
      trail_.fail(here(), words[0] + " " + words[1], State::missing, "there is no such file");
    return false;
  }
  if (words[0] != "source" && words[0] != ".") {
    entries_.clear();
    trail_.found(here(), words[0] + " " + *path);
  }
  run_text(*text, *path);
  if (words[0] != "source" && words[0] != ".") returning_ = true;
  return true;
}

bool GrubMachine::load_env(const Words& words) {
  std::string file = variable("prefix") + "/grubenv";
  for (std::size_t i = 1; i + 1 < words.size(); ++i)
    if (words[i] == "-f" || words[i] == "--file") file = words[i + 1];
  const auto path = path_of(file);
  const auto bytes = path ? question_.files.read(*path) : std::nullopt;
  if (!bytes) return false;
  if (bytes->size() != grub_environment_size)
    trail_.doubt(*path, "GRUB's environment", State::not_understood,
                 "it has " + std::to_string(bytes->size()) + " bytes and not 1024: GRUB does not read it");
  for (const auto& [name, value] : parse_grub_environment(*bytes)) set(name, value);
  return true;
}

bool GrubMachine::search(const Words& words) {
  enum { file, label, uuid } kind = file;
  const bool short_form = words[0].starts_with("search.");
  std::string name, set_to = "root";
  bool sets = short_form;
  if (words[0] == "search.fs_uuid") kind = uuid;
  if (words[0] == "search.fs_label") kind = label;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (short_form && i == 2) set_to = word;
    if (short_form && i > 1) continue;
    if (word == "--fs-uuid" || word == "-u") kind = uuid;
    if (word == "--label" || word == "--fs-label" || word == "-l") kind = label;
    if (word == "--set" || word == "-s" || word.starts_with("--set=")) sets = true;
    if (word.starts_with("--set=")) set_to = word.substr(6);
    if (!word.starts_with('-')) name = word;
  }
  std::optional<storage::Id> found;
  if (kind == file) {
    for (const Mounted& mount : question_.mounts)
      if (const auto path = in_tree(question_, {mount.fs, normal(name)}); !found && path && question_.files.size(*path))
        found = mount.fs;
  } else {
    found = question_.find((kind == uuid ? "UUID=" : "LABEL=") + name);
  }
  if (found && sets) set(set_to, *found);
  if (!found) trail_.doubt(here(), joined(words, " "), State::missing, "no clone has a file system like that");
  return found.has_value();
}

// ---- Variables and conditions ----

bool GrubMachine::set_variable(const Words& words) {
  if (words.size() < 2) return true;
  const std::size_t equals = words[1].find('=');
  if (equals == std::string::npos) return false;
  set(words[1].substr(0, equals), words[1].substr(equals + 1));
  return true;
}

bool GrubMachine::unset(const Words& words) {
  for (std::size_t i = 1; i < words.size(); ++i) variables_.erase(words[i]);
  return true;
}

bool GrubMachine::end(const Words&) {
  returning_ = true;
  return true;
}

bool GrubMachine::test_one(const Words& words, std::size_t& at) const {
  const std::string word = at < words.size() ? words[at++] : "";
  if (at >= words.size() || word.size() != 2 || word[0] != '-') {
    static const char* const comparisons[] = {"=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "<", ">"};
    auto is_next = [&](const char* comparison) { return at < words.size() && words[at] == comparison; };
    if (std::none_of(std::begin(comparisons), std::end(comparisons), is_next)) return !word.empty();
    const std::string comparison = words[at++], other = at < words.size() ? words[at++] : "";
    if (comparison == "=" || comparison == "==") return word == other;
    if (comparison == "!=") return word != other;
    if (comparison == "<") return word < other;
    if (comparison == ">") return word > other;
    const std::uint64_t a = parse_unsigned(word).value_or(0), b = parse_unsigned(other).value_or(0);
    const std::string kind = comparison.substr(1);
    return kind == "eq"   ? a == b
           : kind == "ne" ? a != b
           : kind == "lt" ? a < b
           : kind == "le" ? a <= b
           : kind == "gt" ? a > b
                          : a >= b;
  }
  const std::string value = words[at++];
  if (word == "-n") return !value.empty();
  if (word == "-z") return value.empty();
  const auto path = path_of(value);
  const auto size = path ? question_.files.size(*path) : std::nullopt;
  if (word == "-s") return size && *size > 0;
  if (word == "-f") return size.has_value();
  const bool folder = path && !question_.files.list(*path).empty();
  return word == "-d" ? folder : word == "-e" && (size || folder);
}

// -a and -o from left to right, as GRUB does it.
bool GrubMachine::test_all(const Words& words, std::size_t& at, int depth) const {
  bool result = false, joined_by_and = false, first = true;
  while (at < words.size() && words[at] != ")") {
    bool negated = false;
    while (at < words.size() && words[at] == "!") negated = !negated, ++at;
    bool one = false;
    if (at < words.size() && words[at] == "(" && depth < deepest) {
      one = test_all(words, ++at, depth + 1);
      if (at < words.size()) ++at;
    } else {
      one = test_one(words, at);
    }
    one = one != negated;
    result = first ? one : joined_by_and ? result && one : result || one;
    first = false;
    if (at < words.size() && (words[at] == "-a" || words[at] == "-o")) joined_by_and = words[at++] == "-a";
  }
  return result;
}

bool GrubMachine::test(const Words& words) {
  Words inner(words.begin() + 1, words.end());
  if (words[0] == "[" && !inner.empty() && inner.back() == "]") inner.pop_back();
  std::size_t at = 0;
  return test_all(inner, at, 0);
}

// ---- What is started ----

bool GrubMachine::load_linux(const Words& words) {
  if (words.size() < 2) return false;
  loaded_.emplace();
  loaded_->kernel = {here(), place(words[1]).value_or(Place{}), words[1]};
  loaded_->arguments.assign(words.begin() + 2, words.end());
  return true;
}

bool GrubMachine::load_initrd(const Words& words) {
  if (!loaded_) return false;
  for (std::size_t i = 1; i < words.size(); ++i)
    if (!words[i].starts_with("--")) loaded_->initrds.push_back({here(), place(words[i]).value_or(Place{}), words[i]});
  return true;
}

// Fedora's: entries of the boot file system, which $boot names, or of a folder that the environment names.
bool GrubMachine::blscfg(const Words& words) {
  std::vector<std::string> folders = {variable("blsdir"), "/loader/entries", "/boot/loader/entries"};
  if (words.size() > 1) folders.insert(folders.begin(), words[1]);
  const std::string device = variable("boot").empty() ? variable("root") : variable("boot");
  for (const std::string& folder : folders) {
    if (folder.empty()) continue;
    const auto path = path_of(folder.starts_with('(') ? folder : "(" + device + ")" + folder);
    if (!path) continue;
    const auto found = bls_entries(question_, *path, true);
    count_steps(100 * (1 + found.size()));
    for (const BlsEntry& entry : found) {
      if (entry.linux_image.empty()) continue;
      Entry made;
      made.title = entry.title;
      made.id = entry.id;
      made.where = entry.at("linux");
      made.initrd_where = entry.at("initrd");
      std::string text = "linux " + entry.linux_image;
      for (const std::string& options : entry.options) text += " " + options;
      if (entry.options.empty()) text += " $default_kernelopts";
      std::string initrds;
      for (const std::string& initrd : entry.initrds) initrds += " " + initrd;
      auto expanded = [this, &made](const std::string& one) {
        const GrubCommands parsed = parse_grub_script(one, made.where);
        return parsed.empty() ? Words() : expand(parsed[0].words);
      };
      made.kernel = expanded(text);
      if (!initrds.empty()) made.initrd = expanded("initrd" + initrds);
      entries_.push_back(std::move(made));
    }
    if (!found.empty()) break;
  }
  return true;
}

}  // namespace ka::boot
