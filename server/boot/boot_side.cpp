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
#include "server/boot/boot_needs.h"
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

// A tag of dnsmasq's.
constexpr std::string_view meant_tag = "ka-meant", stopped_tag = "ka-stopped", uefi_tag = "ka-uefi";
constexpr std::string_view again_tag = "ka-again";  // means nothing, in the place of one that did

// dnsmasq is started again so often.
constexpr unsigned most_starts = 6;

// Of the configuration while no job is known to run.
constexpr const char* shut_suffix = ".shut";

// dnsmasq reads the files of hosts/ again when they change. Whoever gets his address here keeps getting it.
std::string own_lines(const std::string& folder, const BootOptions& options, bool uki) {
  std::string lines = "dhcp-leasefile=" + folder + "/leases\ndhcp-hostsdir=" + folder + "/hosts\n";
  if (options.dhcp.empty()) lines += "dhcp-ignore=tag:" + std::string(silent_tag) + "\n";
  if (options.only) lines += "dhcp-ignore=tag:!" + std::string(meant_tag) + "\n";
  if (!uki) return lines;
  // A signed image has no screen for a machine that is stopped: it would be cloned again and again.
  for (const char* architecture : {"7", "9", "16"})
    lines += "dhcp-match=set:" + std::string(uefi_tag) + ",option:client-arch," + architecture + "\n";
  return lines + "tag-if=set:" + std::string(silent_tag) + ",tag:" + std::string(stopped_tag) +
         ",tag:" + std::string(uefi_tag) + "\n";
}

// dnsmasq gives up root, and with that the kernel forgets what it should be killed with. The shell is the first process
// of a PID namespace: when that ends, all in it do (pid_namespaces(7)).
Command dnsmasq_command(const std::string& configuration) {
  Command command({"unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--", "sh", "-c", "dnsmasq \"$@\" & wait $!",
                   "sh", "--keep-in-foreground", "--conf-file=" + configuration, "--log-facility=-", "--pid-file="});
  command.ends_with_parent = true;
  return command;
}

// With it, no machine is told to boot from the network: as for those that are silent, and nobody has the tag.
std::string shut(std::string configuration, bool gives_addresses) {
  constexpr std::string_view nobodys_tag = "ka-nobody";
  if (!gives_addresses) return configuration + "dhcp-ignore=tag:!" + std::string(nobodys_tag) + "\n";
  const std::string unless_silent = "tag:!" + std::string(silent_tag), never = "tag:" + std::string(nobodys_tag);
  for (std::size_t at = 0; (at = configuration.find(unless_silent, at)) != configuration.npos;)
    configuration.replace(at, unless_silent.size(), never);
  return configuration;
}

}  // namespace

struct BootSide::State : std::enable_shared_from_this<BootSide::State> {
  State(asio::io_context& io, const BootOptions& options) : io(io), options(options), moved(io) {}

  static Awaitable<std::string> listen(std::shared_ptr<State> self);
  static Awaitable<std::string> run_dnsmasq(std::shared_ptr<State> self, bool open_for_all, BootHands::Line line);
  Command command(bool open_for_all) const;
  static Awaitable<void> keep_running(std::shared_ptr<State> self);
  void write_host(const std::string& hardware_address, std::initializer_list<std::string_view> tags);
  void put(const FileContents::value_type& file);
  bool meant(const std::string& hardware_address) const;

  asio::io_context& io;
  BootOptions options;
  TemporaryFolder folder{fresh_folder()};
  BootTree tree;
  net::Signal moved;
  Say say;
  std::optional<HttpServer> http;
  BootHands hands;
  std::optional<Process> dnsmasq;  // of this process
  LastLines last;
  bool open = true, runs_open = true;  // as it should be, and as dnsmasq was started last
  bool serves = false, unexpected = false, ended = false, over = false;
};

// Renamed into its place, so that it is never read half; or away, if it has no content.
void BootSide::State::put(const FileContents::value_type& file) {
  const auto& [path, content] = file;
  if (content.empty()) {
    std::filesystem::remove(path);
    return;
  }
  const std::string next = folder.path() + "/next";
  make_directories(path.substr(0, path.rfind('/')));
  write_file(next, content);
  if (::rename(next.c_str(), path.c_str()) != 0) throw Error::from_errno("rename to " + path);
}

