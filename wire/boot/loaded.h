#pragma once
/// What a loader starts by itself, as its configuration says it: the same for all of them.

#include <string>
#include <vector>

#include "wire/boot/places.h"

namespace ka::boot {

/// A kernel with what is loaded beside it.
struct Loaded {
  struct File {
    std::string where;  ///< "/boot/grub/grub.cfg:119"
    Place place;
    std::string as_written;  ///< "/vmlinuz-6.1.0"
  };
  std::string title;
  File kernel;
  std::vector<File> initrds;
  std::vector<std::string> arguments;  ///< of the kernel, without its name
};

/// Adds kernel, initrds, what root=, resume= and the like name, and fstab to the trail.
void follow_kernel(const Question& question, const Loaded& loaded, Trail& trail);

}  // namespace ka::boot
