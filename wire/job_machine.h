#pragma once
/// A job as the server runs it: who is there, rounds, sessions, releases. No I/O: connections, messages and time go in,
/// messages and decisions come out (JobOutput).

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wire/chain.h"
#include "wire/messages.h"
#include "wire/racks.h"

namespace ka::wire {

struct JobRules {
  struct Session {
    std::string name;
    bool kept = false;    ///< whoever got it does not need it again in a later round
    std::string packing;  ///< Start::packing, if all members of the round can unpack it
    bool writes = false;  ///< its bytes go to disks: only for nodes that asked and were given the yes (Ready, MayWrite)
  };

  std::vector<Session> sessions;
  bool clone = true;                ///< members report Done after the last session; else its end is the end
  unsigned nodes = 1;               ///< a round starts when as many wait, and the job ends when as many are done
  std::optional<Time> start_after;  ///< a round also starts this long after the first one came
  std::optional<Time> linger;       ///< how long to wait for the missing after a round; a clone without it: for ever
  Racks racks;                      ///< neighbours in the chain; else the addresses decide
  std::optional<Racks> only;        ///< who may take part; else whoever comes
  /// Hears what a machine shows (Introduction::token), and says why it may not take part; "": it may.
  std::function<std::string(const std::string& hardware_address, const std::string& token)> admits =
      [](const std::string&, const std::string&) { return ""; };
  bool confirm = false;  ///< the operator is asked before nodes write; else each is given the yes at once
  Time sink_limit{0};    ///< for a sink to take something, or to end after its last byte; 0: none
  Time release_delay{0};
  std::uint64_t window = 0;  ///< 0: by the number of members
  std::uint64_t memory = 0;  ///< bytes the server may hold; 0: no bound
  std::uint32_t chunk = longest_chunk;
  std::uint16_t data_port = 0;
};

/// Bytes that the server and every one of so many members hold, unless JobRules says otherwise or memory is short.
std::uint64_t default_window(std::size_t members);
/// What a node must be able to hold to take part. Its ring bounds everybody's window, so one that offers less is
/// refused rather than slow all others down.
std::uint64_t least_ring(const JobRules& rules);

/// One row of the operator's table: a machine, over all its connections.
struct NodeRow {
  enum class State { waiting, running, finishing, done, failed, put_out };

  std::size_t number = 0;  ///< its place in JobMachine::rows()
  Endpoint at;
  std::string host_name, hardware_address;
  State state = State::waiting;
  std::string stage;
  std::string reason;
  unsigned failures = 0;  ///< how often it has failed, over all its connections
  std::uint64_t received = 0, sunk = 0;
  double rate = 0;  ///< bytes a second
  unsigned round = 0;
  unsigned order = 0;                  ///< place in the running chain, 1 is next to the server; 0: not in it
  std::vector<DiskOffer> disks;        ///< that it last asked to write to
  bool touched = false;                ///< it was given the yes, in this round or an earlier one
  std::vector<IdentityNote> identity;  ///< what it said of its clone
};

/// A node that waits for the operator's yes.
struct WriteRequest {
  std::string node;  ///< "10.0.1.35 (node35)"
  std::vector<DiskOffer> disks;
};

class JobOutput {
 public:
  virtual ~JobOutput() = default;
  virtual void send(NodeId node, const Message& message) = 0;
  /// Close its connection, after what was sent has gone out. disconnected() is not called for it.
  virtual void close(NodeId node) = 0;
  virtual void event(const std::string& text) = 0;
  virtual void changed(const NodeRow& row) = 0;
  /// While its stream runs, a member gets its data from another one than before; nullptr: from the server.
  virtual void healed(const NodeRow&, const NodeRow* upstream) { (void)upstream; }
  /// A node has told its disks, and asks whether it may write to them.
  virtual void offered(const NodeRow&) {}
  /// What a node that is given the yes needs to know besides.
  virtual std::vector<DevicePassphrase> passphrases(const NodeRow&) { return {}; }
  /// For the next stream; nullopt: it is not sealed.
  virtual std::optional<StreamKeys> stream_keys() { return std::nullopt; }
  /// A number that cannot be guessed, to name a stream.
  virtual std::uint64_t random() = 0;
  /// Open the source of this session, and read it as chain()->may_read() allows.
  virtual void stream_started(std::size_t session, unsigned round, unsigned members) = 0;
  /// chain() may allow more reading now, or its members may have changed.
  virtual void stream_moved() = 0;
  /// All members have it all, or the stream failed: drop the source and all data connections.
  virtual void stream_ended(bool whole) = 0;
  /// With JobRules::confirm: may these write? JobMachine::confirmed() is the answer; until then no other question
  /// comes.
  virtual void ask_operator(const std::vector<WriteRequest>& nodes) = 0;
};

class JobMachine final : private ChainOutput {
 public:
  JobMachine(JobRules rules, JobOutput& output);

  void connected(NodeId node, Endpoint from, Time now);
  void message(NodeId node, const Message& message, Time now);
  void disconnected(NodeId node, const std::string& why, Time now);
  /// It will not be served: it hears why, and its connection is closed.
  void turn_away(NodeId node, const std::string& reason, Time now);
  /// At least ten times a second.
  void tick(Time now);