void BootSide::State::write_host(const std::string& hardware_address, std::initializer_list<std::string_view> tags) {
  std::string line = hardware_address;
  // Whatever else it is: who is silent still wants an address, where this side gives them.
  if (meant(hardware_address)) line += ",set:" + std::string(meant_tag);
  for (const std::string_view tag : tags) line += ",set:" + std::string(tag);
  put({folder.path() + "/hosts/" + hardware_address, line + "\n"});
}

// Whether --only lists it.
bool BootSide::State::meant(const std::string& hardware_address) const {
  return options.only && options.only->holds(0, hardware_address);
}

Command BootSide::State::command(bool open_for_all) const {
  return dnsmasq_command(tree.dnsmasq + (open_for_all ? "" : shut_suffix));
}

// As a child of this process.
Awaitable<std::string> BootSide::State::run_dnsmasq(std::shared_ptr<State> self, bool open_for_all,
                                                    BootHands::Line line) {
  self->dnsmasq.emplace(self->io, self->command(open_for_all), Process::err_pipe);
  co_await for_each_line(self->dnsmasq->err(), line);
  const ExitStatus status = co_await self->dnsmasq->wait();
  co_return status.text();
}

// Until dnsmasq ends; returns how it did.
Awaitable<std::string> BootSide::State::listen(std::shared_ptr<State> self) {
  std::function<void(std::string_view)> line = [&state = *self](std::string_view text) {
    state.last.add(text);
    // Its ports are its own by then.
    if (text.find(": started, version") == std::string_view::npos) return;
    if (std::exchange(state.unexpected, false)) state.say("dnsmasq answers again");
    state.serves = true;
    state.moved.notify();
  };
  try {
    self->runs_open = self->open;
    const std::string status = co_await self->hands.dnsmasq(self->open, line);
    co_return "dnsmasq ended with " + status + " (" + self->last.text() + ")";
  } catch (const std::exception& error) {
    co_return words_of(error);
  }
}

// Somebody else may have ended it, or it fell over a packet: what it was told lies in its folder, so the next one goes
// on where it was.
Awaitable<void> BootSide::State::keep_running(std::shared_ptr<State> self) {
  for (unsigned starts = 1;; ++starts) {
    const std::string how = co_await listen(self);
    if (!self->serves || self->over) break;
    if (self->runs_open != self->open) {
      starts = 0;
      continue;
    }
    self->unexpected = true;
    if (starts == most_starts) {
      self->say(how + ": machines that are switched on now get no answer to PXE");
      break;
    }
    self->say(how + ": it is started again");
    asio::steady_timer pause(self->io, std::chrono::seconds(starts - 1));
    co_await pause.async_wait(asio::use_awaitable);
    if (self->over) break;
  }
  self->ended = true;
  self->moved.notify();
}

BootSide::BootSide(asio::io_context& io, const BootOptions& options)
    : NextBoot(options.tries), state_(std::make_shared<State>(io, options)) {
  require_programs({"dnsmasq", "unshare"});
  const ReadableFiles readable;
  State& state = *state_;
  ::chmod(state.folder.path().c_str(), 0755);  // for dnsmasq to read, which is nobody by then
  BootRequest request;
  request.interface = options.interface;
  request.values_file = options.values_file;
  request.http_port = options.http_port;
  request.golden = options.golden;
  request.control_port = options.control_port;
  request.folder = state.folder.path();
  request.kakey = options.kakey;
  request.dhcp = options.dhcp;
  request.nodes = options.nodes;
  request.templates = options.templates;
  request.images = options.images;
  request.uki = options.uki;
  if (options.only && !options.only->only_cards())
    throw Error("--only with --pxe",
                "when machines boot, only their hardware addresses tell them apart: give those alone");
  state.tree = boot_tree(request);
  FileContents files = std::move(state.tree.tftp);
  state.tree.tftp.clear();
  std::string configuration;
  for (auto& [path, content] : files)
    if (path == state.tree.dnsmasq) configuration = content += own_lines(state.folder.path(), options, state.tree.uki);
  files.emplace_back(state.tree.dnsmasq + shut_suffix, shut(configuration, !options.dhcp.empty()));
  write_files(files);
  make_directories(state.folder.path() + "/hosts");
  if (!options.only) return;
  // Somebody else's job, or one whose machines know no key, does not ask for tokens, and a signed image takes no word.
  if (!options.golden && !options.kakey.empty() && !state.tree.uki) give_tokens();
  for (const auto& [card, rack] : options.only->cards()) tell(card, BootBook::Entry());
}

