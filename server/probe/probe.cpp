#include "server/probe/probe.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "server/probe/boot_server.h"
#include "server/probe/file_kind.h"
#include "server/probe/http_client.h"
#include "server/probe/loader_config.h"
#include "server/probe/spanning_tree.h"
#include "server/probe/tftp_client.h"

namespace ka::server {

namespace {

// IANA's registry of processor architectures, for option 93; firmware on x86-64 says 7, early one 9.
struct Firmware {
  std::uint16_t code;
  const char *name, *vendor_class;
  bool by_http;
};
constexpr Firmware kinds[] = {
    {0, "BIOS", "PXEClient:Arch:00000:UNDI:003000", false},
    {7, "UEFI", "PXEClient:Arch:00007:UNDI:003000", false},
    {9, "early UEFI", "PXEClient:Arch:00009:UNDI:003000", false},
    {16, "UEFI HTTP boot", "HTTPClient:Arch:00016:UNDI:003000", true},
};

void add_once(std::vector<std::string>& lines, const std::string& line) {
  if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
}

/// One run of it.
class Probe {
 public:
  Probe(asio::io_context& io, const ProbeRequest& request) : io_(io), request_(request) {}

  Awaitable<ProbeResult> run() {
    std::vector<dhcp::Question> questions;
    const dhcp::HardwareAddress asked = request_.asked.value_or(made_up_address());
    for (const Firmware& kind : kinds) {
      dhcp::Question question;
      question.mac = asked;
      question.vendor_class = kind.vendor_class;
      question.architecture = kind.code;
      questions.push_back(question);
    }
    SpanningTree tree(io_, request_.link.index);
    const std::vector<DhcpOffer> offers = co_await dhcp_offers(io_, request_.link, questions);
    for (std::size_t i = 0; i < std::size(kinds); ++i) co_await look(kinds[i], questions[i], i, offers);
    judge_all(offers);
    if (!tree.heard().empty()) result_.notes.push_back(tree.heard());
    co_return std::move(result_);
  }

 private:
  Awaitable<void> look(const Firmware& kind, const dhcp::Question& question, std::size_t number,
                       const std::vector<DhcpOffer>& offers) {
    Told told;
    told.firmware = kind.name;
    for (const DhcpOffer& offer : offers) {
      if (offer.question != number) continue;
      if (!offer.answer.address.is_unspecified()) told.addresses.push_back(offer.server());
      const std::optional<BootWay> way = co_await way_of(kind, question, offer);
      if (way) told.ways.push_back(*way);
    }
    if (told.ways.empty()) {
      told.end = "no boot file";
    } else {
      co_await follow(kind, told);
    }
    result_.told.push_back(std::move(told));
  }

  Awaitable<std::optional<BootWay>> way_of(const Firmware& kind, const dhcp::Question& question,
                                           const DhcpOffer& offer) {
    BootWay way;
    way.who = offer.server();
    dhcp::Answer answer = offer.answer;
    const bool is_boot_server = answer.vendor_class.starts_with("PXEClient");
    if (kind.by_http) {
      if (!answer.vendor_class.starts_with("HTTPClient") || answer.boot_file.empty()) co_return std::nullopt;
    } else if (answer.boot_file.empty()) {
      const std::optional<BootItem> item = is_boot_server ? boot_item(offer) : std::nullopt;
      if (!item) co_return std::nullopt;
      const std::optional<dhcp::Answer> said = co_await ask_boot_server(io_, request_.own, *item, question);
      if (!said) {
        add_once(result_.wrong, "The boot server " + item->server.to_string() + " does not answer at UDP port 4011");
        co_return std::nullopt;
      }
      answer = *said;
      if (answer.boot_file.empty()) co_return std::nullopt;
    }
    way.file = answer.boot_file;
    way.files_from = answer.next_server.is_unspecified() ? way.who : answer.next_server;
    co_return way;
  }

