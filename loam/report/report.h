// The report page: everything a path made, on one page that needs no network, and the same in Markdown.
//
//   write_report({"runs/quickstart"}, "runs/quickstart", progress);   // report.html, report.md
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "loam/base/progress.h"
#include "loam/report/document.h"
#include "loam/report/path_data.h"

namespace loam {

struct ReportOptions {
  /// Dollars an hour of this machine, for the cost column; a price of a small rented machine if absent.
  std::optional<double> price_per_hour;
};

struct ReportPaths {
  std::filesystem::path html, markdown;
};

/// Gathers the folders (gather_path) and writes report.html and report.md into `out`. Throws Error{input, io}.
ReportPaths write_report(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& out, Progress& progress,
                         const ReportOptions& options = {});

ReportPage build_report(const PathData& path, const ReportOptions& options);

// One function per subject; each returns no blocks if the path holds nothing of it.
DocSection overview_section(const PathData& path);
DocSection sources_section(const PathData& path);
/// Of a corpus: lengths, languages, texts that stayed beside texts that went. Reads three of its parts at most.
std::vector<Block> corpus_blocks(const MadeArtifact& made);
DocSection training_section(const PathData& path);
DocSection classifier_section(const MadeArtifact& made);
std::vector<DocSection> tuning_sections(const PathData& path);
DocSection scaling_section(const PathData& path);
DocSection scores_section(const PathData& path);
DocSection cost_section(const PathData& path, const ReportOptions& options);
DocSection lineage_section(const PathData& path);

}  // namespace loam
