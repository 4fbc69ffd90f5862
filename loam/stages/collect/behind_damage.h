// Where reading begins anew in the midst of a file, behind damage: at the next whole record of its kind.
//
//   if (goes_on_behind_damage(kind)) source = from_next_record(kind, source, wiki_head);
#pragma once

#include <string>

#include "loam/formats/bytes.h"
#include "loam/stages/collect/kind.h"

namespace loam {

/// Kinds whose next record is known by itself. A table's cells may hold line ends.
bool goes_on_behind_damage(FileKind kind);

/// `source` from its next record on: a line, a mail, a wiki page; JSON lines as they are, for half a row is none and says
/// so. `wiki_head` is what a dump says before its first page, and comes before the others too.
ReadBytes from_next_record(FileKind kind, ReadBytes source, const std::string& wiki_head);

}  // namespace loam
