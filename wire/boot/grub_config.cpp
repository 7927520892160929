#include "wire/boot/grub_config.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "wire/boot/grub_machine.h"

namespace ka::boot {

namespace {

using Entry = GrubMachine::Entry;

// "Advanced options>Debian, with Linux 6.1" into its first part and the rest; ">>" is a ">" of a title.
std::pair<std::string, std::string> first_part(const std::string& wanted) {
  std::string first;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == '>' && i + 1 < wanted.size() && wanted[i + 1] == '>') {
      ++i;
    } else if (wanted[i] == '>') {
      return {first, wanted.substr(i + 1)};
    }
    first += wanted[i];
  }
  return {first, ""};
}

// As GRUB finds it: a number, else a title or an id; nullopt if there is none.
std::optional<std::size_t> find_entry(const std::vector<Entry>& entries, const std::string& wanted) {
  if (const auto number = parse_unsigned(trim(wanted))) {
    if (*number < entries.size()) return static_cast<std::size_t>(*number);
    return std::nullopt;
  }
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (entries[i].title == wanted || (!entries[i].id.empty() && entries[i].id == wanted)) return i;
  return std::nullopt;
}

// The entry that starts by itself, of a menu or of one inside it.
class Menu {
 public:
  Menu(const Question& question, GrubMachine& grub, Trail& trail) : question_(question), grub_(grub), trail_(trail) {}

  void follow(const std::string& file, std::string wanted) {
    std::string menu = file;
    for (int depth = 0; depth < 8; ++depth) {
      const std::vector<Entry> entries = grub_.entries();
      if (entries.empty()) {
        trail_.fail(menu, "menu", State::missing, "it has no entries" + words_of_unknown());
        return;
      }
      const auto [name, rest] = first_part(wanted);
      auto at = name.empty() ? std::optional<std::size_t>(0) : find_entry(entries, name);
      if (!at)
        trail_.doubt(menu, "default \"" + name + "\"", State::missing, "there is no such entry: GRUB takes the first");
      const Entry& chosen = entries[at.value_or(0)];
      trail_.found(chosen.where, (chosen.is_menu ? "menu \"" : "entry \"") + chosen.title + "\"");
      grub_.run(chosen);
      if (!chosen.is_menu && (grub_.loaded() || grub_.entries().empty())) {
        follow_entry(chosen);
        return;
      }
      menu = chosen.where;
      wanted = chosen.is_menu ? rest : grub_.variable("default");  // its own, or that of a configfile
    }
    trail_.fail(menu, "menu", State::not_understood, "it is nested too deeply");
  }

 private:
  std::string words_of_unknown() const {
    return grub_.unknown.empty() ? "" : "; " + grub_.unknown[0].first + " has " + grub_.unknown[0].second;
  }

  void follow_entry(const Entry& entry) {
    if (!grub_.loaded()) {
      std::string why = "it loads no Linux kernel";
      if (!grub_.unknown.empty()) why = "it starts something by " + grub_.unknown[0].second;
      trail_.fail(grub_.unknown.empty() ? entry.where : grub_.unknown[0].first, "entry \"" + entry.title + "\"",
                  State::not_understood, why);
      return;
    }
    for (const auto& [where, name] : grub_.unknown)
      trail_.doubt(where, name, State::not_understood, "a command that is not known here");
    follow_kernel(question_, *grub_.loaded(), trail_);
  }

  const Question& question_;
  GrubMachine& grub_;
  Trail& trail_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_grub_environment(std::string_view bytes) {
  std::vector<std::pair<std::string, std::string>> values;
  constexpr std::string_view begin = "# GRUB Environment Block\n";
  if (bytes.size() != grub_environment_size || !bytes.starts_with(begin)) return values;
  bytes.remove_prefix(begin.size());
  // A value may have a line end, as every backslash, behind a backslash.
  std::string line;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\\' && i + 1 < bytes.size()) {
      line += bytes[++i];
    } else if (bytes[i] != '\n') {
      line += bytes[i];
    } else {
      const std::size_t equals = line.find('=');
      if (!line.starts_with('#') && equals != std::string::npos)
        values.emplace_back(line.substr(0, equals), line.substr(equals + 1));
      line.clear();
    }
  }
  return values;
}

void follow_grub(const Question& question, const Start& start, Trail& trail) {
  const std::string& file = start.file;
  GrubMachine grub(question, trail);
  const auto place = place_of(question, file);
  if (!place || !question.files.size(file)) {
    trail.fail("", "GRUB's " + file, State::missing, "there is no such file among what is cloned");
    return;
  }
  trail.found("", "GRUB's " + file);
  const std::size_t slash = place->path.rfind('/');
  grub.start_in({place->fs, slash == 0 ? "" : place->path.substr(0, slash)}, start.uefi);
  try {
    grub.read_config(file);
    auto broken = [](const Link& link) { return link.needed && link.state != State::found; };
    if (std::any_of(trail.links.begin(), trail.links.end(), broken)) return;  // a stub that leads nowhere
    Menu(question, grub, trail).follow(file, grub.variable("default"));
  } catch (const Error& error) {
    trail.fail("", "GRUB's configuration", State::not_understood, error.what());
  }
}

}  // namespace ka::boot
