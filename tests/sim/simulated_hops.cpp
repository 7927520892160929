// The data of a simulation: hops as net/hop_server.cpp serves them, lines that carry so much a second, sinks.

#include <algorithm>
#include <cstring>
#include <memory>

#include "tests/sim/simulation_parts.h"

namespace ka::sim {

namespace {

constexpr std::size_t socket_buffer = 8;  // chunks under way on a hop

}  // namespace

void Simulation::open_hop(Node& node) {
  if (node.in) break_hop(node.in);
  if (!node.stream->goes_on()) fall_back(node);
  auto hop = std::make_shared<Hop>();
  hop->receiver = node.index;
  hop->open = node.stream->hop_open();
  hop->next = {hop->open.offset, 0};
  std::uint16_t port = node.stream->upstream().port;
  hop->upstream = port == server_port ? server : port - first_node_port;
  node.in = hop;
  after(2 * scenario_.latency, [this, hop] { serve(hop->upstream, hop); });
}

// net/hop_server.cpp: the highest epoch wins; one that comes before its stream is known waits.
void Simulation::serve(unsigned upstream, std::shared_ptr<Hop> hop) {
  if (hop->broken) return;
  const Ring* ring = nullptr;
  std::shared_ptr<Hop>* current = nullptr;
  if (upstream == server && (!server_up_ || server_paused_)) {
    early_.push_back(hop);
    return;
  }
  if (upstream == server) {
    if (machine_->chain() && machine_->chain()->stream() == hop->open.stream) ring = &machine_->chain()->ring();
    current = &server_hop_;
  } else {
    Node& node = *nodes_[upstream];
    if (node.cut || nodes_[hop->receiver]->cut) return;  // no answer; connect gives up in the end
    if (!node.running) {
      break_hop(hop);
      return;
    }
    if (node.stream && node.stream->stream() == hop->open.stream) ring = &node.stream->ring();
    current = &node.out;
  }
  if (ring == nullptr) {
    early_.push_back(hop);
    return;
  }
  if ((*current && (*current)->open.epoch > hop->open.epoch) || !ring->can_serve(hop->open.offset)) {
    break_hop(hop);
    return;
  }
  if (*current) break_hop(*current);
  *current = hop;
  hop->served = true;
  hop->free_at = now_;
  feed(hop);
}

void Simulation::feed(std::shared_ptr<Hop> hop) {
  if (hop->broken || hop->end_sent) return;
  const Ring* ring = nullptr;
  const std::optional<ChunkHeader>* end = nullptr;
  const Fault* fault = nullptr;
  if (hop->upstream == server) {
    if (server_paused_) return;
    if (!machine_->chain() || machine_->chain()->stream() != hop->open.stream) return;
    ring = &machine_->chain()->ring();
    end = &machine_->chain()->end_mark();
  } else {
    Node& node = *nodes_[hop->upstream];
    if (node.frozen || !node.stream || node.stream->stream() != hop->open.stream) return;
    ring = &node.stream->ring();
    end = &node.stream->end_mark();
    fault = &node.fault;
  }
  double rate = scenario_.line;
  const Fault& receiver = nodes_[hop->receiver]->fault;
  if (fault && fault->kind == Fault::Kind::slow_link && now_ >= fault->at) rate = std::min(rate, fault->rate);
  if (receiver.kind == Fault::Kind::slow_link && now_ >= receiver.at) rate = std::min(rate, receiver.rate);
  while (hop->under_way.size() < socket_buffer) {
    Hop::Item item;
    std::size_t size = scenario_.pieces == 1 ? chunk_header_size : 0;
    const std::optional<std::uint64_t> back = std::exchange(hop->back, std::nullopt);
    if (back && *back < hop->next.offset) {
      item.mark = back_to(*back);
      hop->next = {*back, 0};
    } else if (!ring->can_serve(hop->next.offset)) {
      const bool lied = nodes_[hop->receiver]->lies || (hop->upstream != server && nodes_[hop->upstream]->lies);
      // One that the server has put out, and that has not heard of it yet, is owed nothing any more.
      const bool put_out = !machine_->chain() || machine_->chain()->order_of(nodes_[hop->receiver]->connection) == 0;
      if (lied || put_out) return break_hop(hop);
      violation("a hop cannot go on: its bytes are gone");
      return;
    } else if ((item.chunk = ring->next(hop->next))) {
      size += item.chunk->header.length;
      const bool strikes = fault && now_ >= fault->at && static_cast<double>(random_() % 1000) < 1000 * fault->share;
      if (strikes && fault->kind == Fault::Kind::corrupts) item.chunk = corrupted(item.chunk);
      if (strikes && fault->kind == Fault::Kind::forges) item.chunk = forged(item.chunk);
    } else if (*end && (*end)->offset == hop->next.offset) {
      item.mark = **end;
      hop->end_sent = true;
    } else {
      return;
    }
    const Time takes(static_cast<Time::rep>(1e6 * static_cast<double>(size) / rate));
    hop->free_at = std::max(hop->free_at + takes, now_ + takes / scenario_.pieces);
    if (hop->upstream != server) nodes_[hop->upstream]->relay_busy += takes;
    item.arrives = hop->free_at + scenario_.latency;
    hop->under_way.push_back(std::move(item));
    after(hop->under_way.back().arrives - now_, [this, hop] { deliver(hop); });
    if (hop->end_sent) return;
  }
}

ChunkPtr Simulation::corrupted(const ChunkPtr& chunk) {
  std::shared_ptr<Chunk> copy = pool_.get();
  copy->header = chunk->header;
  std::memcpy(copy->room.get(), chunk->room.get(), copy->header.length);
  copy->room[random_() % copy->header.length] ^= std::byte{1};
  return copy;
}

// What a member can do that knows all but the server's key: other bytes with the right digest, a seal of its own, a
// seal that says that the stream ends here.
ChunkPtr Simulation::forged(const ChunkPtr& item) {
  std::shared_ptr<Chunk> copy = std::const_pointer_cast<Chunk>(corrupted(item));
  if (item->header.kind == ChunkHeader::Kind::seal) {
    copy->header.last = random_() % 2 == 0;
  } else {
    copy->header.digest = digest_of(hash_of(copy->bytes()));
  }
  return copy;
}

// net/hop_server.cpp
void Simulation::went_back(Node& node, std::uint64_t offset) {
  if (!node.out) return;
  node.out->back = std::min(node.out->back.value_or(offset), offset);
  feed(node.out);
}

void Simulation::fall_back(Node& node) {
  if (!node.stream) return;
  if (const std::optional<std::uint64_t> from = node.stream->fall_back()) went_back(node, *from);
}

void Simulation::deliver(std::shared_ptr<Hop> hop) {
  Node& node = *nodes_[hop->receiver];
  const bool upstream_cut = hop->upstream != server && nodes_[hop->upstream]->cut;
  while (!hop->broken && node.in == hop && node.stream && node.talks() && !upstream_cut && !hop->under_way.empty() &&
         hop->under_way.front().arrives <= now_ && (node.stream->room() || !hop->under_way.front().chunk)) {
    Hop::Item item = std::move(hop->under_way.front());
    hop->under_way.pop_front();
    try {
      if (item.chunk && item.chunk->header.kind == ChunkHeader::Kind::seal) {
        node.stream->take_seal(item.chunk);
      } else if (item.chunk) {
        node.stream->take(item.chunk);
      } else if (item.mark.kind == ChunkHeader::Kind::back) {
        node.stream->take_back(item.mark.offset);
        went_back(node, item.mark.offset);
      } else {
        node.stream->take_end(item.mark);
      }
    } catch (const ProtocolError& error) {
      const bool forged = dynamic_cast<const Forged*>(&error) != nullptr;
      const std::uint64_t held = node.stream->ring().end();
      if (forged) fall_back(node);
      to_server(node, UpstreamLost{hop->open.stream, hop->open.epoch, held, forged, error.what()});
      break_hop(hop);
      return;
    }
    if (node.stream->whole() || node.stream->position().received - node.reported >= scenario_.window / 8)
      tell_position(node);
    if (node.out) feed(node.out);
    feed_sink(node);
    if (hop->broken || !node.stream) return;
  }
  feed(hop);
}

// The connection breaks; the receiver notices unless it broke it itself.
void Simulation::break_hop(std::shared_ptr<Hop> hop) {
  if (hop->broken) return;
  hop->broken = true;
  after(scenario_.latency, [this, hop] {
    Node& node = *nodes_[hop->receiver];
    if (node.in != hop || !node.stream || node.stream->whole() || node.stream->epoch() != hop->open.epoch) return;
    if (node.frozen) {  // it will notice when it wakes up
      node.unheard.emplace_back(0, Message{});
      hop->broken = false;
      after(report_every, [this, hop] { break_hop(hop); });
      return;
    }
    to_server(node, UpstreamLost{hop->open.stream, hop->open.epoch, node.stream->ring().end(), false,
                                 "the connection broke"});
  });
}

void Simulation::feed_sink(Node& node) {
  if (!node.stream || node.sink_works || !node.talks()) return;
  const Fault& fault = node.fault;
  if (fault.kind == Fault::Kind::sink_hangs && now_ >= fault.at) return;
  if (node.stream->all_sunk()) {
    finish_sink(node);
    return;
  }
  ChunkPtr chunk = node.stream->for_sink();
  if (!chunk) return;
  if (fault.kind == Fault::Kind::sink_fails && now_ >= fault.at) {
    to_server(node, Failed{"the simulated sink failed"});
    fail(node, "its sink failed");
    return;
  }
  double rate = scenario_.line * 3;
  if (fault.kind == Fault::Kind::slow_sink && now_ >= fault.at) rate = fault.rate;
  Time busy(static_cast<Time::rep>(1e6 * chunk->header.length / rate));
  node.sink_works = true;
  after(busy, [this, &node, chunk, busy, life = node.life] {
    if (node.life != life || !node.stream) return;
    node.sink_works = false;
    if (chunk->header.offset != node.checked || !check_bytes(*chunk, node.session)) violation("a sink got wrong bytes");
    node.checked = chunk->end();
    node.stream->sunk(*chunk, busy);
    if (node.in) deliver(node.in);
    feed_sink(node);
  });
}

// It flushes, and some hear nothing meanwhile.
void Simulation::finish_sink(Node& node) {
  if (node.finished || node.closing) return;
  if (node.fault.kind == Fault::Kind::deaf_at_end && now_ >= node.fault.at) {
    node.fault.at = Time::max();  // once
    node.closing = node.frozen = true;
    after(node.fault.lasts, [this, &node, life = node.life] {
      if (node.life != life || !node.stream) return;
      node.closing = false;
      // It may say so before it reads what came in the meantime.
      node.finished = true;
      ++node.times_finished;
      to_server(node,
                Finished{node.stream->stream(), node.stream->end_mark()->offset, node.stream->end_mark()->digest});
      thaw(node);
    });
    return;
  }
  node.finished = true;
  ++node.times_finished;
  to_server(node, Finished{node.stream->stream(), node.stream->end_mark()->offset, node.stream->end_mark()->digest});
}

bool Simulation::check_bytes(const Chunk& chunk, std::size_t session) const {
  for (std::uint64_t i = 0; i < chunk.header.length; i += 8) {
    std::uint64_t word = word_at(scenario_.seed + session, chunk.header.offset + i);
    if (std::memcmp(chunk.room.get() + i, &word, std::min<std::size_t>(8, chunk.header.length - i)) != 0) return false;
  }
  return true;
}

}  // namespace ka::sim
