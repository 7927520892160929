#include "wire/packing_choice.h"

#include <algorithm>

namespace ka::wire {

using namespace std::chrono_literals;

namespace {

constexpr Time look_every = 500ms;
constexpr int wait_share = 2;     // the line is the limit when the source waits for 1/2 of the time
constexpr double worth_it = 1.1;  // times what got through plain
constexpr Time longest_patience = 160s;

}  // namespace

void PackingChoice::look(Time now, std::uint64_t read, std::uint64_t through, Time waited) {
  if (packs_) {
    judge_packed(now, through, waited);
  } else {
    judge_plain(now, read, through, waited);
  }
}

void PackingChoice::begin(Time now, std::uint64_t through, Time waited) {
  since_ = now;
  through_ = through;
  waited_ = waited;
}

double PackingChoice::rate(Time now, std::uint64_t through) const {
  return static_cast<double>(through - through_) / std::chrono::duration<double>(now - since_).count();
}

void PackingChoice::judge_plain(Time now, std::uint64_t read, std::uint64_t through, Time waited) {
  if (now - since_ < look_every) return;
  known_ = true;
  if (now >= not_before_ && wait_share * (waited - waited_) >= now - since_) {
    plain_rate_ = rate(now, through);
    packs_ = true;
    packed_from_ = read;
  }
  begin(now, through, waited);
}

// Over all the time that it was packed: a source that pauses for a moment says nothing against it.
void PackingChoice::judge_packed(Time now, std::uint64_t through, Time waited) {
  if (packed_from_) {
    if (through < *packed_from_) return;
    packed_from_.reset();
    begin(now, through, waited);
  }
  if (now - since_ < look_every || rate(now, through) >= worth_it * plain_rate_) return;
  packs_ = false;
  not_before_ = now + patience_;
  patience_ = std::min(2 * patience_, longest_patience);
  begin(now, through, waited);
}

}  // namespace ka::wire