  Awaitable<void> follow(const Firmware& kind, Told& told) {
    const BootWay way = told.ways.front();
    const Fetched file = co_await load(way, way.file);
    if (file.how != Fetched::How::there) {
      told.end = say(way, way.file, file);
      co_return;
    }
    const FileKind is = kind_of(file.content);
    const bool fits = is == FileKind::efi_x86_64 || (kind.by_http && is == FileKind::disk);
    const bool fits_bios = is == FileKind::bios || is == FileKind::pxelinux;
    if (kind.code == 0 ? !fits_bios : !fits) {
      told.end = "the wrong loader";
      result_.wrong.push_back(std::string(kind.name) + " is told to load " + printable(way.file) + ", by " +
                              way.who.to_string() + ", which is " + server::text_of(is));
      co_return;
    }
    if (const std::string fixed = image_command_line(file.content); !fixed.empty()) {
      told.becomes_node = makes_node(fixed);
      told.end = told.becomes_node ? "a unified kernel image, a node of KA" : "a unified kernel image of another kind";
      co_return;
    }
    if (is == FileKind::pxelinux) co_return co_await follow_pxelinux(way, told);
    if (is == FileKind::disk) {
      told.end = "an image of " + format_size(file.size.value_or(file.content.size())) + ", whose files it boots";
      told.becomes_node = way.file.ends_with("/uefi.img");
      co_return;
    }
    co_await follow_grub(way, told);
  }

  // Without those that are named by the address that a machine would get.
  std::vector<std::string> config_names(const std::string& folder) const {
    std::vector<std::string> names;
    if (request_.asked) {
      std::string own = request_.asked->text();
      std::replace(own.begin(), own.end(), ':', '-');
      names.push_back(folder + "01-" + own);
    }
    names.push_back(folder + "default");
    return names;
  }

  // Its module, its configuration, and what that names.
  Awaitable<void> follow_pxelinux(const BootWay& way, Told& told) {
    Fetched config;
    std::string name;
    const std::vector<std::string> names = config_names(beside(way.file, "pxelinux.cfg/"));
    for (std::size_t i = 0; i < names.size() && config.how != Fetched::How::there; ++i) {
      name = names[i];
      config = co_await load(way, name);
    }
    if (config.how == Fetched::How::there) {
      const std::string module = beside(way.file, "ldlinux.c32");
      const Fetched it = co_await load(way, module);
      if (it.how != Fetched::How::there) {
        told.end = say(way, module, it);
        co_return;
      }
    } else {
      told.end = say(way, name, config);
      co_return;
    }
    const NextStep next = pxelinux_default(config.content);
    for (const std::string& file : next.files) {
      const std::string path = beside(way.file, file);
      const Fetched it = co_await load(way, path, false);
      if (it.how == Fetched::How::there) continue;
      told.end = say(way, path, it);
      co_return;
    }
    ends_at(next, told);
  }

  // shim, and GRUB beside it; another loader is its own affair.
  Awaitable<void> follow_grub(const BootWay& way, Told& told) {
    if (way.file.find("://") != std::string::npos) {
      told.end = "a loader by HTTP, which is not followed";
      co_return;
    }
    const std::string grub = beside(way.file, "grubx64.efi");
    const Fetched loader = co_await load(way, grub, false), config = co_await load(way, "/grub/grub.cfg");
    if (config.how != Fetched::How::there) {
      told.end = "a loader that is not followed: it is not KA's shim and GRUB";
      co_return;
    }
    if (loader.how != Fetched::How::there) {
      told.end = say(way, grub, loader);
      co_return;
    }
    ends_at(grub_default(config.content), told);
  }

  void ends_at(const NextStep& next, Told& told) {
    told.becomes_node = next.is_ka;
    told.end = "label " + (next.label.empty() ? "?" : printable(next.label)) + (next.is_ka ? ", a node of KA" : "");
    if (!next.is_ka)
      result_.wrong.push_back(told.firmware + " ends at the label " + printable(next.label) +
                              ", which makes no node: ka-server pxe-default kamethod");
  }

  // What was loaded once is not loaded again for another firmware.
  Awaitable<Fetched> load(const BootWay& way, std::string name, bool whole = true) {
    const std::string key = way.files_from.to_string() + " " + name;
    if (const auto known = loaded_.find(key); known != loaded_.end()) co_return known->second;
    Fetched file;
    if (name.find("://") != std::string::npos) {
      file = co_await http_fetch(io_, name);
    } else {
      file = co_await tftp_fetch(io_, way.files_from, name, usual_block, whole);
      if (file.how == Fetched::How::stalls) file = co_await load_in_small_blocks(way, name, whole, std::move(file));
    }
    loaded_[key] = file;
    co_return file;
  }

