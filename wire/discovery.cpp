#include "wire/discovery.h"

#include <algorithm>
#include <cctype>

namespace ka::wire {

namespace {

enum Kind : std::uint8_t { query_kind = 1, answer_kind = 2 };

void write_start(Writer& writer, Kind kind, std::uint64_t token) {
  writer(discovery_magic);
  writer(static_cast<std::uint8_t>(kind));
  writer(token);
}

void read_start(Reader& reader, Kind kind, std::uint64_t& token) {
  std::uint32_t magic = 0;
  std::uint8_t found = 0;
  reader(magic);
  if (magic != discovery_magic) throw ProtocolError("not a discovery packet of this protocol");
  reader(found);
  if (found != kind) throw ProtocolError("a discovery packet of another kind");
  reader(token);
}

void read_session(Reader& reader, std::string& session) {
  reader(session);
  reader.finish();
  if (!is_session_name(session)) throw ProtocolError("a discovery packet without a valid session name");
}

}  // namespace

std::string encode(const DiscoveryQuery& query) {
  std::string packet;
  Writer writer(packet);
  write_start(writer, query_kind, query.token);
  writer(std::string_view(query.session));
  return packet;
}

std::string encode(const DiscoveryAnswer& answer) {
  std::string packet;
  Writer writer(packet);
  write_start(writer, answer_kind, answer.token);
  writer(answer.server);
  writer(answer.control_port);
  writer(std::string_view(answer.session));
  return packet;
}

DiscoveryQuery parse_discovery_query(std::string_view packet) {
  Reader reader(packet);
  DiscoveryQuery query;
  read_start(reader, query_kind, query.token);
  read_session(reader, query.session);
  return query;
}

DiscoveryAnswer parse_discovery_answer(std::string_view packet) {
  Reader reader(packet);
  DiscoveryAnswer answer;
  read_start(reader, answer_kind, answer.token);
  reader(answer.server);
  reader(answer.control_port);
  if (answer.control_port == 0) throw ProtocolError("a discovery answer with port 0");
  read_session(reader, answer.session);
  return answer;
}

bool is_session_name(std::string_view name) {
  auto allowed = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= longest_session_name && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace ka::wire
