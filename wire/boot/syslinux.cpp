#include "wire/boot/syslinux.h"

#include <algorithm>

#include "base/text.h"
#include "wire/boot/loaded.h"

namespace ka::boot {

namespace {

std::string small(std::string_view text) {
  std::string made(text);
  for (char& c : made)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return made;
}

struct Label {
  std::string name, kernel, append, where, kernel_where, initrd_where;
  std::vector<std::string> initrds;
  bool linux_image = false;  // LINUX, and not KERNEL, which may be anything
};

class Reader {
 public:
  Reader(const Question& question, Trail& trail) : question_(question), trail_(trail) {}

  // False: it is not there.
  bool read(const std::string& file, int depth) {
    const auto text = question_.files.read(file);
    if (!text) return false;
    std::size_t number = 0;
    for (std::string_view line : split(*text, '\n')) {
      where_ = file + ":" + std::to_string(++number);
      line = trim(line);
      const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
      keyword(small(line.substr(0, end)), std::string(trim(line.substr(end))), file, depth);
    }
    return true;
  }

  const Label* chosen() const {
    const std::string& wanted = menu_default_.empty() ? default_ : menu_default_;
    auto first = [](std::string_view text) { return words(text).empty() ? std::string_view() : words(text)[0]; };
    for (const Label& label : labels_)
      if (label.name == first(wanted)) return &label;
    return nullptr;
  }
  const std::string& wanted() const { return menu_default_.empty() ? default_ : menu_default_; }
  bool has_labels() const { return !labels_.empty(); }

 private:
  void keyword(const std::string& key, const std::string& value, const std::string& file, int depth) {
    if (key == "include") {
      include(value, file, depth);
    } else if (key == "default") {
      default_ = value;
    } else if (key == "ontimeout") {
      menu_default_ = value;
    } else if (key == "label") {
      labels_.push_back({value, value, global_append_, where_, where_, where_, {}, false});
    } else if (key == "append" && labels_.empty()) {
      global_append_ = value;
    } else if (!labels_.empty()) {
      in_label(labels_.back(), key, value);
    }
  }

  void in_label(Label& label, const std::string& key, const std::string& value) {
    if (key == "kernel" || key == "linux") {
      label.kernel = value, label.kernel_where = where_, label.linux_image = key == "linux";
    } else if (key == "append") {
      label.append = value == "-" ? "" : value;
    } else if (key == "initrd") {
      for (std::string_view one : split(value, ',')) label.initrds.emplace_back(trim(one));
      label.initrd_where = where_;
    } else if (key == "menu" && small(value) == "default") {
      if (menu_default_.empty()) menu_default_ = label.name;
    } else if (key == "localboot" || key == "com32" || key == "boot" || key == "pxe" || key == "config") {
      label.kernel = key + " " + value, label.kernel_where = where_;
    }
  }

  void include(const std::string& name, const std::string& file, int depth) {
    const std::string path =
        name.starts_with('/') ? in_file_system(name, file) : normal(file.substr(0, file.rfind('/')) + "/" + name);
    const std::string where = where_;
    if (depth > 8 || !read(path, depth + 1))
      trail_.doubt(where, "include " + name, State::missing,
                   depth > 8 ? "there are too many" : "there is no such file");
  }

  std::string in_file_system(const std::string& path, const std::string& file) const {
    const auto place = place_of(question_, file);
    const auto found = place ? in_tree(question_, {place->fs, normal(path)}) : std::nullopt;
    return found.value_or(path);
  }

  const Question& question_;
  Trail& trail_;
  std::vector<Label> labels_;
  std::string default_, menu_default_, global_append_, where_;
};

bool starts_no_kernel(const Label& label) {
  const std::string kernel = small(label.kernel);
  for (const char* suffix : {".c32", ".com", ".cbt", ".0", ".bin", ".bs", ".bss", ".img"})
    if (!label.linux_image && kernel.ends_with(suffix)) return true;
  return label.kernel.find(' ') != std::string::npos;
}

}  // namespace

void follow_extlinux(const Question& question, const Start& start, Trail& trail) {
  const std::string& file = start.file;
  Reader reader(question, trail);
  const auto here = place_of(question, file);
  if (!here || !reader.read(file, 0)) {
    trail.fail("", "extlinux's " + file, State::missing, "there is no such file among what is cloned");
    return;
  }
  trail.found("", "extlinux's " + file);
  const Label* label = reader.chosen();
  if (!label) {
    trail.fail(file, "default \"" + reader.wanted() + "\"",
               reader.has_labels() ? State::missing : State::not_understood,
               reader.has_labels() ? "there is no such label" : "it has no labels");
    return;
  }
  trail.found(label->where, "label \"" + label->name + "\"");
  if (starts_no_kernel(*label)) {
    trail.fail(label->kernel_where, label->kernel, State::not_understood, "it is no Linux kernel");
    return;
  }
  const std::string folder = here->path.substr(0, here->path.rfind('/'));
  auto place = [&](const std::string& path) {
    return Place{here->fs, normal(path.starts_with('/') ? path : folder + "/" + path)};
  };
  Loaded loaded;
  loaded.title = label->name;
  loaded.kernel = {label->kernel_where, place(label->kernel), label->kernel};
  std::vector<std::string> initrds = label->initrds;
  for (std::string_view word : words(label->append)) {
    if (!word.starts_with("initrd=")) {
      loaded.arguments.emplace_back(word);
    } else if (label->initrds.empty()) {
      for (std::string_view one : split(word.substr(7), ',')) initrds.emplace_back(one);
    }
  }
  for (const std::string& initrd : initrds) loaded.initrds.push_back({label->initrd_where, place(initrd), initrd});
  follow_kernel(question, loaded, trail);
}

}  // namespace ka::boot