  /// The running stream, between stream_started and stream_ended; else nullptr.
  Chain* chain() { return chain_.get(); }
  /// What holds it up: "the sink of 10.0.1.35 (node35)"; empty: no stream runs.
  std::string held_up_by() const;
  /// The row of the node that this names, if it does.
  std::optional<std::size_t> held_up_row() const;
  static constexpr const char* source_itself = "the source";
  /// What its bytes must be packed with: "" or "zstd".
  const std::string& packing() const { return packing_; }
  /// The source ended well, all of it was add()ed. Nobody may be told so before its exit status is known.
  void source_ended(Time now);
  void source_failed(const std::string& why, Time now);

  /// Starts a round with who waits.
  void go(Time now);
  /// The operator's answer to ask_operator(). A no is stop().
  void confirmed(bool yes, Time now);
  /// The operator ends the job: members are told, the job is finished at once.
  void stop(Time now);

  bool finished() const { return finished_; }
  bool serves(std::string_view session) const;
  const std::vector<NodeRow>& rows() const { return rows_; }
  unsigned done() const;

 private:
  // ready: it asked whether it may write, and waits for the answer.
  enum class Phase { greeting, idle, waiting, between, ready, joined, streaming, finishing, done, out };

  struct Node {
    Endpoint from;
    Endpoint data;      ///< where it serves the next one
    Endpoint upstream;  ///< where it was last told to get its data
    Phase phase = Phase::greeting;
    bool clones = false;
    std::uint64_t ring = 0;
    std::uint64_t features = 0;
    std::string host_name, hardware_address;
    std::optional<std::size_t> row;         ///< once it joined, or its machine is known
    std::size_t session = 0;                ///< joined, or expected to join next
    std::optional<std::uint64_t> question;  ///< ready: the Ready to be answered
    bool shown = false;                     ///< ready: to the operator, who has not answered yet
    bool may_write = false;                 ///< was given the yes of this round
    std::optional<std::uint64_t> owed;      ///< the stream whose Finished was right and whose Over is still due
    Time heard{0};
    Time done_at{0};
    bool released = false;
    std::uint64_t sunk = 0;
    Time sink_moved{0};  ///< when it last took something, or had nothing to take
    std::uint64_t last_received = 0;
    Time last_position{0};
  };

  void link(NodeId node, const Link& link) override;
  void put_out(NodeId node, const std::string& reason) override;

  void introduced(NodeId id, Node& node, const Introduction& said);
  void join(NodeId id, Node& node, const Join& join, Time now);
  void position(NodeId id, Node& node, const Position& position, Time now);
  void member_finished(NodeId id, Node& node, const Finished& finished);
  void identity(NodeId id, Node& node, const Identity& identity);
  void done(NodeId id, Node& node);
  void refuse(NodeId id, const std::string& reason);
  void leave(NodeId id, Node& node, NodeRow::State state, const std::string& reason, Time now);

  // Writing (job_writes.cpp).
  void asks_to_write(NodeId id, Node& node, const Ready& ready);
  void permit(NodeId id, Node& node);
  void ask_operator();
  std::string with_disks(const Node& node, const std::string& reason) const;

  void answered(const Pong& pong, Time now);
  void forgive(Time missed, Time now);
  void check_silence(Time now);
  void check_sinks(Time now);
  void release_due(Time now);
  void advance(Time now);
  void start_round();
  void end_round(Time now);
  bool round_is_due(Time now) const;
  bool start_next_session(Time now);
  void start_session(std::size_t session, Time now);
  void check_stream();
  void confirm_finished();
  bool renew_order();
  void fail_stream(const std::string& why, Time now);

  bool streams(NodeId id) const { return chain_ && !over_ && chain_->order_of(id) != 0; }
  static bool is_member(const Node& node);
  unsigned waiting() const;
  unsigned missing() const;
  bool find_row(NodeId id, Node& node);
  const NodeRow* row_at(const Endpoint& data) const;
  std::optional<std::size_t> known_row(const Node& node) const;
  NodeRow& row(const Node& node) { return rows_[*node.row]; }  ///< of one that has joined once
  void set(Node& node, Phase phase, NodeRow::State state, const std::string& stage);
  std::string name(const Node& node) const;

  JobRules rules_;
  JobOutput& output_;
  std::map<NodeId, Node> nodes_;
  std::vector<NodeRow> rows_;
  std::unique_ptr<Chain> chain_;
  std::size_t session_ = 0;  ///< of chain_
  std::string packing_;
  bool over_ = false;              ///< all members of chain_ have received all of it
  unsigned at_work_ = 0;           ///< members of the running stream that have not finished
  unsigned finished_members_ = 0;  ///< those that have, with the right digest
  bool newly_finished_ = false;
  unsigned order_seen_ = 0;  ///< Chain::order_changes() as in the rows
  unsigned round_ = 0;
  bool in_round_ = false;
  bool go_ = false;
  bool source_failed_ = false;
  bool finished_ = false;
  std::optional<Time> first_wait_;  ///< since when somebody waits
  Time last_wait_{0};               ///< when the last one began to wait
  Time round_ended_{0};
  Time last_release_{Time::min() / 2};
  Time last_ping_{0};
  Time slowest_answer_{0};  ///< to a ping, lately
  std::optional<Time> last_tick_;
  Time resumed_{0};  ///< when this server last went on after a time in which it did not run
  bool asking_operator_ = false;
  Time last_ready_{0};
  Time now_{0};
};

}  // namespace ka::wire
