#include "server/golden/crypt.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/text.h"
#include "wire/storage/luks_header.h"

namespace ka::server {

namespace {

// What cryptsetup(8) can open besides LUKS, by the middle of its device mapper's UUID.
struct OtherFormat {
  const char* word;
  const char* text;
};
constexpr OtherFormat others[] = {{"PLAIN", "is encrypted without a header (plain dm-crypt)"},
                                  {"TCRYPT", "is a volume of TrueCrypt or VeraCrypt"},
                                  {"BITLK", "is a volume of BitLocker"},
                                  {"FVAULT2", "is a volume of FileVault"},
                                  {"LOOPAES", "is a volume of loop-AES"},
                                  {"VERITY", "is checked by dm-verity"},
                                  {"INTEGRITY", "is checked by dm-integrity"},
                                  {"SUBDEV", "is a part of another mapping"},
                                  {"TEMP", "is a mapping that cryptsetup made for a moment"}};

std::string attribute(const CryptPlaces& places, const BlockDevice& device, const char* name) {
  const std::string file = places.sysfs + "/class/block/" + device.name + "/dm/" + name;
  return std::string(trim(read_file_if_any(file).value_or("")));
}

// crypttab makes such a mapping with another key at each start, and new swap or an empty file system in it.
bool has_random_key(const CryptPlaces& places, const std::string& name) {
  const std::string crypttab = read_file_if_any(places.crypttab).value_or("");
  for (std::string_view line : split(crypttab, '\n')) {
    const auto fields = words(line);
    if (fields.size() < 3 || fields[0] != name) continue;
    return fields[2] == "/dev/urandom" || fields[2] == "/dev/random" || fields[2] == "/dev/hwrng";
  }
  return false;
}

// "6f0a5f6f2a2a4a539f0e0f2a2a5c0f2a", as the device mapper's UUID has it.
std::string digits_of(std::string uuid) {
  std::erase(uuid, '-');
  return uuid;
}

std::string how_to_enrol(const std::string& token, const std::string& uuid) {
  const std::string device = " /dev/disk/by-uuid/" + uuid;
  if (token == "systemd-tpm2")
    return "its key in the TPM is not cloned; on a clone: systemd-cryptenroll --tpm2-device=auto" + device;
  if (token == "systemd-fido2")
    return "its key of a FIDO2 token is not cloned; on a clone: systemd-cryptenroll --fido2-device=auto" + device;
  if (token == "systemd-pkcs11")
    return "its key of a PKCS#11 token is not cloned; on a clone: systemd-cryptenroll --pkcs11-token-uri=auto" + device;
  if (token == "systemd-recovery")
    return "its recovery key is not cloned; on a clone: systemd-cryptenroll --recovery-key" + device;
  if (token == "clevis") return "its binding by Clevis is not cloned; on a clone: clevis luks bind -d" + device + " …";
  return "its token \"" + printable(token) + "\" is not cloned";
}

std::vector<std::string> what_is_not_kept(const storage::LuksHeader& header) {
  std::vector<std::string> not_kept;
  for (const std::string& token : header.tokens) not_kept.push_back(how_to_enrol(token, header.crypt.uuid));
  const std::size_t others = header.keys > 0 ? header.keys - 1 : 0;
  if (others > header.tokens.size())
    not_kept.push_back("of its " + std::to_string(header.keys) +
                       " keys a clone has one passphrase of its own, and key files that lie in the clone");
  for (const std::string& flag : header.flags)
    not_kept.push_back("its flag " + printable(flag) + " is not kept; on a clone: cryptsetup refresh --persistent");
  return not_kept;
}

bool is_word(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._+:@-").find(c) != std::string_view::npos;
  });
}

// Why it cannot be cloned, or nothing: then it is in `layers`.
std::string read_luks(const CryptPlaces& places, const BlockDevice& device, const std::string& dm_uuid,
                      Layers& layers) {
  const std::string name = attribute(places, device, "name");
  if (!is_word(name)) return "has a name that programs would misread";
  if (device.below.size() != 1) return "is made of several devices";
  const std::string below = places.dev + "/" + device.below.front();
  storage::LuksHeader header;
  try {
    const std::string beginning = read_at(below, 0, storage::luks_begin);
    if (!storage::is_luks(beginning)) {
      const bool integrity = device.below.front().starts_with("dm-");
      return integrity ? "has authenticated encryption (dm-integrity below LUKS)"
                       : "has its LUKS header on another device";
    }
    header = storage::read_luks_header(read_at(below, 0, storage::luks_header_size(beginning)));
  } catch (const Error& error) {
    return std::string("cannot be read (") + error.what() + ")";
  }
  if (!header.strange.empty()) return header.strange;
  if (dm_uuid.find("-" + digits_of(header.crypt.uuid) + "-") == std::string::npos)
    return "has its LUKS header on another device";
  if (header.crypt.offset % 4096 != 0)
    return "begins at byte " + std::to_string(header.crypt.offset) + " of its device, which is no multiple of 4096";
  header.crypt.bytes = device.size;
  layers.nodes.push_back({name, {device.below.front()}, {}, header.crypt});
  layers.ids[device.name] = name;
  if (auto not_kept = what_is_not_kept(header); !not_kept.empty()) layers.not_kept[name] = std::move(not_kept);
  return "";
}

void read_crypt(const CryptPlaces& places, const BlockDevice& device, Layers& layers) {
  const std::string uuid = attribute(places, device, "uuid");
  if (!uuid.starts_with("CRYPT-")) return;
  const std::string name = attribute(places, device, "name"), format(split(uuid, '-')[1]);
  std::string why;
  if (format == "PLAIN" && has_random_key(places, name)) {
    layers.strange[device.name] = "is " + name +
                                  ", which crypttab encrypts with a new random key at each start, on a clone too: "
                                  "what it stands on stays empty";
  } else if (format == "LUKS1" || format == "LUKS2") {
    why = read_luks(places, device, uuid, layers);
  } else {
    auto known = std::find_if(std::begin(others), std::end(others),
                              [&format](const OtherFormat& other) { return format == other.word; });
    why = known != std::end(others) ? known->text : "is a mapping of cryptsetup that is not known here";
  }
  if (!why.empty())
    layers.strange[device.name] =
        "is " + name + ", which " + why + ": that cannot be cloned so far; -x leaves a mount point out";
}

Awaitable<void> read(asio::io_context&, const std::vector<BlockDevice>& devices, Layers& layers) {
  read_crypts({}, devices, layers);
  co_return;
}

}  // namespace

void read_crypts(const CryptPlaces& places, const std::vector<BlockDevice>& devices, Layers& layers) {
  for (const BlockDevice& device : devices)
    if (device.name.starts_with("dm-")) read_crypt(places, device, layers);
}

const LayerReader crypt_reader = {read};

}  // namespace ka::server
