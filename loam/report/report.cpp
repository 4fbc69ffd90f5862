#include "loam/report/report.h"

#include <fmt/format.h>

#include "loam/base/files.h"
#include "loam/base/version.h"

namespace loam {

ReportPage build_report(const PathData& path, const ReportOptions& options) {
  ReportPage document;
  document.title = path.title;
  document.about = path.about;
  std::vector<DocSection> sections = {overview_section(path), sources_section(path), training_section(path)};
  for (DocSection& section : tuning_sections(path)) sections.push_back(std::move(section));
  sections.push_back(scaling_section(path));
  sections.push_back(scores_section(path));
  sections.push_back(cost_section(path, options));
  sections.push_back(lineage_section(path));
  for (DocSection& section : sections) {
    if (!section.blocks.empty()) document.sections.push_back(std::move(section));
  }
  document.footer = fmt::format("Made {} by loam {} ({}). The page holds all it shows: it asks the network for nothing and runs no script.", iso_time_now(), version(), commit());
  return document;
}

ReportPaths write_report(const std::vector<fs::path>& folders, const fs::path& out, Progress& progress, const ReportOptions& options) {
  const PathData path = gather_path(folders);
  const ReportPage document = build_report(path, options);
  make_folder(out);
  const ReportPaths written = {out / "report.html", out / "report.md"};
  write_file(written.html, to_html(document));
  write_file(written.markdown, to_markdown(document));
  progress.note(fmt::format("report: {} and {}", written.html.string(), written.markdown.string()));
  return written;
}

}  // namespace loam
