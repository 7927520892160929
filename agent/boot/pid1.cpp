#include "agent/boot/pid1.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "agent/boot/console_log.h"
#include "agent/boot/early_mounts.h"
#include "agent/boot/node.h"
#include "agent/boot/server_lookup.h"
#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace ka::agent {

namespace {

using namespace std::chrono_literals;

constexpr unsigned seconds_before_reboot = 10;
constexpr unsigned seconds_without_server = 5;
// How long a clone that was told to stop has to unmount and to let go of its disks.
constexpr auto longest_farewell = 20s;
constexpr auto longest_last_sync = 30s;
constexpr unsigned seconds_for_reboot = 60;

// In a child: a disk that does not answer would hold PID 1 for ever.
void sync_within(std::chrono::seconds limit) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::sync();
    ::_exit(0);
  }
  for (auto left = std::chrono::duration_cast<std::chrono::milliseconds>(limit); child > 0 && left > 0ms;
       left -= 50ms) {
    // ECHILD: the loop has reaped it already.
    if (::waitpid(child, nullptr, WNOHANG) != 0) return;
    ::usleep(50'000);
  }
}

// Shutting a dead disk down may take the kernel as long as it likes too; this way it does not ask the disks.
void reboot_by_force_after(unsigned seconds) {
  if (::fork() != 0) return;
  ::sleep(seconds);
  const int trigger = ::open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
  (void)!::write(trigger, "b", 1);
  ::_exit(0);
}

[[noreturn]] void reboot_now() {
  sync_within(longest_last_sync);
  reboot_by_force_after(seconds_for_reboot);
  ::reboot(RB_AUTOBOOT);
  // Only a kernel without the right to do so comes here (a container): never end.
  for (;;) ::pause();
}

// ---- Fatal signals: no memory, no locks, no library; only system calls.

std::array<int, 8> crash_consoles;
std::size_t crash_console_count = 0;

void write_to_consoles(const char* text) {
  for (std::size_t i = 0; i < crash_console_count; ++i) (void)!::write(crash_consoles[i], text, std::strlen(text));
}

[[noreturn]] void count_down_and_reboot_bare() {
  write_to_consoles("Rebooting in 10 sec\r\n");
  timespec wait{10, 0};
  while (::nanosleep(&wait, &wait) != 0) {
  }
  ::reboot(RB_AUTOBOOT);
  for (;;) ::pause();
}

void on_fatal_signal(int number) {
  char text[] = "\r\nka-init: fatal signal 00\r\n";
  char* digits = std::strstr(text, "00");
  digits[0] = static_cast<char>('0' + number / 10 % 10);
  digits[1] = static_cast<char>('0' + number % 10);
  write_to_consoles(text);
  count_down_and_reboot_bare();
}

[[noreturn]] void on_terminate() {
  write_to_consoles("\r\nka-init: an error that nothing caught\r\n");
  count_down_and_reboot_bare();
}

void catch_fatal_signals(const ConsoleLog& log) {
  for (int fd : log.descriptors()) {
    if (crash_console_count < crash_consoles.size()) crash_consoles[crash_console_count++] = fd;
  }
  // A stack of its own: the fault may be that the stack is full.
  static std::array<char, 16384> stack;
  stack_t alternative{};
  alternative.ss_sp = stack.data();
  alternative.ss_size = stack.size();
  ::sigaltstack(&alternative, nullptr);
  struct sigaction action {};
  action.sa_handler = on_fatal_signal;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND;
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS}) ::sigaction(number, &action, nullptr);
  std::set_terminate(on_terminate);
  ::signal(SIGPIPE, SIG_IGN);
}

// mke2fs and ssh-keygen wait for the kernel's first good random numbers; a processor without an instruction for them
// makes them only while somebody asks. Whether it is needed only the kernel knows, so a child asks, when there is
// nothing else to do.
void ask_for_randomness() {
  if (::fork() != 0) return;
  (void)!::nice(19);
  char byte;
  (void)!::getrandom(&byte, 1, 0);
  ::_exit(0);
}

// ---- The end, which is always a reboot.

