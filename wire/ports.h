#pragma once
/// The ports and names of the KA method. Each can be changed: on the server by ka.conf or an option, on a
/// node by the kernel command line (discovery) or by what the server tells it (all others).

#include <cstdint>

namespace ka::wire {

inline constexpr std::uint16_t control_port = 30765;  ///< UDP: discovery. TCP: one control connection per node
inline constexpr std::uint16_t data_port = 30764;     ///< TCP: the hops of the chain
inline constexpr std::uint16_t boot_port = 30780;     ///< TCP: boot files by HTTP, with --pxe
inline constexpr std::uint16_t log_port = 12345;      ///< TCP on a node: its log, for whoever connects

inline constexpr const char* stage2_session = "getstage2";     ///< rescue.sqfs
inline constexpr const char* manifest_session = "kainstall1";  ///< the manifest (JSON)
inline constexpr const char* system_session = "kainstall2";    ///< tar of the golden file systems
// Raw partitions follow as kainstall3, kainstall4, …

}  // namespace ka::wire
