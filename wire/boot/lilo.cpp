#include "wire/boot/lilo.h"

#include <algorithm>

#include "base/text.h"
#include "wire/boot/loaded.h"

namespace ka::boot {

namespace {

std::string unquoted(std::string_view value) {
  value = trim(value);
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  return std::string(value);
}

struct Image {
  bool other = false;  // another system
  std::string file, label, alias, root, initrd, append, literal, where, root_where, initrd_where;
};

struct Config {
  std::string first;  // default=
  Image global;       // root=, append=, initrd= of all that have none
  std::vector<Image> images;
};

Config parse(std::string_view text, const std::string& file) {
  Config config;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    const std::string where = file + ":" + std::to_string(++number);
    line = trim(line);
    if (line.starts_with('#')) continue;
    const std::size_t equals = std::min(line.find('='), line.size());
    std::string key(trim(line.substr(0, equals)));
    const std::string value = equals < line.size() ? unquoted(line.substr(equals + 1)) : "";
    if (key == "image" || key == "other") {
      config.images.emplace_back();
      config.images.back().other = key == "other";
      config.images.back().file = value;
      config.images.back().where = where;
      continue;
    }
    Image& image = config.images.empty() ? config.global : config.images.back();
    if (key == "default") config.first = value;
    if (key == "label") image.label = value;
    if (key == "alias") image.alias = value;
    if (key == "root") image.root = value, image.root_where = where;
    if (key == "initrd") image.initrd = value, image.initrd_where = where;
    if (key == "append" || key == "addappend") image.append += (image.append.empty() ? "" : " ") + value;
    if (key == "literal") image.literal = value;
  }
  return config;
}

// Without label=, the file's name.
std::string label_of(const Image& image) {
  return image.label.empty() ? image.file.substr(image.file.rfind('/') + 1) : image.label;
}

Loaded::File file_in(const Question& question, const std::string& path, const std::string& where) {
  return {where, place_of(question, normal(path)).value_or(Place{}), path};
}

}  // namespace

void follow_lilo(const Question& question, const Start& start, Trail& trail) {
  const std::string& file = start.file;
  const auto text = question.files.read(file);
  if (!text) {
    trail.fail("", "LILO's " + file, State::missing, "there is no such file among what is cloned");
    return;
  }
  trail.found("", "LILO's " + file);
  const Config config = parse(*text, file);
  if (config.images.empty()) {
    trail.fail(file, "images", State::missing, "there is no image= in it");
    return;
  }
  auto wanted = [&config](const Image& image) {
    return label_of(image) == config.first || image.alias == config.first;
  };
  auto found = std::find_if(config.images.begin(), config.images.end(), wanted);
  if (!config.first.empty() && found == config.images.end()) {
    trail.fail(file, "default=" + config.first, State::missing, "there is no image with this label");
    return;
  }
  const Image& image = config.first.empty() ? config.images.front() : *found;
  trail.found(image.where, "image \"" + label_of(image) + "\"");
  if (image.other) {
    trail.fail(image.where, "other=" + image.file, State::not_understood, "it is no Linux kernel");
    return;
  }
  Loaded loaded;
  loaded.title = label_of(image);
  loaded.kernel = file_in(question, image.file, image.where);
  const Image& named = image.initrd.empty() ? config.global : image;
  if (!named.initrd.empty()) loaded.initrds.push_back(file_in(question, named.initrd, named.initrd_where));
  const std::string root = image.root.empty() ? config.global.root : image.root;
  if (!root.empty() && root != "current") loaded.arguments.push_back("root=" + root);
  const std::string& append = image.append.empty() ? config.global.append : image.append;
  for (std::string_view word : words(image.literal.empty() ? append : image.literal))
    loaded.arguments.emplace_back(word);
  follow_kernel(question, loaded, trail);
}

std::string with_lilo_boot(std::string_view text, std::string_view device) {
  std::string result;
  for (std::string_view line : split(text, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos && trim(line.substr(0, equals)) == "boot")
      result += std::string(line.substr(0, equals + 1)) + std::string(device);
    else
      result += line;
    result += '\n';
  }
  result.pop_back();
  return result;
}

}  // namespace ka::boot
