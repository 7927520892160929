#include "server/command/job_keeper.h"

#include <unistd.h>

#include "server/logs/log_store.h"
#include "server/view/event_program.h"
#include "server/view/link_file.h"

namespace ka::server {

namespace {

BootHands hands_of(const std::shared_ptr<Keeper>& keeper) {
  auto runs = std::make_shared<std::shared_ptr<Keeper::Program>>();
  BootHands hands;
  hands.write = [keeper](const std::string& card, const BootBook::Entry& entry) {
    keeper->do_now(Errand::boot_file, words_of_entry(card, entry));
  };
  hands.dnsmasq = [keeper, runs](bool open, BootHands::Line line) {
    *runs = keeper->dnsmasq(open);
    return (*runs)->listen(std::move(line));
  };
  hands.end_dnsmasq = [runs] {
    if (*runs) (*runs)->stop();
  };
  return hands;
}

}  // namespace

void keep_logs(KeeperWork& work, const std::string& session, const std::string& store_log,
               std::function<std::string()> why_not) {
  work.log_folder = [session, why_not] { return open_log_folder(log_folder, session, why_not); };
  if (store_log.empty()) return;
  work.store_log = [store_log](asio::io_context& io, int file, const std::string& name) {
    // What is open here, whatever has that name by then.
    const std::string path = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file);
    return transfer_log(io, store_log, path, name);
  };
}

std::shared_ptr<Keeper> make_keeper(asio::io_context& io, const JobOptions& options, KeeperWork work, ReportFile& file,
                                    Watch& watch, NextBoot* boot) {
  work.keep_report = [&file] { file.put_in_place(); };
  work.at_end = [boot](int process) {
    remove_link(process);
    if (boot != nullptr) boot->remove_files();
  };
  if (boot != nullptr) {
    work.dnsmasq = [boot](bool open) { return boot->dnsmasq(open); };
    work.boot_file = [boot](const std::vector<std::string>& words) {
      const auto [card, entry] = parse_entry(words);
      boot->write(card, entry);
    };
  }
  if (!options.on_event.empty())
    work.event = [program = options.on_event](asio::io_context& there, const std::string& name,
                                              const std::string& line) {
      return run_event_program(there, program, Event{name, line});
    };
  auto keeper = std::make_shared<Keeper>(io, work);
  file.put_in_place_by([keeper] { keeper->do_now(Errand::keep_report); });
  watch.programs_by([keeper](const Event& event) -> Awaitable<void> {
    const std::vector<std::string> words = {event.name, event.line};
    co_await keeper->have_done(Errand::event, words);
  });
  if (boot != nullptr) boot->act_by(hands_of(keeper));
  return keeper;
}

}  // namespace ka::server
