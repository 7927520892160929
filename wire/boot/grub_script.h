#pragma once
/// The language of grub.cfg as far as its grammar goes: commands, words, if, for, functions and blocks. What the
/// commands do is grub_config.h's. The GRUB manual, "Writing full configuration files directly", has the grammar.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ka::boot {

struct GrubWord {
  struct Part {
    enum Kind { text, variable } kind = text;
    std::string value;    ///< the text, or the variable's name
    bool quoted = false;  ///< a variable's value is not split into words
  };
  std::vector<Part> parts;

  /// Its text, if it has no variables; "" else.
  std::string plain() const;
};

struct GrubCommand;
using GrubCommands = std::vector<GrubCommand>;

struct GrubCommand {
  enum Kind {
    simple,    ///< words, perhaps with a block behind them: menuentry "…" { … }
    choice,    ///< if: branches; the last one has no condition if there was an else
    each,      ///< for: words are the variable and its values; block
    loop,      ///< while, until: not carried out
    function,  ///< words: its name; block
  };
  struct Branch {
    GrubCommands condition, then;
  };

  Kind kind = simple;
  std::size_t line = 0;
  std::vector<GrubWord> words;
  bool has_block = false;
  std::shared_ptr<GrubCommands> block;
  std::vector<Branch> branches;
};

/// Throws Error "read NAME:LINE: WHY" for what is no such text: a quote or a block without an end, too deep nesting.
GrubCommands parse_grub_script(std::string_view text, const std::string& name);

}  // namespace ka::boot
