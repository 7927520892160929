// Any bytes in the place of what firmware and EFI system partitions hold: boot entries, signature databases, programs,
// certificates. What is accepted can be written and read again.

#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "wire/boot/certificate.h"
#include "wire/boot/load_option.h"
#include "wire/boot/pe.h"
#include "wire/boot/secure_boot.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ka::boot;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 5) {
      case 0:
        if (auto option = parse_load_option(bytes)) {
          const auto again = parse_load_option(load_option(*option));
          if (!again || load_option(*again) != load_option(*option)) std::abort();
        }
        break;
      case 1: parse_boot_csv(bytes); break;
      case 2: parse_signatures(bytes); break;
      case 3: read_program(bytes); break;
      default:
        if (auto names = certificate_names(bytes)) common_name(names->subject);
    }
  } catch (const ka::Error&) {
  }
  return 0;
}
