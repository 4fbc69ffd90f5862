#include "loam/train/model_card.h"

#include <gtest/gtest.h>

namespace loam {
namespace {

TEST(ModelCard, SectionsInOrderAndNoneEmpty) {
  ModelCard card{"A model", "text-generation", "It continues texts.", "loam generate FOLDER"};
  card.limits = "Few words.";
  card.data = "| a |\n";
  EXPECT_EQ(card.text(),
            "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- loam\n---\n\n# A model\n\nIt continues texts.\n\n```sh\nloam generate FOLDER\n```\n"
            "\n## Data\n\n| a |\n\n## Limits\n\nFew words.\n\nMade by loam. `manifest.json` leads from here back to the sources, hash by hash.\n");
}

TEST(ModelCard, NamesStayInTheirCells) {
  EXPECT_EQ(card_cell("a|b\nc"), "a\\|b c");
  EXPECT_EQ(card_cell("<b>*x*"), "\\<b\\>\\*x\\*");
}

}  // namespace
}  // namespace loam
