#pragma once
/// A server and its nodes in one process: the state machines of wire/ as they are, over a network and a clock that
/// exist only here. Everything follows from the seed, so a run can be had again, event by event.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "wire/job_machine.h"
#include "wire/node_stream.h"

namespace ka::sim {

using wire::Time;

/// What is wrong with a node, and from when on.
struct Fault {
  enum class Kind {
    none,
    killed,
    frozen,
    cut,
    slow_sink,
    slow_link,
    sink_fails,
    corrupts,
    sink_hangs,
    deaf_at_end,
    lies,
    forges
  };

  Kind kind = Kind::none;
  Time at{0};
  Time lasts{0};       ///< frozen, or deaf_at_end while its sink ends: so long
  Time back_after{0};  ///< killed: starts again so much later; 0: never
  double rate = 0;     ///< slow_…: bytes a second
  double share = 0;    ///< corrupts, forges: of the chunks (and seals) it sends
};

struct Scenario {
  std::uint64_t seed = 0;
  unsigned nodes = 1;
  std::uint64_t bytes = 0;
  std::uint32_t chunk = 1024;
  bool sealed = false;
  bool packed = false;  ///< as a stream that zstd packs: the source is held to the line's pace
  unsigned pieces = 1;  ///< chunks that a simulated one stands for: a relay passes each on as it comes
  std::uint64_t window = 64 << 10;
  double line = 1e6;          ///< bytes a second of every link
  Time latency{100};          ///< one way
  std::vector<Fault> faults;  ///< of each node
  std::vector<Time> joins;    ///< when each node comes
  Time start_after{0};
  std::optional<std::uint64_t> source_fails_at;
  std::optional<Time> stopped_at;

  bool clone = false;  ///< stage2, a manifest, the question before the first write, then the bytes, Done
  bool confirm = false;
  Time operator_thinks{0};
  bool operator_says_no = false;
  std::vector<Time> checks_for, works_for;  ///< of each node: before the question, and before Done
  std::optional<Time> server_dies_at;
  bool dies_silently = false;  ///< its power went
  Time server_back_after{0};
  std::optional<Time> server_pauses_at;
  Time pauses_for{0};

  /// Everything at random.
  static Scenario from_seed(std::uint64_t seed, unsigned most_nodes);
  void add_operator_and_server(std::uint64_t seed, std::uint64_t span);
  std::string text() const;
};

struct Outcome {
  std::vector<std::string> violations;    ///< empty: all as it must be
  Time began{0}, last_done{0}, ended{0};  ///< the first stream; the last node that has it all; the job
  std::uint64_t events = 0;
  unsigned rounds = 0, done = 0;
};

class Simulation final : private wire::JobOutput {
 public:
  explicit Simulation(Scenario scenario, bool log = false);
  ~Simulation();
  Outcome run();

 private:
  struct Hop;
  struct Node;
  struct Event {
    Time at;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Event& other) const { return std::tie(at, number) > std::tie(other.at, other.number); }
  };

  // The server.
  void send(wire::NodeId node, const wire::Message& message) override;
  void close(wire::NodeId node) override;
  void event(const std::string& text) override { note("server: " + text); }
  void changed(const wire::NodeRow&) override {}
  std::uint64_t random() override { return random_(); }
  std::optional<wire::StreamKeys> stream_keys() override;
  void stream_started(std::size_t session, unsigned round, unsigned members) override;
  void stream_moved() override;
  void stream_ended(bool whole) override;
  void ask_operator(const std::vector<wire::WriteRequest>& nodes) override;
  void read_source();
  void tick();
  void begin_job();
  void at_server(std::function<void()> what);
  void server_pauses();
  void server_dies();
  void server_starts_again();
  void let_all_end();
  std::uint64_t bytes_of(std::size_t session) const;
  bool is_done_at_server(const Node& node) const;

  // Nodes.
  void join(Node& node);
  void to_server(Node& node, wire::Message message);
  void arrived_at_server(unsigned node, wire::NodeId connection, const wire::Message& message);
  void arrived_at_node(unsigned node, wire::NodeId connection, const wire::Message& message);
  void handle(Node& node, const wire::Message& message);
  void leave_stream(Node& node);
  void session_received(Node& node);
  void begin_anew(Node& node);
  void say_done(Node& node, wire::NodeId connection);
  void ask_to_write(Node& node);
  void may_write(Node& node, std::uint64_t question);
  void lose_server(Node& node);
  void lie(Node& node);
  void finish_sink(Node& node);
  void fail(Node& node, const std::string& why);
  void report(Node& node);
  void tell_position(Node& node);
  void strike(Node& node);
  void kill(Node& node);
  void thaw(Node& node);

  // Data.
  void open_hop(Node& node);
  void serve(unsigned upstream, std::shared_ptr<Hop> hop);
  void feed(std::shared_ptr<Hop> hop);
  void deliver(std::shared_ptr<Hop> hop);
  void break_hop(std::shared_ptr<Hop> hop);
  wire::ChunkPtr corrupted(const wire::ChunkPtr& chunk);
  wire::ChunkPtr forged(const wire::ChunkPtr& item);
  void went_back(Node& node, std::uint64_t offset);
  void fall_back(Node& node);
  void feed_sink(Node& node);
  bool check_bytes(const wire::Chunk& chunk, std::size_t session) const;

  void after(Time delay, std::function<void()> what);
  void note(const std::string& text);
  void violation(const std::string& text);
  void check();
  void check_end();
  void check_all_ended();

  Scenario scenario_;
  bool log_;
  std::mt19937_64 random_;
  Time now_{0};
  std::uint64_t events_ = 0;
  std::priority_queue<Event> queue_;
  Outcome outcome_;

  std::unique_ptr<wire::JobMachine> machine_;
  std::vector<std::string> sessions_;
  bool server_up_ = true, server_paused_ = false;
  std::vector<std::function<void()>> unread_;  ///< what came while the server was paused
  std::size_t session_ = 0;                    ///< that is being read
  /// What the server said to a connection about writing, in the order in which it said it.
  struct Said {
    std::optional<std::uint64_t> asked, yes;
    bool no = false;
  };
  std::map<wire::NodeId, Said> said_;
  std::map<wire::NodeId, unsigned> connections_;
  wire::NodeId last_connection_ = 0;
  wire::ChunkPool pool_;
  std::uint64_t stream_ = 0;  ///< that is being read
  std::uint64_t read_ = 0;    ///< bytes of it
  bool reading_ = false;
  std::shared_ptr<Hop> server_hop_;
  std::vector<std::shared_ptr<Hop>> early_;  ///< opened before their stream was known there
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace ka::sim
