#pragma once
/// A job: the sessions that every node of a round receives one after the other, and the rounds that go on
/// until enough nodes are done. `ka-server` (a clone) and `ka-server send` (one session) are both a job.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/asio.h"
#include "server/job/source.h"
#include "wire/job_machine.h"
#include "wire/ports.h"
#include "wire/racks.h"
#include "wire/trust/key.h"

namespace ka::server {

struct Session {
  std::string name;                               ///< "getstage2"
  std::function<std::unique_ptr<Source>()> open;  ///< called once per round; throws Error
  std::uint64_t expected = 0;                     ///< bytes, for percent and time left; 0: unknown
  bool kept = false;                ///< a node that got it does not need it again in a later round (stage2)
  bool writes = false;              ///< it goes to disks: for nodes that were given the yes to write
  std::string compression = "off";  ///< "auto", "off", or a zstd level (server/job/chunk_source.h)
  std::uint64_t packed = 0;         ///< not 0: open() gives zstd's bytes, so many, for the `expected` ones
  StartFilter pack, unpack;         ///< start zstd for it; without them, it is a child of this process
};

/// One row of the table.
struct NodeStatus {
  using State = wire::NodeRow::State;

  std::size_t number = 0;  ///< tells rows apart: in the order in which they came
  std::string address;     ///< "10.0.1.35"
  std::string host_name, hardware_address;
  State state = State::waiting;
  std::string stage;           ///< session name, or what the node reported last
  std::string reason;          ///< why failed or put out
  unsigned failures = 0;       ///< how often it has failed
  std::uint64_t received = 0;  ///< bytes of the running session
  std::uint64_t sunk = 0;      ///< bytes its sink took
  double rate = 0;             ///< bytes a second, lately
  unsigned round = 0;
  unsigned order = 0;                        ///< place in the chain, 1 is next to the server; 0: not in it
  std::vector<wire::IdentityNote> identity;  ///< what it said of its clone; only in JobResult
  std::vector<wire::DiskOffer> disks;        ///< that it last asked to write to; only in JobResult and offered()
};

struct JobPlan {
  std::vector<Session> sessions;
  /// Nodes report done/failed themselves after the last session (a clone); else the sink's end is the end.
  bool clone = true;
  unsigned nodes = 1;                               ///< -n: a round starts when as many wait, …
  std::optional<std::chrono::seconds> start_after;  ///< … or this long after the first one came
  std::optional<std::chrono::seconds> linger;       ///< for the missing after a round; a clone without it: for ever
  wire::Racks racks;                                ///< who shall be neighbours in the chain
  std::optional<wire::Racks> only;                  ///< who may come; without it, whoever does
  decltype(wire::JobRules::admits) admits = wire::JobRules().admits;  ///< who of those, by what he shows
  /// --confirm: asked before nodes write, and again for those that come to that point later; false ends the job.
  /// Without it, every node may write when it asks.
  std::function<Awaitable<bool>(std::vector<wire::WriteRequest>)> confirm;
  /// With the yes to write: what the node needs to know besides.
  std::function<std::vector<wire::DevicePassphrase>(const NodeStatus&)> passphrases;
  std::chrono::seconds sink_limit{600};        ///< a sink that takes nothing for so long has failed; 0: no limit
  std::chrono::milliseconds release_delay{0};  ///< -d: between two releases
  std::uint64_t window = 0;                    ///< bytes held for nodes behind; 0: by this machine's memory
  bool encrypted = false;                      ///< only members can read the streams; needs a key
  /// Gets the connections of those at the control port who speak HTTP. Without it, they are refused as strangers.
  std::function<void(asio::ip::tcp::socket)> followers;

  /// Of this server: only nodes that know it are served, and streams are sealed; nothing: level open.
  std::optional<wire::KeyPair> key;
  /// Called once all ports are open, and before a byte of anybody is read. What it throws, Job::run() throws.
  std::function<void()> opened = [] {};

  asio::ip::address_v4 listen;  ///< any: all interfaces
  std::uint16_t control_port = wire::control_port, data_port = wire::data_port;
};

/// How far the running session is.
struct Progress {
  std::uint64_t bytes = 0;                      ///< read from the source
  std::uint64_t packed_in = 0, packed_out = 0;  ///< how many of them were packed, and into how many
  std::string held_up_by;                       ///< "the source", "the sink of 10.0.1.35"; empty: not known
  std::optional<std::size_t> held_up_node;      ///< its NodeStatus::number, if it is one
  std::uint64_t window = 0, held = 0;           ///< bytes that the server may hold for nodes behind, and holds now
};

/// Hears what happens; called on the io_context's thread, must not block for long. What it does not care for it leaves
/// out.
class JobObserver {
 public:
  virtual ~JobObserver() = default;
  /// Nodes can come from now on.
  virtual void listens() {}
  /// A line for the log: "Accepting connection from 10.0.1.35".
  virtual void event(const std::string& text) { (void)text; }
  /// Something about this node changed. Called at most a few times a second per node while bytes flow.
  virtual void node(const NodeStatus& status) { (void)status; }
  /// It has told the disks that it is about to write to, in `status`.
  virtual void offered(const NodeStatus& status) { (void)status; }
  /// While a session runs, it gets its data from another node than before; nullptr: from the server.
  virtual void healed(const NodeStatus& status, const NodeStatus* upstream) { (void)status, (void)upstream; }
  virtual void session_started(const Session& session, unsigned round, unsigned members) {
    (void)session, (void)round, (void)members;
  }
  virtual void session_progress(const Session& session, const Progress& progress) { (void)session, (void)progress; }
  virtual void session_ended(const Session& session, std::uint64_t bytes, std::chrono::duration<double> elapsed,
                             const std::vector<std::string>& warnings) {
    (void)session, (void)bytes, (void)elapsed, (void)warnings;
  }
  /// It came to no good end: its source failed, or all members have left.
  virtual void session_failed(const Session& session) { (void)session; }
};

struct JobResult {
  std::vector<NodeStatus> nodes;  ///< the last status of every node that ever joined
  std::vector<std::string> warnings;
  unsigned done = 0;         ///< success is done >= JobPlan::nodes
  bool interrupted = false;  ///< the operator ended it
};

/// Runs the job to its end. Throws Error if it cannot begin (ports taken, …).
class Job {
 public:
  virtual ~Job() = default;
  virtual Awaitable<JobResult> run() = 0;
  /// Ends the running round in an orderly way; run() returns soon after. May be called from a signal's coroutine.
  virtual void stop() = 0;
};

std::unique_ptr<Job> make_job(asio::io_context& io, JobPlan plan, JobObserver& observer);

}  // namespace ka::server
