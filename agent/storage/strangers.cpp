#include "agent/storage/strangers.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace ka::agent {

namespace {

// A disk that was asleep takes ten seconds to turn.
constexpr auto patience = std::chrono::seconds(60);

// blkid finds nothing, and says no more, both where nothing is and where it cannot read; so the first MiB is read
// before, past what is in memory. Where it sees two things at once (status 8), wipefs names both. Whose a physical
// volume is only LVM can tell, which is shown nothing else.
const char* const look = R"sh(for device; do
  echo "DEVICE=$device"
  dd "if=$device" of=/dev/null bs=64k count=16 iflag=direct status=none || { echo UNREAD; continue; }
  blkid -p -o export "$device"
  [ $? -ne 8 ] || wipefs --noheadings --output UUID "$device" | while read -r uuid; do echo "UUID=$uuid"; done
  [ "$(blkid -p -o value -s TYPE "$device")" != LVM2_member ] ||
    lvm pvs --readonly --devices "$device" --noheadings -o vg_name "$device" 2>/dev/null |
    while read -r name; do echo "VG_NAME=$name"; done
done
)sh";

class Strangers {
 public:
  Strangers(Machine& machine, Log& log, StrangerQuestion question)
      : machine_(machine), log_(log), question_(std::move(question)) {
    for (const storage::Node& node : question_.storage.nodes)
      for (storage::Identity& identity : storage::identities_of(question_.storage, node))
        ours_.push_back(std::move(identity));
  }

  Awaitable<void> run() {
    if (ours_.empty()) co_return;
    std::string strangers;
    for (const MachineDisk& disk : question_.others) {
      const std::string found = co_await look_at(disk);
      if (!found.empty()) strangers += (strangers.empty() ? "" : "; ") + disk.text() + " bears " + found;
    }
    if (strangers.empty()) co_return;
    std::string wipe;
    for (const std::string& name : bearing_) wipe += (wipe.empty() ? "wipefs -a /dev/" : " /dev/") + name;
    throw Error("keep the clone apart from the other disks",
                strangers +
                    ": what the clone will bear, too. With both in it this machine may start from the wrong "
                    "disk; unplug the other one, " +
                    (groups_.empty() ? "" : "give its volume group another name (" + groups_ + "), ") + "wipe it (" +
                    wipe + "), or clone onto it as well");
  }

 private:
  // "UUID 1111… (sdb1), disk identifier 59be1427 (sdb)", or "".
  Awaitable<std::string> look_at(const MachineDisk& disk) {
    Look seen;
    std::string why;
    try {
      const std::string printed = co_await printed_of(disk);
      seen = read_look(printed);
      for (const std::string& device : seen.unread) why += (why.empty() ? "" : ", ") + device + " cannot be read";
    } catch (const Error& error) {
      why = error.what();
    }
    for (const std::string& line : question_.kernel_log.errors_of({disk.name}))
      why += (why.empty() ? "the kernel says: " : "; the kernel says: ") + line;
    if (!why.empty())
      log_.line(" - WARNING: whether " + disk.text() + " bears what the clone will bear, too, cannot be told: " + why +
                ". If it is an earlier clone, unplug it");
    co_return in_words(disk, seen);
  }

  Awaitable<std::string> printed_of(const MachineDisk& disk) {
    const std::string script = "/tmp/ka-look";
    machine_.write_file(question_.stage2_root + script, look);
    Command command({"sh", script, "/dev/" + disk.name});
    for (const std::string& partition : partitions_of(question_.sysfs, disk.name))
      command.argv.push_back("/dev/" + partition);
    command.root = question_.stage2_root;
    command.limit = patience;
    co_return co_await machine_.output_of(command);
  }

  std::string in_words(const MachineDisk& disk, const Look& seen) {
    constexpr int most = 4;
    std::string text;
    int count = 0;
    for (const Borne& borne : seen.borne) {
      auto same = [&borne](const storage::Identity& identity) {
        return identity.tag == borne.tag && identity.value == lowered(borne.value);
      };
      const auto ours = std::find_if(ours_.begin(), ours_.end(), same);
      if (ours == ours_.end() || ++count > most) continue;
      if (ours->tag == std::string_view("VG_NAME"))
        groups_ += (groups_.empty() ? "vgrename " : "; vgrename ") + escape_bytes(borne.value) + " NEW-NAME";
      text += (text.empty() ? "" : ", ") + std::string(ours->words) + " " + escape_bytes(borne.value) + " (" +
              escape_bytes(borne.device.substr(borne.device.rfind('/') + 1)) + ")";
    }
    if (count > most) text += " and " + std::to_string(count - most) + " more";
    if (count > 0) bearing_.push_back(disk.name);
    return text;
  }

  Machine& machine_;
  Log& log_;
  StrangerQuestion question_;
  std::vector<storage::Identity> ours_;
  std::vector<std::string> bearing_;  // disks
  std::string groups_;                // how volume groups there are called otherwise
};

}  // namespace

Look read_look(std::string_view printed) {
  Look look;
  std::string device;
  for (std::string_view line : split(printed, '\n')) {
    const std::size_t equals = line.find('=');
    if (line == "UNREAD") look.unread.push_back(device);
    if (equals == std::string_view::npos) continue;
    const std::string tag(line.substr(0, equals)), value(line.substr(equals + 1));
    if (tag == "DEVICE")
      device = value;
    else if (!value.empty())
      look.borne.push_back({device, tag, value});
  }
  return look;
}

Awaitable<void> refuse_strangers(Machine& machine, Log& log, StrangerQuestion question) {
  Strangers strangers(machine, log, std::move(question));
  co_await strangers.run();
}

}  // namespace ka::agent
