// The text of a PDF, by Poppler's pdftotext in a process of its own: what a hostile file does there stays there.
//
//   if (!pdf_program().empty()) use(pdf_text(bytes));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace loam {

/// What a file may take in pdftotext before it is ended.
struct PdfLimits {
  int64_t cpu_seconds = 30, wall_seconds = 300;
  int64_t memory_bytes = int64_t{1} << 30;
  int64_t text_bytes = int64_t{32} << 20;
};

/// Whether a file begins as a PDF does: its mark stands within the first KiB.
bool begins_as_pdf(std::string_view head);

/// Where pdftotext is ($PATH is searched once); "" if it is not installed.
const std::string& pdf_program();

/// The file's text as prose: lines of a paragraph joined, words that were divided at a line's end made whole again. Safe on
/// any thread. Throws Error{input} naming the limit or what pdftotext said; Error{resource} if no process can be made.
std::string pdf_text(std::string_view pdf, const PdfLimits& limits = {});

/// pdftotext's lines as paragraphs, an empty line between them.
std::string reflowed(std::string_view lines);

}  // namespace loam