Awaitable<std::vector<std::string>> BootSide::check() {
  const BootTree& tree = state_->tree;
  BootNeeds needs;
  needs.interface = tree.interface;
  needs.server = tree.server;
  needs.gives_addresses = !state_->options.dhcp.empty();
  needs.http_port = state_->options.http_port;
  if (!state_->options.golden) {
    needs.control_port = state_->options.control_port;
    needs.data_port = state_->options.data_port;
  }
  co_return co_await check_boot_needs(state_->io, needs);  // which needs them until it is over
}

Awaitable<void> BootSide::start(Say say) {
  auto state = state_;
  say_ = state->say = std::move(say);
  state->hands = hands_;
  if (!state->hands.dnsmasq) {
    state->hands.dnsmasq = [own = state.get()](bool open, BootHands::Line line) {
      return State::run_dnsmasq(own->shared_from_this(), open, std::move(line));
    };
    state->hands.end_dnsmasq = [own = state.get()] {
      if (own->dnsmasq) own->dnsmasq->kill(SIGKILL);
    };
  }
  // A rack that is switched on at once loads two or three files a machine, each by a connection of its own.
  state->http.emplace(state->io, "serve boot files", state->tree.server, state->options.http_port, HttpServer::Limits(),
                      answer_files(std::move(state->tree.http)));
  asio::co_spawn(state->io, State::keep_running(state), asio::detached);
  while (!state->serves && !state->ended) co_await state->moved.wait();
  if (state->ended)
    throw Error("answer machines that boot by PXE", "dnsmasq: " + state->last.text() +
                                                        " (it needs its UDP ports, 67, 69 and 4011, on " +
                                                        state->tree.interface + " for itself)");
  const std::string when = state->options.golden ? ", whenever there is a job" : "";
  state->say("Machines that boot by PXE on " + state->tree.interface + " are told to become clones" + when);
  if (tokens_) state->say("Each machine of --only shows a token of its own at each start (docs/security.md)");
  if (state->options.only && !state->options.golden && !tokens_)
    state->say("--only goes by hardware addresses alone: with --uki and --open machines show no token");
  if (!state->options.dhcp.empty())
    state->say("Whoever asks on " + state->tree.interface + " gets an address of " + state->options.dhcp);
  if (!state->tree.missing_for_uefi.empty())
    state->say("Those with UEFI get no boot file: this machine has no " +
               joined(state->tree.missing_for_uefi, ", no "));
}

void BootSide::listens() { state_->http->begin(); }

void BootSide::write(const std::string& hardware_address, const BootBook::Entry& entry) {
  const ReadableFiles readable;
  State& state = *state_;
  for (const auto& file : own_files(state.tree, state.folder.path(), hardware_address, entry)) state.put(file);
  switch (entry.next) {
    case BootBook::Next::own_disk: state.write_host(hardware_address, {silent_tag}); break;
    case BootBook::Next::stopped:
      if (!state.tree.uki) break;
      state.write_host(hardware_address, {stopped_tag});
      state.say("If it boots by UEFI, " + hardware_address + " gets no boot file any more: --uki has no such screen");
      break;
    case BootBook::Next::clone:
      // dnsmasq forgets it when it is started again, as it is for another job.
      if (state.meant(hardware_address))
        state.write_host(hardware_address, {});
      else if (state.tree.uki)
        state.write_host(hardware_address, {again_tag});
      else
        std::filesystem::remove(state.folder.path() + "/hosts/" + hardware_address);
      break;
  }
}

// dnsmasq reads its configuration at its start only.
void BootSide::serve(bool on) {
  if (std::exchange(state_->open, on) == on) return;
  if (state_->hands.end_dnsmasq) state_->hands.end_dnsmasq();
}

Command BootSide::dnsmasq(bool open) const { return state_->command(open); }

void BootSide::remove_files() {
  std::error_code ignored;
  std::filesystem::remove_all(state_->folder.path(), ignored);
}

BootSide::~BootSide() { end(); }

void BootSide::end() {
  state_->over = true;
  state_->http.reset();
  if (state_->hands.end_dnsmasq) state_->hands.end_dnsmasq();
}

}  // namespace ka::server