  Awaitable<Fetched> load_in_small_blocks(const BootWay& way, std::string name, bool whole, Fetched large) {
    Fetched small = co_await tftp_fetch(io_, way.files_from, name, smallest_block, whole);
    if (small.how != Fetched::How::there) co_return large;
    add_once(result_.wrong, "Packets of 1500 bytes from " + way.files_from.to_string() +
                                " do not arrive, those of 544 do: something between has a smaller MTU");
    co_return small;
  }

  std::string say(const BootWay& way, const std::string& name, const Fetched& file) {
    const bool by_http = name.find("://") != std::string::npos;
    const std::string from = by_http ? "" : " by TFTP from " + way.files_from.to_string();
    const char* what = file.how == Fetched::How::refused  ? " is not there"
                       : file.how == Fetched::How::stalls ? " does not come whole"
                                                          : " does not come";
    add_once(result_.wrong, printable(name) + from + what + ": " + printable(file.why));
    return printable(name) + what;
  }

  void judge_all(const std::vector<DhcpOffer>& offers) {
    std::set<asio::ip::address_v4> dhcp;
    bool named = false;
    std::chrono::milliseconds first = std::chrono::milliseconds::max();
    for (const DhcpOffer& offer : offers) first = std::min(first, offer.after);
    for (const Told& told : result_.told) {
      dhcp.insert(told.addresses.begin(), told.addresses.end());
      named |= !told.ways.empty();
      for (std::size_t i = 1; i < told.ways.size(); ++i)
        result_.wrong.push_back("Two boot servers for " + told.firmware + ": " + told.ways[0].who.to_string() +
                                " says " + printable(told.ways[0].file) + ", " + told.ways[i].who.to_string() +
                                " says " + printable(told.ways[i].file) + ". Which one a machine believes is chance");
    }
    if (dhcp.empty()) result_.wrong.push_back("No DHCP server gives an address");
    if (dhcp.size() > 1) {
      std::vector<std::string> names;
      for (const auto& address : dhcp) names.push_back(address.to_string());
      result_.wrong.push_back("Several DHCP servers give addresses: " + joined(names, ", "));
    }
    if (!named)
      result_.wrong.push_back("Nobody names a boot file: no boot server answers, or it does not know this machine");
    if (!offers.empty() && first > std::chrono::seconds(4))
      result_.notes.push_back("The first answer took " + std::to_string(first.count() / 1000) +
                              " s, and firmware waits not much longer");
  }

  asio::io_context& io_;
  const ProbeRequest& request_;
  ProbeResult result_;
  std::map<std::string, Fetched> loaded_;
};

std::string addresses_text(const std::vector<asio::ip::address_v4>& servers) {
  std::vector<std::string> names;
  for (const auto& server : servers) names.push_back(server.to_string());
  return names.empty() ? "no address" : "an address by " + joined(names, ", ");
}

}  // namespace

bool ProbeResult::boots_nodes() const {
  const auto becomes = [](const Told& one) { return one.becomes_node; };
  return wrong.empty() && std::any_of(told.begin(), told.end(), becomes);
}

Awaitable<ProbeResult> probe(asio::io_context& io, ProbeRequest request) {
  Probe run(io, request);
  co_return co_await run.run();
}

std::string text_of(const ProbeResult& result, const std::string& interface) {
  std::string text;
  for (const Told& told : result.told) {
    text += told.firmware + ": " + addresses_text(told.addresses);
    for (const BootWay& way : told.ways) text += "; " + printable(way.file) + " by " + way.who.to_string();
    text += "; " + told.end + "\n";
  }
  for (const std::string& note : result.notes) text += "- " + note + "\n";
  for (const std::string& fault : result.wrong) text += "! " + fault + "\n";
  if (result.boots_nodes())
    text += "A machine that boots from the network on " + interface + " becomes a node of KA.\n";
  else
    text += "A machine that boots from the network on " + interface + " does not become a node of KA as it is.\n";
  return text;
}

}  // namespace ka::server
