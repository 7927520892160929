#include "wire/greeting.h"

namespace ka::wire {

namespace {

constexpr const char* prologue = "KA control 3";
constexpr const char* one_release = ": use the programs of one release on both sides";
constexpr const char* no_server = "it did not answer as a KA server does";

std::string version_text(std::uint16_t version) { return "version " + std::to_string(version) + " of the protocol"; }

std::string versions(std::uint16_t theirs, const char* mine) {
  return "it speaks " + version_text(theirs) + ", this " + mine + " version " + std::to_string(protocol_version) +
         one_release;
}

Handshake handshake_of(const std::optional<KeyPair>& own, const std::optional<PublicKey>& theirs, Secret ephemeral) {
  const auto side = own ? Handshake::Side::responder : Handshake::Side::initiator;
  return Handshake(Handshake::Pattern::nk, side, prologue, {KeyPair(std::move(ephemeral)), own, theirs});
}

}  // namespace

NodeGreeting::NodeGreeting(std::optional<PublicKey> server, Secret ephemeral) {
  if (!server) return;
  handshake_ = handshake_of(std::nullopt, server, std::move(ephemeral));
  hello_.handshake = handshake_->write();
}

std::optional<Handshake::Ciphers> NodeGreeting::accept(const Message& answer) {
  const auto* refused = std::get_if<Refused>(&answer);
  const auto* welcome = std::get_if<Welcome>(&answer);
  if (!handshake_) {
    if (refused) throw TurnedAway("it refuses: " + refused->reason);
    if (!welcome) throw TurnedAway(no_server);
    if (welcome->version != protocol_version) throw TurnedAway(versions(welcome->version, "program"));
    if (!welcome->handshake.empty()) throw TurnedAway(no_server);
    return std::nullopt;
  }
  // Its words are those of somebody unproven: shown, and nothing else.
  if (refused) throw Unproven("it proves nothing, and says: " + refused->reason);
  if (!welcome) throw Unproven(no_server);
  if (welcome->version != protocol_version) throw Unproven(versions(welcome->version, "program"));
  if (welcome->handshake.empty())
    throw Unproven(
        "it proves no key: it was started with --open, or somebody between here and there cut the proof out");
  try {
    if (!handshake_->read(welcome->handshake).empty()) throw Unproven(no_server);
  } catch (const NotAuthentic&) {
    throw Unproven("it has another key");
  }
  return handshake_->ciphers();
}

Greeted greet(const Message& first, const std::optional<KeyPair>& key, Secret ephemeral) {
  const auto* hello = std::get_if<Hello>(&first);
  if (hello == nullptr) throw NotWelcome("the first message was not a hello");
  if (hello->version != protocol_version) throw NotWelcome(versions(hello->version, "server"));
  Greeted greeted;
  if (!key) {
    if (!hello->handshake.empty())
      throw NotWelcome(
          "this server has no key (--open), and the node wants to see one proven: start ka-server without "
          "--open, or the node without kakey= (ka-client: with --open)");
    return greeted;
  }
  const std::string words = fingerprint(key->public_key());
  if (hello->handshake.empty())
    throw NotWelcome("it knows no key, and only nodes that know " + words +
                     " are served: boot it with kakey= (ka-server pxe-config writes it anew; ka-client: --key), or "
                     "start ka-server with --open");
  Handshake handshake = handshake_of(key, std::nullopt, std::move(ephemeral));
  bool right = false;
  try {
    right = handshake.read(hello->handshake).empty();
  } catch (const NotAuthentic&) {
    right = false;
  }
  if (!right)
    throw NotWelcome("it knows another key than this server's, " + words +
                     ": give it this one (kakey=; ka-server pxe-config writes it anew), or start ka-server with the "
                     "--key that it knows");
  greeted.welcome.handshake = handshake.write();
  greeted.ciphers = handshake.ciphers();
  return greeted;
}

}  // namespace ka::wire
