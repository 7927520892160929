#include "wire/command/messages.h"

namespace ka::wire::command {

namespace {

template <std::size_t at = 0>
Message of_type(std::uint8_t type) {
  if constexpr (at == std::variant_size_v<Message>) {
    throw ProtocolError("there is no message of type " + std::to_string(type) + " between an operator and a node");
  } else {
    using One = std::variant_alternative_t<at, Message>;
    return One::type == type ? Message(One()) : of_type<at + 1>(type);
  }
}

}  // namespace

std::string encode(const Message& message) {
  std::string out;
  const auto write = [&out](auto one) {
    out += static_cast<char>(one.type);
    Writer writer(out);
    one.each(writer);
  };
  std::visit(write, message);
  return out;
}

Message decode(std::string_view type_and_fields) {
  Reader reader(type_and_fields);
  std::uint8_t type = 0;
  reader(type);
  Message message = of_type(type);
  std::visit([&reader](auto& one) { one.each(reader); }, message);
  reader.finish();
  return message;
}

Exec exec_of(const std::vector<std::string>& words, bool input) {
  Exec exec;
  exec.input = input;
  for (const std::string& word : words) {
    if (word.find('\0') != word.npos) throw Error("run a command", "a word of it holds a zero");
    exec.words += word + '\0';
  }
  if (words.empty()) throw Error("run a command", "there is none");
  if (exec.words.size() > longest_message - 64) throw Error("run a command", "its words are longer than 16 KB");
  return exec;
}

std::vector<std::string> words_of(const Exec& exec) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < exec.words.size();) {
    const std::size_t end = exec.words.find('\0', begin);
    if (end == exec.words.npos) throw ProtocolError("a command ends in the middle of a word");
    words.push_back(exec.words.substr(begin, end - begin));
    begin = end + 1;
  }
  if (words.empty() || words.front().empty()) throw ProtocolError("a command without a name");
  return words;
}

}  // namespace ka::wire::command
