// Info files: nodes without what is for the reader program.
#include "loam/formats/info.h"

#include <gtest/gtest.h>

namespace loam {
namespace {

using namespace std::string_literals;

const std::string kManual =
    "This is mill.info, produced by makeinfo version 6.8 from\nmill.texi.\n\n   Copyright (C) 2026 nobody.\n"
    "INFO-DIR-SECTION Machines\nSTART-INFO-DIR-ENTRY\n* Mill: (mill).   How to grind.\nEND-INFO-DIR-ENTRY\n\n"
    "\x1f\nFile: mill.info,  Node: Top,  Next: Stones,  Up: (dir)\n\nThe Mill\n********\n\nIt grinds.\n\n* Menu:\n\n* Stones::      Two of them.\n* Index::\n\n"
    "\x1f\nFile: mill.info,  Node: Stones,  Prev: Top,  Up: Top\n\n1 Stones\n========\n\n   Take two (*note Choosing\nstones::) and no more.  *Note The quarry: Quarries, too.\n\n"
    "     grind --all  # 5 * 3\n\n   * an item\n\n"
    "\x1f\nTag Table:\nNode: Top\x7f" "312\nNode: Stones\x7f" "500\n\x1f\nEnd Tag Table\n\n\x1f\nLocal Variables:\ncoding: utf-8\nEnd:\n";

TEST(Info, NodesWithoutHeadersMenusAndTables) {
  EXPECT_EQ(info_text(kManual),
            "   Copyright (C) 2026 nobody.\n"
            "\nThe Mill\n\nIt grinds.\n"
            "\n1 Stones\n\n   Take two (see Choosing\nstones) and no more.  See The quarry, too.\n\n     grind --all  # 5 * 3\n\n   * an item\n");
}

TEST(Info, IsToldByItsNodes) {
  EXPECT_TRUE(looks_like_info(kManual));
  EXPECT_TRUE(looks_like_info("This is x.info\n\x1f\nIndirect:\nx.info-1: 200\n"));
  EXPECT_FALSE(looks_like_info("File: mill.info,  Node: Top\n"));
  EXPECT_FALSE(looks_like_info("a \x1f\nFile: mill.info,  Node: Top\n"));
  EXPECT_FALSE(looks_like_info("\x1f\nsomething else\n"));
  EXPECT_FALSE(looks_like_info("\x1f"));
}

TEST(Info, PicturesGoAndStarsStay) {
  EXPECT_EQ(info_text("\x1f\nFile: a, Node: b\n\nBefore \0\b[image src=\"x.png\" text=\"y\"\0\b] after, 2 * 3, *notes: none, *note .\n"s),
            "Before  after, 2 * 3, *notes: none, *note .\n");
  EXPECT_EQ(info_text("\0\b[image never ends"s), "");
  EXPECT_EQ(info_text(""), "");
}

TEST(Info, HostileStarsTakeLinearTime) {
  std::string stars;
  for (int i = 0; i < 300000; ++i) stars += "*note ";
  EXPECT_EQ(info_text(stars), stars + "\n");
}

}  // namespace
}  // namespace loam
