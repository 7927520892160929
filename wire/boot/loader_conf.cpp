#include "wire/boot/loader_conf.h"

#include <algorithm>

#include "base/text.h"
#include "wire/boot/bls.h"
#include "wire/boot/loaded.h"

namespace ka::boot {

namespace {

constexpr std::string_view xbootldr = "BC13C2FF-59E6-4262-A352-B275FD6F7172";

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string small(std::string_view text) {
  std::string made;
  for (char c : text) made += small(c);
  return made;
}

// Does a set "[a-z]" (what lies between the brackets) have this character?
bool has(std::string_view set, char c) {
  const bool inverted = set.starts_with('!') || set.starts_with('^');
  if (inverted) set.remove_prefix(1);
  bool found = false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const bool range = i + 2 < set.size() && set[i + 1] == '-';
    found = found || (range ? set[i] <= c && c <= set[i + 2] : set[i] == c);
    if (range) i += 2;
  }
  return found != inverted;
}

// "name+2-1.conf" counts the tries that are left; without any, an entry comes last.
struct Counted {
  std::string id;
  bool used_up = false;
};
Counted counted(const std::string& id) {
  const std::size_t plus = id.rfind('+');
  if (plus == std::string::npos) return {id, false};
  const std::string_view count = std::string_view(id).substr(plus + 1);
  const auto left = parse_unsigned(count.substr(0, count.find('-')));
  return left ? Counted{id.substr(0, plus), *left == 0} : Counted{id, false};
}

struct Choice {
  BlsEntry entry;
  std::string id;         // with its suffix: what "default" is compared with
  std::string partition;  // mount point of what its paths begin in
  bool used_up = false;
};

class Menu {
 public:
  Menu(const Question& question, const std::string& esp) : question_(question), esp_(esp) {}

  std::vector<Choice> choices() {
    std::vector<Choice> all;
    for (const std::string& point : partitions()) {
      for (BlsEntry& entry : bls_entries(question_, below(point, "loader/entries"), false)) add(all, entry, point);
      const std::string images = below(point, "EFI/Linux");
      for (const std::string& name : question_.files.list(images)) add_image(all, images, name, point);
    }
    auto later = [](const Choice& choice) { return !choice.used_up; };
    std::stable_partition(all.begin(), all.end(), later);
    return all;
  }

 private:
  static std::string below(const std::string& point, const std::string& path) {
    return (point == "/" ? "" : point) + "/" + path;
  }

  // The ESP, and the partition of the same disk that is there for kernels.
  std::vector<std::string> partitions() const {
    std::vector<std::string> points = {esp_};
    for (const Mounted& mount : question_.mounts) {
      const storage::Node* fs = question_.storage.find(mount.fs);
      const storage::Node* device = fs && !fs->on.empty() ? question_.storage.find(fs->on.front()) : nullptr;
      const auto* partition = storage::get<storage::Partition>(device);
      if (partition && partition->type == xbootldr && mount.point != esp_) points.push_back(mount.point);
    }
    return points;
  }

  static void add(std::vector<Choice>& all, BlsEntry& entry, const std::string& point) {
    const std::string architecture = small(entry.architecture);
    if ((entry.linux_image.empty() && entry.efi.empty()) || (!architecture.empty() && architecture != "x64")) return;
    const Counted name = counted(entry.id);
    all.push_back({std::move(entry), name.id + ".conf", point, name.used_up});
  }

  static void add_image(std::vector<Choice>& all, const std::string& folder, const std::string& name,
                        const std::string& point) {
    if (!small(name).ends_with(".efi")) return;
    const Counted plain = counted(name.substr(0, name.size() - 4));
    BlsEntry entry;
    entry.file = folder + "/" + name;
    entry.title = name;
    all.push_back({std::move(entry), plain.id + ".efi", point, plain.used_up});
  }

  const Question& question_;
  std::string esp_;
};

void follow(const Question& question, const Choice& choice, Trail& trail) {
  const BlsEntry& entry = choice.entry;
  const auto partition = place_of(question, choice.partition == "/" ? "/x" : choice.partition + "/x");
  const storage::Id fs = partition ? partition->fs : storage::Id();
  Loaded loaded;
  loaded.title = entry.title.empty() ? choice.id : entry.title;
  const bool image = entry.linux_image.empty() && entry.efi.empty();
  const std::string key = entry.linux_image.empty() ? "efi" : "linux";
  const std::string kernel = entry.linux_image.empty() ? entry.efi : entry.linux_image;
  if (image) {
    const auto place = place_of(question, entry.file);
    loaded.kernel = {"", place.value_or(Place{}), entry.file};
  } else {
    loaded.kernel = {entry.at(key), {fs, normal(kernel)}, kernel};
  }
  for (const std::string& initrd : entry.initrds)
    loaded.initrds.push_back({entry.at("initrd"), {fs, normal(initrd)}, initrd});
  for (const std::string& options : entry.options)
    for (std::string_view word : words(options)) loaded.arguments.emplace_back(word);
  follow_kernel(question, loaded, trail);
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t at = 0, p = 0, star = std::string_view::npos, retry = 0;
  while (at < text.size()) {
    const char c = small(text[at]);
    const std::size_t close =
        p < pattern.size() && pattern[p] == '[' ? pattern.find(']', p + 2) : std::string_view::npos;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++, retry = at;
    } else if (close != std::string_view::npos && has(pattern.substr(p + 1, close - p - 1), c)) {
      p = close + 1, ++at;
    } else if (p < pattern.size() && close == std::string_view::npos && (pattern[p] == '?' || small(pattern[p]) == c)) {
      ++p, ++at;
    } else if (star != std::string_view::npos) {
      p = star + 1, at = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

void follow_systemd_boot(const Question& question, const Start& start, Trail& trail) {
  constexpr std::string_view tail = "/loader/loader.conf";
  const std::string& file = start.file;
  std::string esp = file.ends_with(tail) ? file.substr(0, file.size() - tail.size()) : "";
  if (esp.empty()) esp = "/";
  std::string wanted;
  std::size_t number = 0, wanted_line = 0;
  if (const auto text = question.files.read(file)) {
    trail.found("", "systemd-boot's " + file);
    for (std::string_view line : split(*text, '\n')) {
      ++number;
      const auto fields = words(line);
      if (fields.size() >= 2 && fields[0] == "default") wanted = fields[1], wanted_line = number;
    }
  }
  const std::vector<Choice> choices = Menu(question, esp).choices();
  if (choices.empty()) {
    trail.fail(file, "menu", State::missing, "there is no entry in loader/entries or EFI/Linux");
    return;
  }
  const Choice* chosen = &choices.front();
  const std::string at = file + ":" + std::to_string(wanted_line);
  if (wanted.starts_with('@')) {
    trail.doubt(at, "default " + wanted, State::not_understood, "what the firmware remembers is no clone's: the first");
  } else if (!wanted.empty()) {
    auto same = [&wanted](const Choice& choice) {
      const std::string bare = choice.id.substr(0, choice.id.rfind('.'));
      return matches_pattern(wanted, choice.id) || matches_pattern(wanted, bare);
    };
    const auto found = std::find_if(choices.begin(), choices.end(), same);
    if (found == choices.end())
      trail.doubt(at, "default " + wanted, State::missing, "there is no such entry: systemd-boot takes the first");
    else
      chosen = &*found;
  }
  trail.found(chosen->entry.file, "entry \"" + chosen->id + "\"");
  follow(question, *chosen, trail);
}

}  // namespace ka::boot
