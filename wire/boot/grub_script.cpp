#include "wire/boot/grub_script.h"

#include <algorithm>

#include "base/error.h"

namespace ka::boot {

namespace {

constexpr int deepest = 32;

bool is_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

struct Token {
  enum Kind { word, end_of_command, end_of_text } kind = end_of_text;
  std::size_t line = 0;
  GrubWord value;
  std::string bare;  // of a word without quotes and variables: it may be a keyword
};

class Lexer {
 public:
  Lexer(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Token next() {
    skip_blanks();
    Token token;
    token.line = line_;
    if (at_ >= text_.size()) return token;
    if (text_[at_] == '\n' || text_[at_] == ';') {
      token.kind = Token::end_of_command;
      if (text_[at_++] == '\n') ++line_;
      return token;
    }
    token.kind = Token::word;
    bool bare = true;
    while (at_ < text_.size() && !ends_word(text_[at_])) bare = take_part(token.value) && bare;
    if (bare) token.bare = token.value.plain();
    return token;
  }

  [[noreturn]] void fail(std::size_t line, const std::string& why) const {
    throw Error("read " + name_ + ":" + std::to_string(line), why);
  }

 private:
  static bool ends_word(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';'; }

  bool continues() const { return text_[at_] == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n'; }

  void skip_blanks() {
    while (at_ < text_.size()) {
      if (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r') {
        ++at_;
      } else if (continues()) {
        at_ += 2;
        ++line_;
      } else if (text_[at_] == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  static void add(GrubWord& word, char c) {
    if (word.parts.empty() || word.parts.back().kind != GrubWord::Part::text) word.parts.emplace_back();
    word.parts.back().value += c;
  }

  // One character or quoted piece; false if quotes or a variable were met.
  bool take_part(GrubWord& word) {
    const char c = text_[at_];
    if (continues()) {
      at_ += 2;
      ++line_;
      return true;
    }
    if (c == '\\' && at_ + 1 < text_.size()) {
      add(word, text_[at_ + 1]);
      at_ += 2;
      return false;
    }
    if (c == '\'' || c == '"') {
      take_quoted(word, c);
      return false;
    }
    if (c == '$' && at_ + 1 < text_.size() && text_[at_ + 1] == '"') {  // to be translated
      ++at_;
      return false;
    }
    if (c == '$' && take_variable(word, false)) return false;
    add(word, c);
    ++at_;
    return true;
  }

  void take_quoted(GrubWord& word, char quote) {
    const std::size_t begin = line_;
    if (word.parts.empty()) word.parts.emplace_back();  // "" is a word, too
    for (++at_; at_ < text_.size() && text_[at_] != quote;) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (quote == '"' && c == '\\' && at_ + 1 < text_.size() &&
          std::string_view("$\"\\\n").find(text_[at_ + 1]) != std::string_view::npos) {
        if (text_[at_ + 1] == '\n')
          ++line_;
        else
          add(word, text_[at_ + 1]);
        at_ += 2;
        continue;
      }
      if (quote == '"' && c == '$' && take_variable(word, true)) continue;
      add(word, c);
      ++at_;
    }
    if (at_ >= text_.size()) fail(begin, "a quote is not closed");
    ++at_;
  }

  // $name, ${name}, $1, $?, $@; false: a dollar of its own.
  bool take_variable(GrubWord& word, bool quoted) {
    std::size_t begin = at_ + 1, end = begin;
    if (begin >= text_.size()) return false;
    std::size_t after = 0;
    if (text_[begin] == '{') {
      ++begin;
      end = text_.find_first_of("}\n", begin);
      if (end == std::string_view::npos || text_[end] != '}') return false;
      after = end + 1;
    } else if (std::string_view("?@*#").find(text_[begin]) != std::string_view::npos) {
      after = end = begin + 1;
    } else {
      while (end < text_.size() && is_name(text_[end])) ++end;
      after = end;
    }
    if (end == begin) return false;
    word.parts.push_back({GrubWord::Part::variable, std::string(text_.substr(begin, end - begin)), quoted});
    at_ = after;
    return true;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0, line_ = 1;
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : lexer_(text, name) { take(); }

  GrubCommands all() {
    GrubCommands commands = until({}, 0);
    if (token_.kind != Token::end_of_text) lexer_.fail(token_.line, "\"" + token_.bare + "\" without its beginning");
    return commands;
  }

 private:
  void take() { token_ = lexer_.next(); }
  bool is(std::string_view keyword) const { return token_.kind == Token::word && token_.bare == keyword; }
  bool is_one_of(const std::vector<std::string_view>& keywords) const {
    return std::any_of(keywords.begin(), keywords.end(), [this](std::string_view keyword) { return is(keyword); });
  }

  void expect(std::string_view keyword, std::size_t since) {
    if (!is(keyword)) lexer_.fail(since, "\"" + std::string(keyword) + "\" is missing");
    take();
  }

  // Commands up to one of these words, or a word that ends another construct.
  GrubCommands until(const std::vector<std::string_view>& ends, int depth) {
    if (depth > deepest) lexer_.fail(token_.line, "it is nested too deeply");
    GrubCommands commands;
    while (token_.kind != Token::end_of_text) {
      if (token_.kind == Token::end_of_command) {
        take();
      } else if (is_one_of(ends) || is_one_of({"then", "elif", "else", "fi", "do", "done", "}"})) {
        break;
      } else {
        commands.push_back(command(depth));
      }
    }
    return commands;
  }

  GrubCommand command(int depth) {
    GrubCommand made;
    made.line = token_.line;
    if (is("if")) {
      choice(made, depth);
    } else if (is("while") || is("until")) {
      made.kind = GrubCommand::loop;
      take();
      until({"do"}, depth + 1);
      body(made, depth);
    } else if (is("for")) {
      made.kind = GrubCommand::each;
      take();
      words(made, depth, false);
      skip_ends();
      body(made, depth);
    } else if (is("function")) {
      made.kind = GrubCommand::function;
      take();
      words(made, depth, true);
    } else {
      words(made, depth, true);
    }
    return made;
  }

  void skip_ends() {
    while (token_.kind == Token::end_of_command) take();
  }

  void choice(GrubCommand& made, int depth) {
    made.kind = GrubCommand::choice;
    do {
      take();  // if, elif
      GrubCommand::Branch branch;
      branch.condition = until({"then"}, depth + 1);
      expect("then", made.line);
      branch.then = until({"elif", "else", "fi"}, depth + 1);
      made.branches.push_back(std::move(branch));
    } while (is("elif"));
    if (is("else")) {
      take();
      GrubCommand::Branch branch;
      branch.then = until({"fi"}, depth + 1);
      made.branches.push_back(std::move(branch));
    }
    expect("fi", made.line);
  }

  void body(GrubCommand& made, int depth) {
    expect("do", made.line);
    made.has_block = true;
    made.block = std::make_shared<GrubCommands>(until({"done"}, depth + 1));
    expect("done", made.line);
  }

  void words(GrubCommand& made, int depth, bool block_follows) {
    while (token_.kind == Token::word) {
      if (block_follows && is("{")) {
        take();
        made.has_block = true;
        made.block = std::make_shared<GrubCommands>(until({"}"}, depth + 1));
        expect("}", made.line);
        return;
      }
      if (is("}")) return;
      made.words.push_back(std::move(token_.value));
      take();
    }
    // A function's block may begin on a line of its own.
    if (made.kind != GrubCommand::function) return;
    skip_ends();
    if (is("{")) words(made, depth, true);
  }

  Lexer lexer_;
  Token token_;
};

}  // namespace

std::string GrubWord::plain() const {
  std::string text;
  for (const Part& part : parts) {
    if (part.kind == Part::variable) return "";
    text += part.value;
  }
  return text;
}

GrubCommands parse_grub_script(std::string_view text, const std::string& name) { return Parser(text, name).all(); }

}  // namespace ka::boot
