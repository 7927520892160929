// Any bytes in the place of what the process with the network asks its keeper for, and the other way: refused, or words
// that mean the same when they are sent on. What names a file is never a path, and what a machine is told names itself.

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "server/boot/boot_book.h"
#include "server/keeper/errand.h"

namespace {

using namespace ka::server;

void check_request(std::string_view bytes) {
  const Request request = parse_request(bytes);
  const Request again = parse_request(encode(request));
  if (again.errand != request.errand || again.id != request.id || again.session != request.session ||
      again.words != request.words)
    std::abort();
  if (request.errand == Errand::store_log || request.errand == Errand::event)
    if (request.words[0].find('/') != std::string::npos || request.words[0].find('=') != std::string::npos)
      std::abort();
  if (request.errand != Errand::boot_file) return;
  const auto [card, entry] = parse_entry(request.words);
  if (card.size() != 17 || card.find('/') != std::string::npos) std::abort();
  if (parse_entry(words_of_entry(card, entry)).first != card) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    check_request(bytes);
  } catch (const ka::Error&) {
  }
  try {
    const Reply reply = parse_reply(bytes);
    if (parse_reply(encode(reply)).words != reply.words) std::abort();
  } catch (const ka::Error&) {
  }
  return 0;
}
