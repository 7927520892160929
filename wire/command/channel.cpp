#include "wire/command/channel.h"

#include <algorithm>

#include "wire/trust/sodium.h"

namespace ka::wire::command {

namespace {

std::string_view text_of(const PublicKey& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

std::string hint_of(std::string_view ephemeral, const PublicKey& key) {
  std::string meant(prologue);
  meant += ephemeral;
  meant += text_of(key);
  std::string hash(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(octets(hash), octets(meant), meant.size());
  return hash.substr(0, hint_size);
}

Handshake handshake_of_caller(const KeyPair& key, KeyPair ephemeral) {
  Handshake::Keys keys{std::move(ephemeral), key, {}};
  return {Handshake::Pattern::kn, Handshake::Side::initiator, prologue, std::move(keys)};
}

// As far as it has come.
bool begins_with(std::string_view bytes, std::string_view wanted) {
  return bytes.substr(0, wanted.size()) == wanted.substr(0, bytes.size());
}

}  // namespace

std::optional<Message> Frames::take(std::string& pending) {
  constexpr std::size_t head = 2;
  if (pending.size() < head) return std::nullopt;
  std::uint16_t length = 0;
  Reader(std::string_view(pending).substr(0, head))(length);
  if (length <= Cipher::overhead || length > longest_message + Cipher::overhead)
    throw ProtocolError("a frame of " + std::to_string(length) + " bytes");
  if (pending.size() < head + length) return std::nullopt;
  const std::string plain = ciphers_.in.decrypt(std::string_view(pending).substr(head, length));
  pending.erase(0, head + length);
  return decode(plain);
}

std::string Frames::encode(const Message& message) {
  const std::string sealed = ciphers_.out.encrypt(command::encode(message));
  std::string out;
  Writer writer(out);
  writer(static_cast<std::uint16_t>(sealed.size()));
  return out + sealed;
}

Call::Call(const KeyPair& key, KeyPair ephemeral) : handshake_(handshake_of_caller(key, std::move(ephemeral))) {
  const std::string first = handshake_.write();
  opening_ = std::string(magic) + static_cast<char>(version) + hint_of(first, key.public_key()) + first;
}

bool Call::is_open() {
  if (frames_) return true;
  if (!begins_with(pending_, magic))
    throw NoKeys("it was given no key (no kakey= on its kernel command line), and takes commands from nobody");
  if (pending_.size() < answer_size) return false;
  try {
    handshake_.read(std::string_view(pending_).substr(magic.size(), answer_size - magic.size()));
  } catch (const NotAuthentic&) {
    throw NotAuthentic("it does not know this key (its kernel command line names the keys that it knows, kakey=)");
  }
  pending_.erase(0, answer_size);
  frames_.emplace(handshake_.ciphers());
  return true;
}

Visit::Visit(std::vector<PublicKey> keys, const PublicKey& nobody, KeyPair ephemeral)
    : keys_(std::move(keys)), nobody_(nobody), ephemeral_(std::move(ephemeral)) {}

std::string Visit::answer() {
  if (frames_) return "";
  const std::string start = std::string(magic) + static_cast<char>(version);
  if (!begins_with(pending_, start)) throw ProtocolError("no opening of an operator of version 1");
  if (pending_.size() < opening_size) return "";
  const std::string_view opening = std::string_view(pending_).substr(start.size(), opening_size - start.size());
  const std::string_view hint = opening.substr(0, hint_size), first = opening.substr(hint_size);
  for (const PublicKey& key : keys_)
    if (hint_of(first, key) == hint) meant_ = key;
  Handshake::Keys keys{ephemeral_, {}, meant_ ? *meant_ : nobody_};
  Handshake handshake(Handshake::Pattern::kn, Handshake::Side::responder, prologue, std::move(keys));
  handshake.read(first);
  std::string answer = std::string(magic) + handshake.write();
  pending_.erase(0, opening_size);
  frames_.emplace(handshake.ciphers());
  return answer;
}

std::optional<Message> Visit::next() {
  if (!frames_) return std::nullopt;
  std::optional<Message> message = frames_->take(pending_);
  if (message) proven_ = meant_;
  return message;
}

}  // namespace ka::wire::command
