// PDF: text comes out as paragraphs, and a file that is damaged or asks too much is an Error, not a crash.
#include "loam/formats/pdf.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "loam/base/error.h"

namespace loam {
namespace {

/// A page of lines in Helvetica, with a cross-reference table as it should be.
std::string pdf_of(const std::vector<std::string>& lines) {
  std::string page = "BT /F1 10 Tf 14 TL 50 750 Td\n";
  for (const std::string& line : lines) page += line.empty() ? "T* T*\n" : "(" + line + ") Tj T*\n";
  page += "ET";
  const std::vector<std::string> objects = {"<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
      "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
      "<< /Length " + std::to_string(page.size()) + " >>\nstream\n" + page + "\nendstream", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"};
  std::string out = "%PDF-1.4\n", table = "xref\n0 6\n0000000000 65535 f \n";
  for (size_t i = 0; i < objects.size(); ++i) {
    char at[32];
    std::snprintf(at, sizeof at, "%010zu 00000 n \n", out.size());
    table += at;
    out += std::to_string(i + 1) + " 0 obj\n" + objects[i] + "\nendobj\n";
  }
  const size_t start = out.size();
  return out + table + "trailer << /Size 6 /Root 1 0 R >>\nstartxref\n" + std::to_string(start) + "\n%%EOF\n";
}

std::string pdf_refusal(std::string_view pdf, const PdfLimits& limits = {}) {
  try {
    pdf_text(pdf, limits);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "";
}

TEST(Pdf, LinesBecomeParagraphs) {
  EXPECT_EQ(reflowed("A Title\n\nThe quick brown fox jumps over the lazy and com-\nfortable dog, which does not mind at all, as it\nseems.\nEnd.\f"),
            "A Title\n\nThe quick brown fox jumps over the lazy and comfortable dog, which does not mind at all, as it seems.\nEnd.");
  EXPECT_EQ(reflowed("One line that is rather long, as lines of prose are\n- an item\n\n\n\nlast\n\n"), "One line that is rather long, as lines of prose are\n- an item\n\nlast");
  EXPECT_EQ(reflowed(""), "");
}

TEST(Pdf, AFileIsRead) {
  if (pdf_program().empty()) GTEST_SKIP() << "pdftotext is not installed";
  const std::string pdf = pdf_of({"The quick brown fox jumps over the lazy dog, and then it", "goes home."});
  EXPECT_TRUE(begins_as_pdf(pdf));
  EXPECT_EQ(pdf_text(pdf), "The quick brown fox jumps over the lazy dog, and then it goes home.");
}

TEST(Pdf, BadFilesAreRefused) {
  if (pdf_program().empty()) GTEST_SKIP() << "pdftotext is not installed";
  EXPECT_NE(pdf_refusal("%PDF-1.4\nnothing of the kind").find("cannot read it"), std::string::npos);
  const std::string pdf = pdf_of(std::vector<std::string>(50, "word after word after word after word"));
  EXPECT_NE(pdf_refusal(pdf, {.text_bytes = 100}).find("longer than 100 bytes"), std::string::npos);
  EXPECT_NE(pdf_refusal(pdf, {.memory_bytes = 1 << 20}), "");
  for (size_t cut = 9; cut < pdf.size(); cut += 97) {
    try {
      pdf_text(std::string_view(pdf).substr(0, cut));
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
    }
  }
}

}  // namespace
}  // namespace loam
