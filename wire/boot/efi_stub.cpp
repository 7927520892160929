#include "wire/boot/efi_stub.h"

#include <algorithm>

#include "base/text.h"
#include "wire/boot/loaded.h"

namespace ka::boot {

namespace {

// What a command line needs of UTF-16 is ASCII; of other characters nothing here depends.
std::string as_text(const std::string& bytes) {
  const bool wide = bytes.size() >= 2 && bytes[1] == '\0';
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += wide ? 2 : 1)
    if (bytes[i] != '\0') text += wide && i + 1 < bytes.size() && bytes[i + 1] != '\0' ? '?' : bytes[i];
  return text;
}

}  // namespace

void follow_efi_stub(const Question& question, const Start& start, Trail& trail) {
  const auto here = place_of(question, start.file);
  trail.found("", "the firmware's entry");
  Loaded loaded;
  loaded.title = start.file.substr(start.file.rfind('/') + 1);
  loaded.kernel = {"", here.value_or(Place{}), start.file};
  const std::string line = as_text(start.arguments);
  for (std::string_view word : words(line)) {
    if (!word.starts_with("initrd=")) {
      loaded.arguments.emplace_back(word);
      continue;
    }
    std::string path(word.substr(7));
    std::replace(path.begin(), path.end(), '\\', '/');
    loaded.initrds.push_back({"", Place{here ? here->fs : storage::Id(), normal(path)}, path});
  }
  follow_kernel(question, loaded, trail);
}

}  // namespace ka::boot
