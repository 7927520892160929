#pragma once
/// -z auto: whether the next bytes of a stream are to be packed. No I/O.
///
/// A stream begins plain. Packing is tried as soon as the source waits for the chain half of the time, and goes on as
/// long as more gets through to the members with it than did without it. So a source, or a machine, that is slower than
/// the line is never made slower still; what was in vain is tried again later.

#include <cstdint>
#include <optional>

#include "wire/pace.h"

namespace ka::wire {

class PackingChoice {
 public:
  explicit PackingChoice(Time now) : since_(now) {}

  bool packs() const { return packs_; }

  /// How far the source may be read past what the first member has. Little before the line is known: what was read is
  /// under way as it is. A packer takes a window that fills for a fast line, and would pack badly until it is full.
  std::uint64_t read_ahead(std::uint64_t window) const { return packs_ ? window / 2 : known_ ? window : window / 4; }

  /// How things stand, told often: bytes of the source (as it gave them) that were read, and that all members have, and
  /// for how long in all the source was not read because the window was full.
  void look(Time now, std::uint64_t read, std::uint64_t through, Time waited);

 private:
  void begin(Time now, std::uint64_t through, Time waited);
  void judge_plain(Time now, std::uint64_t read, std::uint64_t through, Time waited);
  void judge_packed(Time now, std::uint64_t through, Time waited);
  double rate(Time now, std::uint64_t through) const;

  bool packs_ = false;
  bool known_ = false;                        ///< what the line takes
  Time since_;                                ///< this stretch of time is looked at
  std::uint64_t through_ = 0;                 ///< at its beginning
  Time waited_{0};                            ///< at its beginning
  double plain_rate_ = 0;                     ///< bytes a second, before it was tried
  std::optional<std::uint64_t> packed_from_;  ///< packed bytes come through from here on, and have not yet
  Time not_before_{Time::min() / 2};          ///< packing is not tried again
  Time patience_{std::chrono::seconds(10)};   ///< until it is, the next time
};

}  // namespace ka::wire
