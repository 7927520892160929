#include "server/keeper/seclusion.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

#include "base/error.h"
#include "base/files.h"
#include "base/unique_fd.h"
#include "server/keeper/call_filter.h"

namespace ka::server {

namespace {

constexpr const char* own_user = "ka";
constexpr const char* other_user = "nobody";
constexpr uid_t nobody = 65534;

// Of the tree that it will see, until that is its root. Whatever is there is seen by this process alone, as an empty
// file system over it.
constexpr const char* new_root = "/proc";

void must(int result, const char* doing) {
  if (result != 0) throw Error::from_errno(doing);
}

struct Shown {
  std::string path;
  UniqueFd folder;
};

std::vector<Shown> open_folders(const std::vector<std::string>& paths) {
  std::vector<Shown> shown;
  for (const std::string& path : paths) {
    UniqueFd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (folder.valid()) shown.push_back({path, std::move(folder)});
  }
  return shown;
}

void show(const Shown& what) {
  const std::string target = new_root + what.path;
  make_directories(target);
  // Not by its path, which the empty root may lie over.
  must(::fchdir(what.folder.get()), "enter a folder");
  must(::mount(".", target.c_str(), nullptr, MS_BIND, nullptr), "show a folder");
  must(::mount(nullptr, target.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
               nullptr),
       "show a folder");
}

// Where a root file system in memory is no mount that can be changed for another, that stays behind the new one.
void enter_new_root() {
  must(::chdir(new_root), "enter the empty root");
  if (::syscall(SYS_pivot_root, ".", ".") == 0)
    must(::umount2(".", MNT_DETACH), "leave the root");
  else
    must(::chroot("."), "enter the empty root");
  must(::chdir("/"), "enter the empty root");
}

void see_nothing(const std::vector<std::string>& folders) {
  ::tzset();  // reads a file
  must(::unshare(CLONE_NEWNS), "make a mount namespace");
  must(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make a mount namespace");
  const std::vector<Shown> shown = open_folders(folders);
  must(::mount("ka", new_root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=64k"), "make an empty root");
  const mode_t before = ::umask(022);  // others see what lies in them
  for (const Shown& folder : shown) show(folder);
  ::umask(before);
  must(
      ::mount(nullptr, new_root, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr),
      "make an empty root");
  enter_new_root();
}

// While it may still be done. A number that the kernel does not know is the end of them.
void empty_bounding_set() {
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    must(::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), "give up capabilities");
}

void become(const NetworkUser& user) {
  must(::setgroups(0, nullptr), "give up groups");
  must(::setresgid(user.gid, user.gid, user.gid), "give up the group root");
  must(::setresuid(user.uid, user.uid, user.uid), "give up the user root");
  if (::setuid(0) == 0) throw Error("give up the user root", "it could be had again");
}

void give_up_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  must(static_cast<int>(::syscall(SYS_capset, &header, none)), "give up capabilities");
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

}  // namespace

NetworkUser network_user() {
  if (::geteuid() != 0) return {};
  for (const char* name : {own_user, other_user})
    if (const passwd* entry = ::getpwnam(name); entry != nullptr && entry->pw_uid != 0)
      return {name, entry->pw_uid, entry->pw_gid};
  return {other_user, nobody, nobody};
}

std::vector<std::string> seclude(const Seclusion& what) {
  std::vector<std::string> lacking;
  if (!what.user.name.empty()) {
    if (what.user.name != own_user)
      lacking.push_back("there is no user " + std::string(own_user) + " here, so it is " + what.user.name);
    try {
      see_nothing(what.folders);
    } catch (const Error& error) {
      lacking.push_back("it sees this machine's files: " + std::string(error.what()));
    }
    // Of use to nobody without the rest.
    if (::unshare(CLONE_NEWIPC) == 0) (void)::unshare(CLONE_NEWUTS);
    try {
      empty_bounding_set();
      become(what.user);
    } catch (const Error& error) {  // a user namespace with one user, say
      lacking.push_back("it stays root, without capabilities: " + std::string(error.what()));
    }
  }
  give_up_capabilities();
  must(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "give up new privileges");
  if (const std::string why = filter_calls(); !why.empty()) lacking.push_back("it may make all system calls: " + why);
  return lacking;
}

}  // namespace ka::server
