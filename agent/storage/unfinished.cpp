#include "agent/storage/unfinished.h"

#include "wire/storage/storage.h"

namespace ka::agent {

const std::string& unfinished_boot_code() {
  static const std::string code = [] {
    // clang-format off
    const unsigned char program[] = {
        0x31, 0xc0,        // xor ax, ax
        0x8e, 0xd8,        // mov ds, ax
        0xfc,              // cld
        0xbe, 0x1b, 0x7c,  // mov si, 0x7c00 + 27: the text
        0xac,              // next: lodsb
        0x84, 0xc0,        // test al, al
        0x74, 0x09,        // jz done
        0xb4, 0x0e,        // mov ah, 0x0e: teletype
        0xbb, 0x07, 0x00,  // mov bx, 7
        0xcd, 0x10,        // int 0x10
        0xeb, 0xf2,        // jmp next
        0xcd, 0x18,        // done: int 0x18: boot the next device
        0xf4,              // stop: hlt
        0xeb, 0xfd,        // jmp stop
    };
    // clang-format on
    std::string bytes(reinterpret_cast<const char*>(program), sizeof program);
    bytes += "KA: the clone on this disk is not finished.\r\n";
    bytes.resize(storage::boot_code_size, '\0');
    return bytes;
  }();
  return code;
}

}  // namespace ka::agent
