#pragma once
/// What the process that has the network asks of its keeper, and what it is answered. A datagram each: words, separated
/// by zero bytes. A request is one of a closed set of errands, with what that needs: a number, or words that are data.
/// None carries a command line or a path, and none brings descriptors. No I/O.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ka::server {

enum class Errand {
  source,         ///< start that of session `session`; its bytes come out of a pipe
  pack,           ///< start zstd as session `session` wants it
  unpack,         ///< start zstd the other way
  event,          ///< run the program of --on-event: words are the event's name and its line
  store_log,      ///< hand the log of this name to --store-log
  dnsmasq,        ///< run it: the word is "open" or "shut"; what it says comes out of a pipe
  boot_file,      ///< what a machine is told at its next boot, in seven words
  log_folder,     ///< make the folder of the logs: it is given as a descriptor
  keep_report,    ///< put the report, which is written, into its place
  keep_warnings,  ///< write what tar said
  stop,           ///< the errand of number `id`
};

struct Request {
  Errand errand = Errand::stop;
  std::uint64_t id = 0;  ///< chosen by who asks, each larger than those before
  std::uint64_t session = 0;
  std::vector<std::string> words;
};

struct Reply {
  enum class What {
    given,    ///< descriptors come with it; `words` may tell of them
    ended,    ///< well; `words` are what the errand has to say
    failed,   ///< words[0] is why
    refused,  ///< no such request is carried out, and no other from now on but keep_report
  };
  What what = What::refused;
  std::uint64_t id = 0;
  std::vector<std::string> words;
};

/// Of one datagram, either way. A longer one is refused.
inline constexpr std::size_t longest_errand = 1u << 20;

std::string encode(const Request& request);
/// Throws Error for what is none.
Request parse_request(std::string_view datagram);

/// What is too long for a datagram is cut.
std::string encode(const Reply& reply);
/// Throws Error.
Reply parse_reply(std::string_view datagram);

}  // namespace ka::server
