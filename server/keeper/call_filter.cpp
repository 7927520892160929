#include "server/keeper/call_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <vector>

namespace ka::server {

namespace {

#if defined(__x86_64__)

// It serves its sockets and pipes, keeps logs in a folder that it was given, and asks its keeper for the rest. A child
// that writes the last words (base/output.h) is forked.
constexpr int allowed[] = {
    // streams and sockets
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_sendto, SYS_recvfrom, SYS_sendmsg,
    SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_accept, SYS_accept4, SYS_connect, SYS_bind, SYS_listen, SYS_shutdown,
    SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt, SYS_socketpair, SYS_pipe, SYS_pipe2, SYS_close,
    SYS_close_range, SYS_dup, SYS_dup2, SYS_dup3, SYS_fcntl, SYS_lseek,
    // waiting
    SYS_epoll_create, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, SYS_poll, SYS_ppoll,
    SYS_select, SYS_pselect6, SYS_eventfd, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
    SYS_futex, SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_time,
    SYS_sched_yield, SYS_restart_syscall,
    // files below the folder of the logs, and the report
    SYS_open, SYS_openat, SYS_stat, SYS_fstat, SYS_lstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_fsync,
    SYS_fdatasync, SYS_ftruncate, SYS_getdents64, SYS_access, SYS_faccessat, SYS_readlink, SYS_unlink, SYS_unlinkat,
    SYS_rmdir, SYS_getcwd, SYS_umask, SYS_flock,
    // memory
    SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise,
    // itself
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_getpid,
    SYS_getppid, SYS_gettid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getrandom, SYS_getrusage, SYS_times,
    SYS_sysinfo, SYS_uname, SYS_getrlimit, SYS_fork, SYS_wait4, SYS_exit, SYS_exit_group, SYS_set_tid_address,
    SYS_set_robust_list, SYS_arch_prctl};

// What libraries try, and do without.
constexpr int refused[] = {SYS_prctl,     SYS_prlimit64, SYS_clone3, SYS_rseq,  SYS_membarrier, SYS_sched_getaffinity,
                           SYS_fadvise64, SYS_rename,    SYS_mkdir,  SYS_chmod, SYS_fchmod};

constexpr unsigned long requests[] = {FIONBIO, FIONREAD, FIOCLEX,  TIOCGWINSZ,
                                      TCGETS,  TCFLSH,   TIOCOUTQ, 0x8910 /* SIOCGIFNAME */,
                                      0x8933 /* SIOCGIFINDEX */};

struct Name {
  int number;
  const char* text;
};
// Those that say most about what went wrong.
constexpr Name names[] = {{SYS_execve, "execve"},     {SYS_execveat, "execveat"},
                          {SYS_ptrace, "ptrace"},     {SYS_clone, "clone"},
                          {SYS_vfork, "vfork"},       {SYS_mount, "mount"},
                          {SYS_setuid, "setuid"},     {SYS_setresuid, "setresuid"},
                          {SYS_setgid, "setgid"},     {SYS_unshare, "unshare"},
                          {SYS_setns, "setns"},       {SYS_chroot, "chroot"},
                          {SYS_capset, "capset"},     {SYS_bpf, "bpf"},
                          {SYS_socket, "socket"},     {SYS_mmap, "mmap"},
                          {SYS_mprotect, "mprotect"}, {SYS_link, "link"},
                          {SYS_symlink, "symlink"},   {SYS_io_uring_setup, "io_uring_setup"}};

using Program = std::vector<sock_filter>;

void add(Program& program, unsigned code, std::uint32_t value, std::uint8_t yes = 0, std::uint8_t no = 0) {
  program.push_back({static_cast<std::uint16_t>(code), yes, no, value});
}
void load(Program& program, std::size_t at) { add(program, BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(at)); }
void answer(Program& program, std::uint32_t what) { add(program, BPF_RET | BPF_K, what); }
void answer_if(Program& program, std::uint32_t value, std::uint32_t what) {
  add(program, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
  answer(program, what);
}

// The lower half; arguments that are looked at are int or unsigned.
std::size_t argument(std::size_t number) { return offsetof(seccomp_data, args) + number * sizeof(std::uint64_t); }

constexpr std::uint32_t allow = SECCOMP_RET_ALLOW, end_it = SECCOMP_RET_TRAP;
constexpr std::uint32_t refuse(int error) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error); }

// The calls that depend on one argument: behind each, that is loaded and judged, and the number is not needed again.
void add_judged(Program& program, int call, std::size_t number, const Program& judged) {
  add(program, BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0,
      static_cast<std::uint8_t>(judged.size() + 1));
  load(program, argument(number));
  program.insert(program.end(), judged.begin(), judged.end());
}

Program make_program() {
  Program program;
  load(program, offsetof(seccomp_data, arch));
  add(program, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
  answer(program, SECCOMP_RET_KILL_PROCESS);
  load(program, offsetof(seccomp_data, nr));
  for (const int call : allowed) answer_if(program, static_cast<std::uint32_t>(call), allow);
  for (const int call : refused) answer_if(program, static_cast<std::uint32_t>(call), refuse(EPERM));
  Program families;  // no raw sockets and no packets
  for (const int family : {AF_UNIX, AF_INET, AF_NETLINK})
    answer_if(families, static_cast<std::uint32_t>(family), allow);
  answer(families, refuse(EAFNOSUPPORT));
  add_judged(program, SYS_socket, 0, families);
  Program controls;  // nothing is typed into a terminal
  for (const unsigned long request : requests) answer_if(controls, static_cast<std::uint32_t>(request), allow);
  answer(controls, refuse(ENOTTY));
  add_judged(program, SYS_ioctl, 1, controls);
  Program code;  // what can be written is never run
  add(code, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
  answer(code, end_it);
  answer(code, allow);
  for (const int call : {SYS_mmap, SYS_mprotect}) add_judged(program, call, 2, code);
  Program children;  // fork(2), of a C library that has no call of that name
  constexpr std::uint32_t clone_child_settid = 0x01000000, clone_child_cleartid = 0x00200000;
  answer_if(children, SIGCHLD, allow);
  answer_if(children, SIGCHLD | clone_child_settid | clone_child_cleartid, allow);
  answer(children, end_it);
  add_judged(program, SYS_clone, 0, children);
  Program victims;  // itself, as abort(3) does
  answer_if(victims, static_cast<std::uint32_t>(::getpid()), allow);
  answer(victims, refuse(EPERM));
  for (const int call : {SYS_kill, SYS_tkill, SYS_tgkill}) add_judged(program, call, 0, victims);
  answer(program, end_it);
  return program;
}

void write_out(const char* text) { (void)!::write(STDERR_FILENO, text, std::strlen(text)); }

void write_number(int number) {
  char digits[12];
  char* at = std::end(digits);
  *--at = '\0';
  for (unsigned left = static_cast<unsigned>(number); at == std::end(digits) - 1 || left > 0; left /= 10)
    *--at = static_cast<char>('0' + left % 10);
  write_out(at);
}

// Only what may be done in a signal's handler.
void tell_and_end(int, siginfo_t* what, void*) {
  write_out("ka-server: the process that has the network wanted system call ");
  write_number(what->si_syscall);
  for (const Name& name : names)
    if (name.number == what->si_syscall) {
      write_out(", ");
      write_out(name.text);
    }
  write_out(", which it has no use for: it is ended\n");
  ::signal(SIGSYS, SIG_DFL);
  ::kill(::getpid(), SIGSYS);
}

}  // namespace

std::string filter_calls() {
  struct sigaction told {};
  told.sa_sigaction = tell_and_end;
  told.sa_flags = SA_SIGINFO | SA_NODEFER;
  ::sigaction(SIGSYS, &told, nullptr);
  Program program = make_program();
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole, 0, 0) == 0) return "";
  return std::strerror(errno);
}

#else

}  // namespace

std::string filter_calls() { return "the list of them is for x86-64"; }

#endif

}  // namespace ka::server
