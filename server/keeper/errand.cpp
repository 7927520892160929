#include "server/keeper/errand.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"
#include "base/text.h"

namespace ka::server {

namespace {

constexpr char separator = '\0';
constexpr std::size_t longest_reply = 60u << 10;
constexpr std::size_t longest_name = 255;

struct Form {
  Errand errand;
  std::string_view name;
  bool session;       // is there the number of a session?
  std::size_t words;  // and how many words?
};

constexpr Form forms[] = {
    {Errand::source, "source", true, 0},
    {Errand::pack, "pack", true, 0},
    {Errand::unpack, "unpack", false, 0},
    {Errand::event, "event", false, 2},
    {Errand::store_log, "store-log", false, 1},
    {Errand::dnsmasq, "dnsmasq", false, 1},
    {Errand::boot_file, "boot-file", false, 7},
    {Errand::log_folder, "log-folder", false, 0},
    {Errand::keep_report, "keep-report", false, 0},
    {Errand::keep_warnings, "keep-warnings", false, 0},
    {Errand::stop, "stop", false, 0},
};

constexpr std::string_view replies[] = {"given", "ended", "failed", "refused"};

std::string joined_words(std::string_view name, std::uint64_t id, const std::vector<std::string>& rest) {
  std::string text = std::string(name) + separator + std::to_string(id);
  // What a node says of itself may hold any byte.
  for (std::string word : rest) {
    std::replace(word.begin(), word.end(), separator, ' ');
    text += separator + word;
  }
  return text;
}

std::uint64_t number(std::string_view word) {
  const auto value = parse_unsigned(word);
  if (!value) throw Error("\"" + printable(word) + "\" is no number");
  return *value;
}

// Of an event: it gets into the environment of a program.
bool is_event_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

// As log_name() makes them: of no other folder, and hidden from nobody.
bool is_log_name(std::string_view name) {
  const auto may_be = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
           c == '_';
  };
  return name.size() <= longest_name && name.ends_with(".log") && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), may_be);
}

void check(const Request& request) {
  if (request.errand == Errand::event && !is_event_name(request.words[0]))
    throw Error("\"" + printable(request.words[0]) + "\" is no name of an event");
  if (request.errand == Errand::store_log && !is_log_name(request.words[0]))
    throw Error("\"" + printable(request.words[0]) + "\" is no name of a log");
  if (request.errand == Errand::dnsmasq && request.words[0] != "open" && request.words[0] != "shut")
    throw Error("dnsmasq is run open or shut, and not \"" + printable(request.words[0]) + "\"");
}

}  // namespace

std::string encode(const Request& request) {
  const Form& form = *std::find_if(std::begin(forms), std::end(forms),
                                   [&](const Form& each) { return each.errand == request.errand; });
  std::vector<std::string> rest = request.words;
  if (form.session) rest.insert(rest.begin(), std::to_string(request.session));
  return joined_words(form.name, request.id, rest);
}

Request parse_request(std::string_view datagram) {
  if (datagram.size() > longest_errand) throw Error("it has " + std::to_string(datagram.size()) + " bytes");
  const std::vector<std::string_view> words = split(datagram, separator);
  const auto form =
      std::find_if(std::begin(forms), std::end(forms), [&](const Form& each) { return each.name == words[0]; });
  if (form == std::end(forms))
    throw Error("there is no errand \"" + printable(words[0].substr(0, longest_name)) + "\"");
  const std::size_t before = form->session ? 3 : 2;
  if (words.size() != before + form->words)
    throw Error("\"" + std::string(form->name) + "\" with " + std::to_string(words.size() - 1) + " words");
  Request request;
  request.errand = form->errand;
  request.id = number(words[1]);
  if (form->session) request.session = number(words[2]);
  request.words.assign(words.begin() + static_cast<std::ptrdiff_t>(before), words.end());
  check(request);
  return request;
}

std::string encode(const Reply& reply) {
  std::string text = joined_words(replies[static_cast<std::size_t>(reply.what)], reply.id, reply.words);
  if (text.size() > longest_reply) text.resize(longest_reply);
  return text;
}

Reply parse_reply(std::string_view datagram) {
  const std::vector<std::string_view> words = split(datagram, separator);
  const auto name = std::find(std::begin(replies), std::end(replies), words[0]);
  if (name == std::end(replies) || words.size() < 2) throw Error("what the keeper answers is no answer");
  Reply reply;
  reply.what = static_cast<Reply::What>(name - std::begin(replies));
  reply.id = number(words[1]);
  reply.words.assign(words.begin() + 2, words.end());
  if ((reply.what == Reply::What::failed || reply.what == Reply::What::refused) && reply.words.empty())
    throw Error("what the keeper answers is no answer");
  return reply;
}

}  // namespace ka::server
