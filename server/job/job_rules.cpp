#include "server/job/job_rules.h"

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "server/job/chunk_source.h"

namespace ka::server {

namespace {

// Half of the free memory: the source, the page cache and the rest of the machine want some too.
std::uint64_t memory_for_window() {
  const std::string text = read_file_if_any("/proc/meminfo").value_or("");
  for (std::string_view line : split(text, '\n')) {
    auto fields = words(line);
    if (fields.size() >= 2 && fields[0] == "MemAvailable:") return parse_unsigned(fields[1]).value_or(0) * 1024 / 2;
  }
  return 64u << 20;
}

}  // namespace

wire::JobRules rules_of(const JobPlan& plan, std::uint16_t data_port) {
  wire::JobRules rules;
  for (const Session& session : plan.sessions) {
    check_compression(session.compression);
    const bool packs = session.packed != 0 || (session.compression != "off" && can_pack());
    if (!packs && session.compression != "off" && session.compression != "auto")
      throw Error("pack session " + session.name, "the zstd program is not there: install zstd, or use -z off");
    rules.sessions.push_back({session.name, session.kept, packs ? wire::zstd_packing : "", session.writes});
  }
  rules.clone = plan.clone;
  rules.nodes = plan.nodes;
  rules.start_after = plan.start_after;
  rules.linger = plan.linger;
  rules.racks = plan.racks;
  rules.only = plan.only;
  rules.admits = plan.admits;
  rules.confirm = static_cast<bool>(plan.confirm);
  rules.sink_limit = plan.sink_limit;
  rules.release_delay = plan.release_delay;
  rules.window = plan.window;
  rules.memory = memory_for_window();
  rules.data_port = data_port;
  return rules;
}

}  // namespace ka::server
