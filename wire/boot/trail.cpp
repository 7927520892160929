#include "wire/boot/trail.h"

#include <algorithm>

#include "base/text.h"

namespace ka::boot {

std::string Link::text() const {
  const std::string link = (where.empty() ? "" : printable(where) + ": ") + printable(what);
  switch (state) {
    case State::found: return link + ": found" + (why.empty() ? "" : ", " + printable(why));
    case State::missing: return link + ": " + printable(why);
    case State::not_understood: return link + ": not understood: " + printable(why);
  }
  return link;
}

bool Trail::boots() const { return !kernel.empty() && fault().empty(); }

std::string Trail::fault() const {
  auto broken = [](const Link& link) { return link.needed && link.state != State::found; };
  auto found = std::find_if(links.begin(), links.end(), broken);
  if (found != links.end()) return found->text();
  if (!kernel.empty()) return "";
  return (links.empty() ? "" : links.back().where + ": ") + "it leads to no kernel";
}

std::string Trail::summary() const {
  std::string text = "\"" + printable(title) + "\", " + printable(kernel);
  for (const std::string& initrd : initrds) text += ", " + printable(initrd);
  return text + (root.empty() ? "" : ", root " + root);
}

void Trail::found(const std::string& where, const std::string& what, const std::string& leads_to) {
  links.push_back({where, what, State::found, leads_to, true});
}
void Trail::fail(const std::string& where, const std::string& what, State state, const std::string& why) {
  links.push_back({where, what, state, why, true});
}
void Trail::doubt(const std::string& where, const std::string& what, State state, const std::string& why) {
  constexpr std::size_t most = 200;  // a script may go on and on
  if (links.size() < most) links.push_back({where, what, state, why, false});
}

}  // namespace ka::boot
