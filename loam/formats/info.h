// GNU Info files, as makeinfo writes them, as text.
#pragma once

#include <string>
#include <string_view>

namespace loam {

/// Whether the beginning of a file is that of an Info file: a node's header stands behind a line with 0x1f alone.
bool looks_like_info(std::string_view head);

/// The nodes of an Info file (Texinfo manual, "Info Format Specification"), one after the other: without their headers, menus,
/// tables of tags and directory entries, lines under headings and pictures; "*note Name::" becomes "see Name". Lines stay as they
/// were filled. `text` has "\n" line ends.
std::string info_text(std::string_view text);

}  // namespace loam
