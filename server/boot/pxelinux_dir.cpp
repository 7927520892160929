#include "server/boot/pxelinux_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/boot/boot_tree.h"

namespace ka::server {

namespace {

using Next = BootBook::Next;

constexpr std::string_view mark = "# ka-server keeps this file while its job runs, and removes it then.\n";
constexpr std::string_view temporary = ".ka-server.";

// The lines of pxelinux's menu from "label NAME" to the next label; empty: there is none.
std::string label_block(const std::string& menu, std::string_view name) {
  std::string block;
  bool inside = false;
  for (const std::string_view line : split(menu, '\n')) {
    const std::vector<std::string_view> fields = words(line);
    if (!fields.empty() && lowered(fields[0]) == "label") inside = fields.size() > 1 && fields[1] == name;
    if (inside) block += std::string(line) + "\n";
  }
  return block;
}

bool is_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// Of a link, or of something that is no file, it is not.
bool is_marked(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  std::string begin(mark.size(), '\0');
  return ::read(file.get(), begin.data(), begin.size()) == static_cast<ssize_t>(mark.size()) && begin == mark;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

void refuse_foreign(const std::string& path) {
  if (exists(path) && !is_marked(path))
    throw Error(path,
                "ka-server has not written it, so it stays as it is: move it away, or leave this machine out of "
                "the file of --only");
}

// Whole, or as before.
void write_marked(const std::string& folder, const std::string& name, const std::string& content) {
  const std::string path = folder + "/" + name, next = folder + "/" + std::string(temporary) + name;
  refuse_foreign(path);
  const bool is_new = !exists(path);
  try {
    write_file(next, std::string(mark) + content);
    if (::chmod(next.c_str(), 0644) != 0) throw Error::from_errno("chmod " + next);  // for the TFTP server
    // What somebody else has put there meanwhile is not written over.
    const int failed = is_new ? ::link(next.c_str(), path.c_str()) : ::rename(next.c_str(), path.c_str());
    if (failed != 0) throw Error::from_errno("write " + path);
  } catch (...) {
    ::unlink(next.c_str());
    throw;
  }
  if (is_new) ::unlink(next.c_str());
}

}  // namespace

PxelinuxDir::PxelinuxDir(const PxelinuxOptions& options) : NextBoot(options.tries), options_(options) {
  const std::string& top = options_.folder;
  if (is_file(top + "/pxelinux.cfg/default")) add_pxelinux(top + "/pxelinux.cfg");
  if (is_file(top + "/X86PC/linux/pxelinux.cfg/default")) add_pxelinux(top + "/X86PC/linux/pxelinux.cfg");
  for (const char* below : {"", "/grub"})
    if (is_file(top + below + "/grub.cfg")) add_grub(top + below);
  if (menus_.empty())
    throw Error("--pxelinux-dir " + top,
                "there is neither pxelinux.cfg/default nor grub.cfg or grub/grub.cfg: give the "
                "folder that pxelinux.0 lies in, or the root of the TFTP server");
  if (options_.only && !options_.only->only_cards())
    throw Error("--only with --pxelinux-dir",
                "when machines boot, only their hardware addresses tell them apart: give those alone");
  if (options_.only)
    for (const auto& [card, rack] : options_.only->cards()) cards_.insert(card);
  for (const Menu& menu : menus_)
    for (const std::string& card : cards_) refuse_foreign(menu.folder + "/" + menu.prefix + card_name(card));
}

void PxelinuxDir::add_pxelinux(const std::string& folder) {
  const std::string file = folder + "/default", text = read_file(file);
  const std::string clone = label_block(text, "kamethod");
  if (clone.empty())
    throw Error(file, "it has no label kamethod; the menu that ka-server pxe-config writes has one to copy");
  std::string local = label_block(text, "local");
  if (local.empty()) local = "label local\n    LOCALBOOT 0\n";
  Menu menu;
  menu.folder = folder;
  menu.before = lines_of(text, {"SERIAL "});
  menu.clone = "PROMPT 0\nDEFAULT kamethod\n" + clone;
  menu.local = "PROMPT 0\nDEFAULT local\n" + local;
  menu.stopped = clone;
  add(std::move(menu));
}

void PxelinuxDir::add_grub(const std::string& folder) {
  const std::string file = folder + "/grub.cfg", text = read_file(file);
  const auto has = [&](const std::string& id) { return text.find("--id " + id) != std::string::npos; };
  if (!has("kamethod"))
    throw Error(file, "it has no menu entry with --id kamethod; the one that ka-server pxe-config writes has one");
  const auto choose = [](const std::string& id) {
    return "source $prefix/grub.cfg\nset default=" + id + "\nset timeout=0\n";
  };
  Menu menu;
  menu.folder = folder;
  menu.prefix = "grub.cfg-";
  menu.before = lines_of(text, {"serial ", "terminal_"});
  menu.clone = choose("kamethod");
  menu.local = has("local") ? choose("local") : "exit\n";
  menu.stopped = choose("kamethod");
  add(std::move(menu));
}

void PxelinuxDir::add(Menu menu) {
  menu.lock.reset(::open(menu.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!menu.lock.valid()) throw Error::from_errno("open " + menu.folder);
  if (::flock(menu.lock.get(), LOCK_EX | LOCK_NB) != 0)
    throw Error("--pxelinux-dir " + menu.folder, errno == EWOULDBLOCK ? "another ka-server keeps files there: end it"
                                                                      : Error::from_errno("lock it").what());
  menus_.push_back(std::move(menu));
}

Awaitable<void> PxelinuxDir::start(Say say) {
  say_ = std::move(say);
  remove_files();
  started_ = true;
  std::string folders;
  for (const Menu& menu : menus_) folders += (folders.empty() ? "" : " and ") + menu.folder;
  say_("Files for machines are kept in " + folders +
       (options_.only ? "" : "; of those that have not come yet, the default there decides"));
  co_return;
}

// Only then is a signal that ends the job heard of, and the files are removed.
void PxelinuxDir::listens() { tell_all(); }

void PxelinuxDir::node(const NodeStatus& status) {
  const std::optional<std::string> card = parse_hardware_address(status.hardware_address);
  if (!card || *card != status.hardware_address) return;
  if (options_.only && !options_.only->holds(0, *card)) return;
  const bool is_new = cards_.insert(*card).second;
  NextBoot::node(status);
  if (is_new && book_.entry(*card).next == Next::clone) try_to_tell(*card, book_.entry(*card));
}

void PxelinuxDir::tell(const std::string& hardware_address, const BootBook::Entry& entry) {
  if (started_) NextBoot::tell(hardware_address, entry);
}

void PxelinuxDir::write(const std::string& hardware_address, const BootBook::Entry& entry) {
  for (const Menu& menu : menus_)
    write_marked(menu.folder, menu.prefix + card_name(hardware_address), content(menu, hardware_address, entry));
}

// While no job is known to run, a screen may stay.
std::string PxelinuxDir::content(const Menu& menu, const std::string& card, const BootBook::Entry& entry) const {
  if (entry.next == Next::stopped && menu.prefix.empty())
    return stopped_pxelinux(menu.before, card, entry) + menu.stopped;
  if (entry.next == Next::stopped) return stopped_grub(menu.before, card, entry) + menu.stopped;
  return entry.next == Next::clone && on_ ? menu.clone : menu.local;
}

void PxelinuxDir::serve(bool on) {
  if (std::exchange(on_, on) != on) tell_all();
}

void PxelinuxDir::tell_all() {
  for (const std::string& card : cards_) {
    try {
      tell(card, book_.entry(card));
    } catch (const std::exception& error) {
      say_(words_of(error));
    }
  }
}

Command PxelinuxDir::dnsmasq(bool) const { throw Error("run dnsmasq", "another server answers machines here"); }

void PxelinuxDir::remove_files() {
  for (const Menu& menu : menus_) {
    const std::string ours = menu.prefix + "01-", left = std::string(temporary) + ours;
    for (const std::string& name : list_directory(menu.folder)) {
      const std::string path = menu.folder + "/" + name;
      if (name.starts_with(left) || (name.starts_with(ours) && is_marked(path))) ::unlink(path.c_str());
    }
  }
}

void PxelinuxDir::end() {
  if (!std::exchange(started_, false)) return;
  try {
    if (!hands_.write) remove_files();  // else who has them does that when this process ends
  } catch (const std::exception& error) {
    say_(words_of(error));
  }
}

PxelinuxDir::~PxelinuxDir() { end(); }

}  // namespace ka::server
