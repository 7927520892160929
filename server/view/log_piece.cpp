#include "server/view/log_piece.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace ka::server {

namespace {

constexpr std::size_t most_at_once = 64u << 10;

struct Piece {
  bool kept = false;
  std::uint64_t from = 0;
  std::string bytes;
};

// Its server writes it all the time: it is in memory, and reading it waits for no disk.
Piece read_piece(const UniqueFd& file, std::optional<std::uint64_t> from) {
  Piece piece;
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return piece;
  piece.kept = true;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const bool end_only = !from || *from > size;
  piece.from = end_only ? size - std::min<std::uint64_t>(size, most_at_once) : *from;
  piece.bytes.resize(std::min<std::uint64_t>(size - piece.from, most_at_once));
  const ssize_t got = ::pread(file.get(), piece.bytes.data(), piece.bytes.size(), static_cast<off_t>(piece.from));
  piece.bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (end_only && piece.from > 0) {
    const std::size_t begun = std::min(piece.bytes.find('\n') + 1, piece.bytes.size());
    piece.bytes.erase(0, begun);
    piece.from += begun;
  }
  return piece;
}

}  // namespace

std::string log_piece_json(const UniqueFd& file, std::optional<std::uint64_t> from) {
  const Piece piece = read_piece(file, from);
  const std::size_t last = piece.bytes.rfind('\n');
  // A line without an end may have one soon; one that fills the piece is cut.
  const bool endless = last == std::string::npos && piece.bytes.size() == most_at_once;
  const std::size_t taken = endless ? piece.bytes.size() : last + 1;
  nlohmann::json out = {{"kept", piece.kept}, {"from", piece.from}, {"next", piece.from + taken}};
  nlohmann::json& lines = out["lines"] = nlohmann::json::array();
  if (taken > 0)
    for (const std::string_view line :
         split(std::string_view(piece.bytes).substr(0, endless ? taken : taken - 1), '\n'))
      lines.push_back(printable(line));
  return out.dump();
}

}  // namespace ka::server
