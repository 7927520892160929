#include "wire/boot/loaded.h"

#include <algorithm>

#include "base/text.h"

namespace ka::boot {

namespace {

// The file's path in the tree, which is in the trail; empty: it is not there.
std::string follow_file(const Question& question, const Loaded::File& file, const std::string& what, Trail& trail) {
  const auto path = in_tree(question, file.place);
  if (!path) {
    trail.fail(file.where, what + " " + file.as_written, State::missing,
               file.place.fs.empty() ? "it is on no file system that clones have"
                                     : "its file system " + file.place.fs + " is not mounted, so it is not cloned");
    return "";
  }
  const auto size = question.files.size(*path);
  if (!size || *size == 0) {
    trail.fail(file.where, what + " " + *path, State::missing, size ? "it is empty" : "there is no such file");
    return "";
  }
  trail.found(file.where, what + " " + *path);
  return *path;
}

std::string mount_of(const Question& question, const storage::Id& fs) {
  for (const Mounted& mount : question.mounts)
    if (mount.fs == fs && mount.point == "/") return "/";
  for (const Mounted& mount : question.mounts)
    if (mount.fs == fs) return mount.point;
  return "";
}

std::string unquoted(std::string value) {
  value.erase(std::remove(value.begin(), value.end(), '"'), value.end());
  return value;
}

void follow_root(const Question& question, const std::string& where, const std::string& value, Trail& trail) {
  const std::string what = "root=" + value;
  const bool a_name = value.starts_with("/dev/") || value.find("UUID=") < value.size() || value.starts_with("LABEL=") ||
                      value.starts_with("PARTLABEL=");
  if (!a_name || value == "/dev/nfs" || value == "/dev/ram0") {
    trail.fail(where, what, State::not_understood, "it names no block device");
    return;
  }
  const auto found = question.find(value);
  if (!found) {
    trail.fail(where, what, State::missing, "no clone has a file system of that name");
    return;
  }
  const std::string point = mount_of(question, *found);
  if (point == "/") {
    trail.root = *found;
    trail.found(where, what, *found + ", mounted at /");
    return;
  }
  trail.fail(where, what, State::missing,
             "it is " + *found + (point.empty() ? ", and not the / that is cloned" : ", which is " + point + " here"));
}

// Names that the kernel or its initrd wait for; who waits goes on at last, or an operator sees the reason.
void follow_names(const Question& question, const Loaded& loaded, Trail& trail) {
  std::string root;
  for (const std::string& argument : loaded.arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == std::string::npos) continue;
    const std::string key = argument.substr(0, equals), value = unquoted(argument.substr(equals + 1));
    if (key == "root") root = value;  // the last one counts
    if (key != "resume" || value.empty()) continue;
    if (const auto found = question.find(value))
      trail.found(loaded.kernel.where, argument, *found);
    else
      trail.doubt(loaded.kernel.where, argument, State::missing, "no clone has that; its boot may wait for it");
  }
  if (root.empty())
    trail.doubt(loaded.kernel.where, "root=", State::not_understood,
                "the kernel is not told its root; its initrd must know it");
  else
    follow_root(question, loaded.kernel.where, root, trail);
}

bool waits(const std::vector<std::string_view>& fields) {
  if (fields.size() < 4) return true;
  for (std::string_view option : split(fields[3], ','))
    if (option == "noauto" || option == "nofail" || option == "x-systemd.automount") return false;
  return true;
}

void follow_fstab(const Question& question, Trail& trail) {
  const std::string file = "/etc/fstab";
  const auto text = question.files.read(file);
  if (!text) {
    trail.doubt(file, "fstab", State::missing, "there is no such file");
    return;
  }
  std::size_t number = 0;
  for (std::string_view line : split(*text, '\n')) {
    ++number;
    const auto fields = words(line);
    if (fields.size() < 3 || fields[0].starts_with('#')) continue;
    const std::string name = unescape_octal(fields[0]), point = unescape_octal(fields[1]);
    if (name.find('=') == std::string::npos && !name.starts_with("/dev/")) continue;
    const auto found = question.find(name);
    const std::string where = file + ":" + std::to_string(number);
    const std::string what = (fields[2] == "swap" ? "swap" : point) + " on " + name;
    if (found)
      trail.found(where, what, *found);
    else if (waits(fields) && name != "/dev/root")
      trail.doubt(where, what, State::missing, "no clone has that; its boot may wait for it");
  }
}

}  // namespace

void follow_kernel(const Question& question, const Loaded& loaded, Trail& trail) {
  trail.title = loaded.title;
  trail.kernel = follow_file(question, loaded.kernel, "kernel", trail);
  for (const Loaded::File& initrd : loaded.initrds) {
    const std::string path = follow_file(question, initrd, "initrd", trail);
    if (!path.empty()) trail.initrds.push_back(path);
  }
  follow_names(question, loaded, trail);
  follow_fstab(question, trail);
}

}  // namespace ka::boot
