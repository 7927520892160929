// A member of the chain that has all that a member is given, and hands on something else: of the programs' own parts,
// so that nothing but what it hands on is wrong.
//   ka_forger SERVER KEY SESSION alters|shortens

#include <cstdio>
#include <cstring>

#include "agent/link/hop_reader.h"
#include "net/connect.h"
#include "net/control_connection.h"
#include "net/hop_server.h"
#include "wire/node_stream.h"
#include "wire/ports.h"

namespace {

using namespace ka;
using asio::ip::tcp;
using wire::ChunkHeader;

constexpr std::uint64_t ring = 64u << 20;
constexpr unsigned altered_one_of = 7;  // chunks
constexpr std::uint64_t shortened_to = 1u << 20;

class Forger {
 public:
  Forger(asio::io_context& io, std::shared_ptr<net::ControlConnection> server, bool shortens)
      : io_(io), server_(std::move(server)), shortens_(shortens), hops_(io, asio::ip::address_v4::any(), 0, true) {}

  Awaitable<void> take_part(std::string session) {
    wire::Introduction self;
    self.data_port = hops_.port();
    self.ring = ring;
    self.host_name = "forger";
    server_->send(self);
    server_->send(wire::Join{session});
    for (;;) {
      const wire::Message message = co_await server_->receive();
      if (const auto* ping = std::get_if<wire::Ping>(&message)) {
        server_->send(wire::Pong{ping->token});
      } else if (const auto* start = std::get_if<wire::Start>(&message)) {
        stream_.emplace(*start, ring);
        hops_.attach(start->stream, forged_, end_);
      } else if (const auto* link = std::get_if<wire::Link>(&message)) {
        if (stream_->link(*link)) asio::co_spawn(io_, fetch(), asio::detached);
      }
    }
  }

 private:
  Awaitable<void> fetch() {
    const std::uint32_t epoch = stream_->epoch();
    std::string why;
    try {
      if (const auto from = stream_->fall_back()) {
        forged_.truncate(*from);
        hops_.went_back(*from);
      }
      wire::Endpoint from = stream_->upstream();
      if (from.address == 0) from.address = server_->remote().address;
      tcp::socket socket = co_await net::connect_to(io_, net::from_wire(from), std::chrono::seconds(3));
      const std::string open = wire::encode(stream_->hop_open());
      auto said = asio::buffer(open);
      co_await asio::async_write(socket, said, asio::use_awaitable);
      agent::HopReader reader(socket);
      while (stream_->epoch() == epoch && !stream_->whole()) co_await take_next(reader);
    } catch (const std::exception& error) {
      why = error.what();
    }
    if (stream_->epoch() != epoch || stream_->whole()) co_return;
    wire::UpstreamLost lost{stream_->stream(), epoch, stream_->ring().end(), false, why};
    server_->send(lost);
  }

  Awaitable<void> take_next(agent::HopReader& reader) {
    const ChunkHeader header = co_await reader.header();
    if (header.kind == ChunkHeader::Kind::end) {
      stream_->take_end(header);
      if (!end_) end_ = header;
    } else if (header.kind == ChunkHeader::Kind::back) {
      stream_->take_back(header.offset);
      forged_.truncate(header.offset);
      hops_.went_back(header.offset);
    } else {
      auto chunk = std::make_shared<wire::Chunk>(header.length);
      chunk->header = header;
      std::span<std::byte> room(chunk->room.get(), header.length);
      co_await reader.bytes(room);
      hand_on(*chunk);
      if (header.kind == ChunkHeader::Kind::seal)
        stream_->take_seal(std::move(chunk));
      else
        stream_->take(std::move(chunk));
    }
    hops_.moved();
    while (const wire::ChunkPtr chunk = stream_->for_sink()) stream_->sunk(*chunk, std::chrono::microseconds(1));
    server_->send(stream_->position());
    if (stream_->whole())
      server_->send(wire::Finished{stream_->stream(), stream_->end_mark()->offset, stream_->end_mark()->digest});
  }

  void hand_on(const wire::Chunk& chunk) {
    if (end_) return;
    auto copy = std::make_shared<wire::Chunk>(chunk.header.length);
    copy->header = chunk.header;
    std::memcpy(copy->room.get(), chunk.room.get(), chunk.header.length);
    const bool seal = chunk.header.kind == ChunkHeader::Kind::seal;
    if (!seal && !shortens_ && ++chunks_ % altered_one_of == 0) {
      copy->room[0] ^= std::byte{1};
      copy->header.digest = wire::digest_of(wire::hash_of(copy->bytes()));
    }
    const bool ends = seal && shortens_ && chunk.header.offset >= shortened_to;
    if (ends) copy->header.last = true;
    if (seal) return finish(std::move(copy), ends);
    digest_.add(copy->header);
    forged_.push(std::move(copy));
  }

  void finish(std::shared_ptr<wire::Chunk> seal, bool ends) {
    const std::uint64_t offset = seal->header.offset;
    forged_.push_seal(std::move(seal));
    if (!ends) return;
    end_.emplace();
    end_->kind = ChunkHeader::Kind::end;
    end_->offset = offset;
    end_->digest = digest_.value();
  }

  asio::io_context& io_;
  std::shared_ptr<net::ControlConnection> server_;
  bool shortens_;
  net::HopServer hops_;
  std::optional<wire::NodeStream> stream_;  // what came
  wire::Ring forged_;                       // what is handed on
  wire::StreamDigest digest_;
  std::optional<ChunkHeader> end_;
  unsigned chunks_ = 0;
};

Awaitable<void> forge(asio::io_context& io, std::string address, wire::PublicKey key, std::string session,
                      bool shortens) {
  const tcp::endpoint at(asio::ip::make_address_v4(address), wire::control_port);
  auto server = std::make_shared<net::ControlConnection>(co_await net::connect_to(io, at, std::chrono::seconds(3)));
  co_await server->greet_server(key);
  Forger forger(io, server, shortens);
  try {
    co_await forger.take_part(std::move(session));
  } catch (const Error& error) {
    std::printf("%s\n", error.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<wire::PublicKey> key = argc == 5 ? wire::parse_public_key(argv[2]) : std::nullopt;
  const bool shortens = argc == 5 && std::strcmp(argv[4], "shortens") == 0;
  if (!key || (!shortens && std::strcmp(argv[4], "alters") != 0)) {
    std::fprintf(stderr, "usage: ka_forger SERVER KEY SESSION alters|shortens\n");
    return 2;
  }
  asio::io_context io;
  asio::co_spawn(io, forge(io, argv[1], *key, argv[3], shortens), asio::detached);
  io.run();
}