Awaitable<void> count_down(asio::io_context& io, ConsoleLog& log, unsigned seconds) {
  log.line("Rebooting in " + std::to_string(seconds) + " sec");
  asio::steady_timer timer(io);
  for (unsigned left = seconds; left > 0; --left) {
    if (left < seconds) log.redraw("Rebooting in " + std::to_string(left) + " sec");
    timer.expires_after(1s);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

// The kernel's own /dev/console cannot be a controlling terminal; the console behind it can.
std::string terminal_for_shell() {
  const std::string active = read_file_if_any("/sys/class/tty/console/active").value_or("");
  const auto names = words(active);
  const std::string name = names.empty() ? "tty0" : std::string(names.back());
  return name == "tty0" ? "/dev/tty1" : "/dev/" + name;
}

Awaitable<void> shell(asio::io_context& io, ConsoleLog& log) {
  log.line("kashell: a shell from stage2; this machine reboots when it ends");
  const std::string inside = Stage2::root;
  const bool bash = ::access((inside + "/bin/bash").c_str(), X_OK) == 0;
  Command command({bash ? "/bin/bash" : "/bin/sh", "-i"});
  command.root = inside;
  command.controlling_terminal = terminal_for_shell();
  command.environment = {"TERM=linux", "PS1=stage2:\\w# "};
  try {
    Process process(io, command, Process::none);
    const ExitStatus status = co_await process.wait();
    log.line("The shell ended with " + status.text());
  } catch (const Error& error) {
    log.line(error.what());
  }
}

struct Ending {
  bool cloned = false;
  bool shell = false;  // asked for, and stage2 is there
  bool without_server = false;
  std::string reason;
};

Ending ending_of(std::exception_ptr failure, Node::End end) {
  Ending ending;
  try {
    if (failure) std::rethrow_exception(failure);
    ending.cloned = end == Node::End::cloned;
    ending.shell = end == Node::End::shell;
  } catch (const NoServer& error) {
    ending.without_server = true;
    ending.reason = error.what();
  } catch (const std::exception& error) {
    ending.reason = error.what();
  } catch (...) {
    ending.reason = "an error of no known kind";
  }
  return ending;
}

Awaitable<void> end(asio::io_context& io, ConsoleLog& log, const Node& node, Ending ending) {
  if (ending.cloned) {
    log.line("Rebooting from the local disk");
    co_return;
  }
  const unsigned seconds = ending.without_server ? seconds_without_server : seconds_before_reboot;
  if (ending.shell) {
    co_await shell(io, log);
  } else {
    log.line(ending.without_server ? ending.reason : "This machine was not cloned. " + ending.reason);
    const FailedMachine failed = node.as_failed(ending.reason);
    log.fill_screens([&failed](unsigned columns, unsigned rows) { return failure_screen(failed, columns, rows); });
    node.blink_for(seconds);
  }
  co_await count_down(io, log, seconds);
}

void live(asio::io_context& io, ConsoleLog& log, const BootOptions& options) {
  // Never destroyed: the clone may hang in a call on another thread, with all that it uses, until the reboot.
  Node& node = *new Node(io, log, options);
  asio::cancellation_signal stop;
  std::string signalled;
  asio::steady_timer farewell(io);

  asio::signal_set signals(io);
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPWR}) signals.add(number);
  signals.async_wait([&](boost::system::error_code error, int number) {
    if (error) return;
    signalled = std::string("Signal ") + std::to_string(number) + " (" + ::strsignal(number) + ")";
    log.line(signalled + ": stopping");
    stop.emit(asio::cancellation_type::terminal);
    farewell.expires_after(longest_farewell);
    farewell.async_wait([](boost::system::error_code stopped) {
      if (!stopped) reboot_now();
    });
  });

  auto ended = [&](std::exception_ptr failure, Node::End how) {
    farewell.cancel();
    Ending ending = ending_of(failure, how);
    if (!signalled.empty() && !ending.cloned) ending.reason = signalled;
    asio::co_spawn(io, end(io, log, node, std::move(ending)), [&io](std::exception_ptr) { io.stop(); });
  };
  asio::co_spawn(io, node.run(), asio::bind_cancellation_slot(stop.slot(), ended));
  io.run();
}

}  // namespace

void run_as_pid1() {
  try {
    std::vector<std::string> failures = make_early_mounts();
    asio::io_context io;
    ConsoleLog log(io);
    for (const std::string& name : console_names()) log.add_console("/dev/" + name);
    catch_fatal_signals(log);
    log.line("KA " KA_VERSION);
    ask_for_randomness();
    const std::string command_line = read_file_if_any("/proc/cmdline").value_or("");
    const bool keep_messages = command_line.find("loglevel") != std::string::npos ||
                               (" " + command_line + " ").find(" debug ") != std::string::npos;
    for (std::string& failure : set_up_kernel(keep_messages)) failures.push_back(std::move(failure));
    log.open_file("/tmp/ka_log");
    for (const std::string& failure : failures) log.line(failure);
    ka::reap_children(io);
    const BootOptions options = parse_boot_options(command_line, read_file_if_any(keys_file).value_or(""));
    try {
      live(io, log, options);
    } catch (const std::exception& error) {
      log.line(std::string("ka-init: ") + error.what() + "; rebooting in 10 sec");
      log.drain(10000);
      ::sleep(seconds_before_reboot);
    }
    log.drain(3000);
  } catch (const std::exception& error) {
    write_to_consoles(error.what());
    ::sleep(seconds_before_reboot);
  }
  reboot_now();
}

}  // namespace ka::agent
