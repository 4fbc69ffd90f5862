// What this machine has: its processor, memory now, memory in all, and what this process took.
#pragma once

#include <cstdint>
#include <string>

namespace loam {

/// Bytes that new work can have without swapping: MemAvailable, or what is left of the control group's limit if less.
int64_t available_memory_bytes();
int64_t total_memory_bytes();
/// The most memory this process held at once (VmHWM), since it began or since reset_peak_memory().
int64_t peak_memory_bytes();
/// Bytes of mapped files that are in memory now (RssFile): the system takes them back when it needs the room.
int64_t mapped_file_bytes();
/// Gives freed memory back to the system and counts the peak from here: a stage's own, not that of the one before it.
void reset_peak_memory();

/// From here on large blocks that are freed go back to the system at once, and small ones where they end an arena: for
/// stages that stream, whose peak would else creep up as freed blocks lie between those in use.
void give_back_freed_memory();

/// Gives back the free pages that lie between blocks in use, of every thread's arena: a few milliseconds, and those pages
/// are new ones when they are needed again. For every few dozen MiB of a stream whose small blocks are made on one thread
/// and freed on another.
void give_back_free_pages();

/// The processor as its maker names it ("AMD EPYC 9V74 80-Core Processor"); "" where the system does not say.
std::string processor_name();

}  // namespace loam
