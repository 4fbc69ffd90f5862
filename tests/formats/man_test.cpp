// Manual pages and POD as text.
#include "loam/formats/man.h"

#include <gtest/gtest.h>

#include "loam/formats/pod.h"

namespace loam {
namespace {

TEST(Man, ManMacros) {
  const std::string page =
      ".\\\" a comment\n.TH THING 1 \"2020\"\n.de Xx\njunk\n..\n.SH NAME\nthing \\- does \\fBx\\fR \\(aqwell\\(aq\n.SH SYNOPSIS\n.B thing\n.RI [ file ]\n.PP\nFirst line\nsecond line.\n"
      ".TP\n.BR \\-v \", \" \\-\\-verbose\nSays more.\n.IP \"term\" 4\nIts meaning.\n.IP \\(bu 2\nitem\n.nf\n  code  here\n  more\n.fi\nEnd\\&.\n";
  EXPECT_EQ(man_text(page),
            "NAME\n\nthing - does x 'well'\n\nSYNOPSIS\n\nthing [file]\n\nFirst line second line.\n\n-v, --verbose\nSays more.\n\nterm\nIts meaning.\n\n- item\n\n  code  here\n  more\n\nEnd.");
  EXPECT_TRUE(looks_like_man(page));
  EXPECT_FALSE(looks_like_man(".hidden\ntext"));
  EXPECT_FALSE(looks_like_man("A text\n.TH no\n"));
}

TEST(Man, MdocMacros) {
  EXPECT_EQ(man_text(".Dd January 1\n.Dt LS 1\n.Sh NAME\n.Nm ls\n.Nd list files\n.Sh SYNOPSIS\n.Nm\n.Op Fl l Ar file ...\n.Sh X\n.Bl -tag\n.It Fl a\nAll of them, see\n.Xr cat 1 .\n.El\n"),
            "NAME\n\nls \u2014 list files\n\nSYNOPSIS\n\nls -l file ...\n\nX\n\n-a\nAll of them, see cat 1.");
}

TEST(Man, BrokenEscapesEnd) {
  for (const char* odd : {"\\", "\\f", "\\f(", "\\f[", "\\h'", "\\(", "\\[u", "\\[uZZZZ]", "\\s", "\\*", ".", "'", ".TP", ".IP \"", ".B \"a\"\"", ".de", "\\N'9", ".SH"}) {
    man_text(std::string(odd));
    man_text(std::string("text ") + odd + "\n" + odd);
  }
}

TEST(Pod, CommandsAndCodes) {
  EXPECT_EQ(pod_text("code();\n\n=head1 NAME I<x>\n\nB<bold> C<< a > b >> L<text|page/x> E<lt>E<233> X<index>end\nnext line\n\n    verbatim  B<x>\n\n=over 4\n\n=item * one\n\n=item B<two>\n\nmeaning\n\n=back\n\n"
                     "=begin html\n\n<p>no\n\n=end html\n\n=cut\n\nmore_code();\n"),
            "NAME x\n\nbold a > b text <\u00E9 end\nnext line\n\n    verbatim  B<x>\n\n- one\n\ntwo\n\nmeaning");
  for (const char* odd : {"=", "=head1", "=pod\n\nB<", "=pod\n\nB<<< x >>", "=pod\n\nE<>E<99999999999>", "=end\n\n=end\n\nx"}) pod_text(odd);
}

TEST(Man, PagesThatBeginWithEmptyLinesOrComments) {
  EXPECT_TRUE(looks_like_man("\n.TH GCLOUD 1\n.SH NAME\n"));
  EXPECT_TRUE(looks_like_man("\\\"Copied from zmore.1\n\\\"for Debian\n.TH BZDIFF 1\n"));
  EXPECT_FALSE(looks_like_man("\\\"no line end"));
  EXPECT_FALSE(looks_like_man("\n\n"));
  EXPECT_FALSE(looks_like_man("Text.\n.TH X 1\n"));
}

}  // namespace
}  // namespace loam
