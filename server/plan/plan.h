#pragma once
/// What will be cloned: decided from what this machine is (server/golden/golden.h) and what was asked for
/// (server/options/options.h), without touching either. A plan that exists can be carried out; what cannot be cloned
/// faithfully is refused with the reason and what to do about it.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "server/golden/golden.h"
#include "server/golden/survey.h"
#include "server/options/luks_key.h"
#include "server/options/options.h"
#include "wire/boot/trail.h"
#include "wire/desc.h"
#include "wire/manifest.h"

namespace ka::server {

/// What the options name, read.
struct PlanInput {
  CloneOptions options;
  std::map<std::string, wire::Desc> descs;  ///< -p, by drive
  struct GroupDesc {
    std::string file, text;
  };
  std::map<std::string, GroupDesc> group_descs;  ///< -p of what is no drive, by volume group; not yet read
  std::map<std::string, std::string> boot_code;  ///< -m and -M, by drive: 446 bytes
  std::vector<wire::Hook> hooks;
  LuksKeys luks;
  std::vector<std::string> warnings;
};

struct Plan {
  struct NotCloned {
    std::string what, why;  ///< "/mnt/data (sdb1, ext4)", "left out by -X sdb"
  };

  wire::Manifest manifest;
  /// Places in the tree where a subvolume is seen that comes from another place, or is a snapshot that stays here.
  std::vector<std::string> unseen;
  std::vector<std::string> kept_back;  ///< files of the golden machine that no clone gets: its key
  std::vector<std::string> excluded;   ///< -x: absolute, normal, without those that lie in another
  std::vector<NotCloned> not_cloned;
  std::vector<Swap> swap_files;  ///< in use: a hook makes each anew, tar leaves it out
  std::vector<std::string> warnings;
  std::vector<boot::Trail> boots;                        ///< how the clones start, followed through the golden files
  std::set<std::string> excluded_by_conf;                ///< of `excluded`: what is not there is a warning
  std::uint64_t expected = 0;                            ///< bytes of the tar stream; known after add_survey
  std::map<storage::Id, std::uint64_t> expected_blocks;  ///< bytes of each stream; known after find_used_blocks
};

/// How what is encrypted is opened on the nodes, and why it cannot be so.
struct LuksChoice {
  wire::Passphrases passphrases = wire::Passphrases::none;
  std::vector<std::string> refusals;
};
LuksChoice luks_choice(const storage::Storage& storage, const LuksKeys& keys, const CloneOptions& options);

/// This machine cannot be cloned as it was asked for: every reason, one a line of what().
class Refusal : public Error {
 public:
  Refusal(std::vector<std::string> reasons, std::vector<std::string> warnings);
  const std::vector<std::string>& reasons() const { return reasons_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  std::vector<std::string> reasons_, warnings_;
};

/// Throws Refusal.
Plan make_plan(const Golden& golden, const PlanInput& input);

/// Adds what only a walk through the files can tell. Throws Refusal if something does not fit its new partition.
void add_survey(Plan& plan, const Survey& survey);

/// `makes`: ka/stage2.json of the stage2 that will be sent; empty: not known, which is a warning. Throws Refusal if
/// something of the plan cannot be made with it.
void check_stage2(Plan& plan, const std::string& makes);

/// The walk that a plan asks for, in a GoldenTree of it: `root` and `apart` of that.
Survey survey_of(const Plan& plan, const std::string& root, const std::string& apart);

/// What tar has to leave out: absolute paths.
std::vector<std::string> left_out_of_stream(const Plan& plan);

/// What the clones' storage is, as lsblk has it.
std::vector<std::string> plan_tree(const storage::Storage& storage);

/// The plan as the KA method prints it.
std::string plan_text(const Plan& plan, const PlanInput& input);

}  // namespace ka::server
