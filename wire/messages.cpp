#include "wire/messages.h"

#include <algorithm>
#include <utility>

#include "wire/chunk.h"
#include "wire/discovery.h"

namespace ka::wire {

namespace {

// A peer of another version is told so; the rest of its first message is its own affair.
template <typename Greeting>
bool is_other_version(std::string_view fields, Greeting& greeting) {
  Reader reader(fields);
  if constexpr (std::is_same_v<Greeting, Hello>) {
    reader(greeting.magic);
    if (greeting.magic != hello_magic) throw ProtocolError("this is not a KA node: wrong first bytes");
  }
  reader(greeting.version);
  return greeting.version != protocol_version;
}

// Reasons carry what a program printed; a message must stay short enough for every decoder.
constexpr std::size_t longest_text = 4096;
// What a table shows and a server keeps for as long as it runs.
constexpr std::size_t longest_host_name = 253, longest_hardware_address = 17, longest_stage = 253, longest_token = 128;

class Limited : public Reader {
 public:
  using Reader::Reader;
  using Reader::operator();
  void operator()(std::string& text) {
    Reader::operator()(text);
    if (text.size() > longest_text) throw ProtocolError("a text of " + std::to_string(text.size()) + " bytes");
  }
};

// Bounds that hold for one field only.
template <typename T>
void check(T&) {}

void check(Introduction& node) {
  node.host_name.resize(std::min(node.host_name.size(), longest_host_name));
  node.hardware_address.resize(std::min(node.hardware_address.size(), longest_hardware_address));
  node.token.resize(std::min(node.token.size(), longest_token));
}

void check(Stage& stage) { stage.text.resize(std::min(stage.text.size(), longest_stage)); }

void check(Join& join) {
  if (!is_session_name(join.session)) throw ProtocolError("what it wants to join is no session's name");
}

void check(Start& start) {
  if (!is_session_name(start.session)) throw ProtocolError("what begins is no session's name");
  if (start.chunk < least_chunk || start.chunk > longest_chunk)
    throw ProtocolError("a stream in chunks of " + std::to_string(start.chunk) + " bytes");
}

template <typename T>
bool decode_as(std::uint8_t type, std::string_view fields, std::optional<Message>& result) {
  if (type != T::type) return false;
  T message;
  if constexpr (std::is_same_v<T, Hello> || std::is_same_v<T, Welcome>) {
    if (is_other_version(fields, message)) {
      result = std::move(message);
      return true;
    }
  }
  Limited reader(fields);
  message.each(reader);
  reader.finish();
  check(message);
  result = std::move(message);
  return true;
}

template <std::size_t... I>
void decode_any(std::uint8_t type, std::string_view fields, std::optional<Message>& result, std::index_sequence<I...>) {
  (decode_as<std::variant_alternative_t<I, Message>>(type, fields, result) || ...);
}

class Shortening : public Writer {
 public:
  using Writer::Writer;
  using Writer::operator();
  void operator()(const std::string& text) { Writer::operator()(std::string_view(text).substr(0, longest_text)); }
};

}  // namespace

namespace {

// Type and fields.
std::string body_of(const Message& message) {
  std::string body;
  std::visit(
      [&body](auto copy) {
        Shortening writer(body);
        writer(copy.type);
        copy.each(writer);
      },
      message);
  return body;
}

std::string framed(const std::string& content) {
  std::string frame;
  Writer writer(frame);
  writer(static_cast<std::uint32_t>(content.size()));
  return frame + content;
}

}  // namespace

std::string encode(const Message& message) { return framed(body_of(message)); }

std::string encode(const Message& message, Cipher& cipher) { return framed(cipher.encrypt(body_of(message))); }

Message decode(std::string_view type_and_fields) {
  Reader reader(type_and_fields);
  std::uint8_t type = 0;
  reader(type);
  std::optional<Message> result;
  decode_any(type, type_and_fields.substr(1), result, std::make_index_sequence<std::variant_size_v<Message>>());
  if (!result) throw ProtocolError("there is no message of type " + std::to_string(type));
  return *std::move(result);
}

std::optional<Message> MessageDecoder::next() {
  std::string_view rest = std::string_view(pending_).substr(used_);
  if (rest.size() < 4) return std::nullopt;
  std::uint32_t length = 0;
  Reader(rest.substr(0, 4))(length);
  const std::size_t added = cipher_ ? Cipher::overhead : 0;
  if (length <= added || length > longest_message + added)
    throw ProtocolError("a message of " + std::to_string(length) + " bytes: at most " +
                        std::to_string(longest_message) + " are allowed");
  if (rest.size() < 4 + length) {
    pending_.erase(0, std::exchange(used_, 0));
    return std::nullopt;
  }
  used_ += 4 + length;
  const std::string_view content = rest.substr(4, length);
  return cipher_ ? decode(cipher_->decrypt(content)) : decode(content);
}

}  // namespace ka::wire
