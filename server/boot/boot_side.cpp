#include "server/boot/boot_side.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/process.h"
#include "base/temporary_folder.h"
#include "base/text.h"
#include "net/signal.h"
#include "server/boot/boot_book.h"
#include "server/boot/boot_tree.h"
#include "server/golden/programs.h"

namespace ka::server {

namespace {

// "/run/ka-boot.PID.XXXXXX"
const std::string run_folder = "/run/ka-boot.";

// What an earlier run left that was killed.
void remove_left_folders() {
  for (const std::string& name : list_directory("/run")) {
    const std::string path = "/run/" + name;
    if (!path.starts_with(run_folder)) continue;
    const auto pid =
        parse_unsigned(std::string_view(path).substr(run_folder.size(), path.rfind('.') - run_folder.size()));
    std::error_code ignored;
    if (pid && ::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH) std::filesystem::remove_all(path, ignored);
  }
}

std::string fresh_folder() {
  remove_left_folders();
  return run_folder + std::to_string(::getpid()) + ".XXXXXX";
}

/// While it lives, files can be read by everybody, whatever root's umask is.
class ReadableFiles {
 public:
  ReadableFiles() : before_(::umask(022)) {}
  ~ReadableFiles() { ::umask(before_); }
  ReadableFiles(const ReadableFiles&) = delete;
  ReadableFiles& operator=(const ReadableFiles&) = delete;

 private:
  mode_t before_;
};

// Tags of dnsmasq's.
constexpr const char* silent = "ka-silent";
constexpr const char* meant = "ka-meant";

// dnsmasq reads the files of hosts/ again when they change.
std::string own_lines(const std::string& folder, bool only) {
  return "dhcp-leasefile=" + folder + "/leases\ndhcp-hostsdir=" + folder + "/hosts\ndhcp-ignore=tag:" + silent + "\n" +
         (only ? std::string("dhcp-ignore=tag:!") + meant + "\n" : "");
}

// dnsmasq gives up root, and with that the kernel forgets what it should be killed with. The shell is the first process
// of a PID namespace: when that ends, all in it do (pid_namespaces(7)).
Command dnsmasq_command(const std::string& configuration) {
  Command command({"unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--", "sh", "-c", "dnsmasq \"$@\" & wait $!",
                   "sh", "--keep-in-foreground", "--conf-file=" + configuration, "--log-facility=-", "--pid-file="});
  command.ends_with_parent = true;
  return command;
}

}  // namespace

struct BootSide::State {
  State(asio::io_context& io, const BootOptions& options) : io(io), options(options), book(options.tries), moved(io) {}

  static Awaitable<void> hear(std::shared_ptr<State> self);
  void write_host(const std::string& hardware_address, const char* tag);
  void tell(const std::string& hardware_address, const BootBook::Entry& entry);

  asio::io_context& io;
  BootOptions options;
  TemporaryFolder folder{fresh_folder()};
  BootTree tree;
  BootBook book;
  net::Signal moved;
  std::function<void(const std::string&)> say;
  std::optional<HttpServer> http;
  std::optional<Process> dnsmasq;
  LastLines last;
  bool serves = false, ended = false, over = false;
};

// Renamed into its place, so that it is never read half.
void BootSide::State::write_host(const std::string& hardware_address, const char* tag) {
  const std::string next = folder.path() + "/next", hosts = folder.path() + "/hosts/";
  write_file(next, hardware_address + ",set:" + tag + "\n");
  if (::rename(next.c_str(), (hosts + hardware_address).c_str()) != 0) throw Error::from_errno("rename to " + hosts);
}

void BootSide::State::tell(const std::string& hardware_address, const BootBook::Entry& entry) {
  const ReadableFiles readable;
  const std::string name = (entry.host_name.empty() ? "" : entry.host_name + ", ") + hardware_address;
  const FileContents own = stopped_files(tree, folder.path(), hardware_address, entry);
  switch (entry.next) {
    case BootBook::Next::own_disk: write_host(hardware_address, silent); break;
    case BootBook::Next::stopped:
      write_files(own);
      say("When it boots again, " + name + " is shown why it failed, and waits (--tries)");
      break;
    case BootBook::Next::clone:
      for (const auto& [path, content] : own) std::filesystem::remove(path);
      break;
  }
}

// Until dnsmasq ends.
Awaitable<void> BootSide::State::hear(std::shared_ptr<State> self) {
  std::function<void(std::string_view)> line = [&state = *self](std::string_view text) {
    state.last.add(text);
    // Its ports are its own by then.
    if (text.find(": started, version") != std::string_view::npos) state.serves = true;
    state.moved.notify();
  };
  co_await for_each_line(self->dnsmasq->err(), std::move(line));
  const ExitStatus status = co_await self->dnsmasq->wait();
  self->ended = true;
  self->moved.notify();
  if (self->serves && !self->over)
    self->say("dnsmasq ended with " + status.text() + " (" + self->last.text() +
              "): machines that are switched on now get no answer to PXE");
}

BootSide::BootSide(asio::io_context& io, const BootOptions& options) : state_(std::make_shared<State>(io, options)) {
  require_programs({"dnsmasq", "unshare"});
  const ReadableFiles readable;
  State& state = *state_;
  ::chmod(state.folder.path().c_str(), 0755);  // for dnsmasq to read, which is nobody by then
  BootRequest request;
  request.interface = options.interface;
  request.values_file = options.values_file;
  request.images = options.images;
  request.http_port = options.http_port;
  request.control_port = options.control_port;
  request.folder = state.folder.path();
  if (options.only && !options.only->only_cards())
    throw Error("--only with --pxe",
                "when machines boot, only their hardware addresses tell them apart: give those alone");
  state.tree = boot_tree(request);
  for (auto& [path, content] : state.tree.tftp)
    if (path == state.tree.dnsmasq) content += own_lines(state.folder.path(), options.only.has_value());
  write_files(state.tree.tftp);
  state.tree.tftp.clear();
  make_directories(state.folder.path() + "/hosts");
  if (!options.only) return;
  for (const auto& [card, rack] : options.only->cards()) state.write_host(card, meant);
}

Awaitable<void> BootSide::start(std::function<void(const std::string&)> say) {
  auto state = state_;
  state->say = std::move(say);
  state->http.emplace(state->io, state->tree.server, state->options.http_port, std::move(state->tree.http));
  state->dnsmasq.emplace(state->io, dnsmasq_command(state->tree.dnsmasq), Process::err_pipe);
  asio::co_spawn(state->io, State::hear(state), asio::detached);
  while (!state->serves && !state->ended) co_await state->moved.wait();
  if (state->ended)
    throw Error("answer machines that boot by PXE", "dnsmasq: " + state->last.text() +
                                                        " (it needs UDP ports 67, 69 and 4011 on " +
                                                        state->tree.interface + " for itself)");
  state->say("Machines that boot by PXE on " + state->tree.interface + " are told to become clones");
  if (!state->tree.missing_for_uefi.empty())
    state->say("Those with UEFI get no boot file: this machine has no " +
               joined(state->tree.missing_for_uefi, ", no "));
}

void BootSide::node(const NodeStatus& status) {
  const BootBook::Entry* entry = state_->book.heard(status);
  if (entry == nullptr) return;
  try {
    state_->tell(status.hardware_address, *entry);
  } catch (const std::exception& error) {
    state_->say(words_of(error));
  }
}

BootSide::~BootSide() { end(); }

void BootSide::end() {
  state_->over = true;
  state_->http.reset();
  if (state_->dnsmasq) state_->dnsmasq->kill(SIGKILL);
}

}  // namespace ka::server
