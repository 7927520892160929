#pragma once
/// A failure in the words of the program that met it ("Cannot unlink: Read-only file system"), and which disk it was.

#include <exception>
#include <memory>
#include <string>
#include <vector>

#include "agent/clone/work.h"
#include "agent/machine/sink.h"

namespace ka::agent {

/// What the kernel says of the disks that were written to.
std::vector<std::string> kernel_words(Work& work);

/// The same failure, with what the kernel says and which disk is gone, where that can be told.
std::exception_ptr with_what_is_known(Work& work, std::exception_ptr failure);

/// A sink whose failures are explained so: the server is told of them by the link, before anybody else hears of them.
/// `work` must outlive it.
std::unique_ptr<Sink> explained(Work& work, std::unique_ptr<Sink> sink);

}  // namespace ka::agent
