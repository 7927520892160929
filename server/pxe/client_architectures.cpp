#include "server/pxe/client_architectures.h"

#include <cstdio>
#include <string_view>

namespace ka::server {

namespace {

enum class Protocol { tftp, http };

struct Architecture {
  unsigned code;  ///< of option 93
  std::string_view name;
  Protocol protocol;             ///< what its firmware loads the first file by
  std::string Loaders::*loader;  ///< nullptr: nothing here can start it
};

constexpr Architecture architectures[] = {
    {0x00, "bios", Protocol::tftp, &Loaders::bios},
    {0x06, "uefi-x86-32", Protocol::tftp, nullptr},
    {0x07, "uefi-x86-64", Protocol::tftp, &Loaders::uefi},
    {0x09, "uefi-x86-64-ebc", Protocol::tftp, &Loaders::uefi},
    {0x0b, "uefi-arm-64", Protocol::tftp, nullptr},
    {0x0f, "uefi-x86-32-http", Protocol::http, nullptr},
    {0x10, "uefi-x86-64-http", Protocol::http, &Loaders::uefi_http},
};

/// How firmware names itself in option 60, by what it boots by.
std::string_view vendor_class(Protocol protocol) { return protocol == Protocol::http ? "HTTPClient" : "PXEClient"; }

/// Empty: none.
std::string boot_file(const Architecture& architecture, const Loaders& loaders) {
  return architecture.loader ? loaders.*architecture.loader : std::string();
}

std::string hexadecimal(unsigned code, const char* format) {
  char text[16];
  std::snprintf(text, sizeof text, format, code >> 8, code & 0xff);
  return text;
}

std::string text_of(std::string_view text) { return std::string(text); }

// A PXE ROM ignores an answer that does not say that it is for one.
constexpr const char* pxe_rom_options =
    "    option vendor-class-identifier \"PXEClient\";\n"
    "    vendor-option-space PXE;\n"
    "    option PXE.mtftp-ip 0.0.0.0;\n";

// The chain of conditions inside a class: which file each architecture gets.
std::string dhcpd_choice(Protocol protocol, const Loaders& loaders) {
  const std::string refusal =
      "\"KA has no boot file for a machine of this kind (%s): \", "
      "binary-to-ascii(16, 8, \":\", substring(hardware, 1, 6))";
  const auto logged = [&](std::string_view name) {
    return "    log(info, concat(" + std::string(refusal).replace(refusal.find("%s"), 2, name) + "));\n";
  };
  std::string text;
  for (const Architecture& architecture : architectures) {
    if (architecture.protocol != protocol) continue;
    const std::string file = boot_file(architecture, loaders);
    text += (text.empty() ? "  if " : "  } elsif ");
    // The ROMs that are older than option 93 are a BIOS's.
    if (architecture.code == 0) text += "not exists client-architecture or ";
    text += "option client-architecture = " + hexadecimal(architecture.code, "%02x:%02x") + " {\n    # ";
    text += text_of(architecture.name) + "\n";
    if (file.empty()) {
      text += logged(architecture.name);
    } else if (protocol == Protocol::http) {
      text += "    option bootfile-name \"" + file + "\";\n";
    } else {
      text += "    filename \"" + file + "\";\n";
      // UEFI takes an answer with such a vendor option for one without a file.
      if (architecture.code == 0) text += pxe_rom_options;
    }
  }
  return text + "  } else {\n" + logged("an unknown one") + "  }\n";
}

}  // namespace

std::string dhcpd_classes(const Loaders& loaders) {
  return "# Firmware that boots by TFTP\n"
         "class \"PXE\" {\n"
         "  match if substring(option vendor-class-identifier, 0, 9) = \"PXEClient\";\n" +
         dhcpd_choice(Protocol::tftp, loaders) + "  next-server " + loaders.server +
         ";\n"
         "}\n"
         "\n"
         "# Firmware that boots by HTTP\n"
         "class \"HTTP\" {\n"
         "  match if substring(option vendor-class-identifier, 0, 10) = \"HTTPClient\";\n" +
         dhcpd_choice(Protocol::http, loaders) +
         "  option vendor-class-identifier \"HTTPClient\";\n"
         "}";
}

std::string dnsmasq_boot_lines(const Loaders& loaders) {
  std::string matches, files;
  for (const Architecture& architecture : architectures) {
    const std::string file = boot_file(architecture, loaders);
    // With log-dhcp the log has the tags.
    const std::string tag = (file.empty() ? "no-boot-file-for-" : "") + text_of(architecture.name);
    matches += "dhcp-match=set:" + tag + ",option:client-arch," + std::to_string(architecture.code) + "\n";
    if (file.empty()) continue;
    if (architecture.protocol == Protocol::http) {
      files += "dhcp-option-force=tag:" + tag + ",option:vendor-class," + text_of(vendor_class(architecture.protocol)) +
               "\n";
      files += "dhcp-boot=tag:" + tag + "," + file + "\n";
    } else {
      files += "dhcp-boot=tag:" + tag + "," + file + ",," + loaders.server + "\n";
    }
  }
  return matches +
         "# The ROMs that are older than option 93 are a BIOS's.\n"
         "dhcp-match=set:says-what-it-is,93\n"
         "dhcp-vendorclass=set:pxe,PXEClient\n" +
         files + "dhcp-boot=tag:pxe,tag:!says-what-it-is," + loaders.bios + ",," + loaders.server;
}

std::string dnsmasq_proxy_lines(const Loaders& all) {
  Loaders loaders = all;
  loaders.uefi = all.uefi_by_proxy;
  std::string text;
  for (const Architecture& architecture : architectures) {
    const std::string file = boot_file(architecture, loaders);
    const std::string service = "pxe-service=" + std::to_string(architecture.code) + ",";
    if (architecture.protocol == Protocol::http) {
      if (file.empty()) continue;  // without an answer its firmware goes on by itself
      // No pxe-service: dnsmasq names the file of one only at port 4011, and HTTP boot asks nobody there.
      const std::string tag = text_of(architecture.name);
      text += "dhcp-pxe-vendor=PXEClient,HTTPClient\n";
      text += "dhcp-match=set:" + tag + ",option:client-arch," + std::to_string(architecture.code) + "\n";
      text += "dhcp-boot=tag:" + tag + "," + file + "\n";
    } else if (file.empty()) {
      text += service + "\"KA has no boot file for a machine of this kind (" + text_of(architecture.name) + ")\",0\n";
    } else {
      text += service + "\"KA\"," + file + "," + loaders.server + "\n";
    }
  }
  text.pop_back();
  return text;
}

std::string kea_classes(const Loaders& loaders) {
  std::string text;
  for (const Architecture& architecture : architectures) {
    const std::string file = boot_file(architecture, loaders);
    const std::string vendor = text_of(vendor_class(architecture.protocol));
    std::string test = "option[93].hex == " + hexadecimal(architecture.code, "0x%02x%02x");
    // The ROMs that are older than option 93 are a BIOS's.
    if (architecture.code == 0) test = "(not option[93].exists or " + test + ")";
    test = "substring(option[60].hex, 0, " + std::to_string(vendor.size()) + ") == '" + vendor + "' and " + test;
    if (!text.empty()) text += ",\n";
    text += "      {\n        \"name\": \"" + std::string(file.empty() ? "no-boot-file-for-" : "") +
            text_of(architecture.name) + "\",\n        \"test\": \"" + test + "\"";
    if (!file.empty() && architecture.protocol == Protocol::http) {
      text +=
          ",\n        \"option-data\": [\n"
          "          { \"name\": \"vendor-class-identifier\", \"data\": \"" +
          vendor +
          "\", \"always-send\": true },\n"
          "          { \"name\": \"boot-file-name\", \"data\": \"" +
          file +
          "\", \"always-send\": true }\n"
          "        ]";
    } else if (!file.empty()) {
      text += ",\n        \"next-server\": \"" + loaders.server + "\",\n        \"boot-file-name\": \"" + file + "\"";
    }
    text += "\n      }";
  }
  return text;
}

}  // namespace ka::server
