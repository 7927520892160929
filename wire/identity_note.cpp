#include "wire/identity_note.h"

#include <algorithm>

namespace ka::wire {

namespace {

constexpr std::size_t room = 15 * 1024, class_and_lengths = 1 + 2 * 2, last_note = 64;

}  // namespace

std::vector<IdentityNote> fitted(std::vector<IdentityNote> notes) {
  std::size_t used = last_note, fit = 0;
  for (IdentityNote& note : notes) {
    note.where.resize(std::min(note.where.size(), longest_identity_place));
    used += note.item.size() + note.where.size() + class_and_lengths;
    if (used > room || fit + 1 == most_identity_notes) break;
    ++fit;
  }
  if (fit == notes.size()) return notes;
  const std::size_t left_out = notes.size() - fit;
  notes.resize(fit);
  notes.push_back({IdentityClass::found, found_more, std::to_string(left_out) + " more, in the log of the node"});
  return notes;
}

}  // namespace ka::wire
