#pragma once
/// What the screen of a machine that failed shows, for whoever walks along a rack of them: its name, hardware address
/// and serial number in large letters, and the reason. Also its network card blinks, if it can.
///
/// For screens only. On a serial line large letters would be a nuisance: they take two seconds at 9600 baud and a page
/// of a terminal server's log, the letters that were read there go on where they stood, and which machine it is the
/// line itself says.

#include <string>
#include <string_view>
#include <vector>

namespace ka::agent {

struct FailedMachine {
  std::string name;              ///< host name, else its address; empty: it has none yet
  std::string hardware_address;  ///< empty: it has no network card
  std::string serial_number;     ///< empty: its firmware tells none
  std::string reason;            ///< a sentence, or several lines
};

/// A serial number that means something, from /sys/class/dmi/id; empty: there is none.
std::string serial_number(const std::string& dmi = "/sys/class/dmi/id");

/// `text` in letters of three by five cells, "#" and blanks, `wide` columns a cell: five lines. A to Z (small ones as
/// capitals), 0 to 9, '-', '.', ':' and blanks; whatever else is a blank.
std::vector<std::string> large_letters(std::string_view text, unsigned wide);

/// The whole screen, control sequences of the Linux console included. It leaves the last three lines free.
std::string failure_screen(const FailedMachine& machine, unsigned columns, unsigned rows);

/// In a child: lets the card blink for so long, or as long as this machine runs if it cannot be told how long. One that
/// cannot is left alone.
void blink(const std::string& interface, unsigned seconds);

}  // namespace ka::agent
