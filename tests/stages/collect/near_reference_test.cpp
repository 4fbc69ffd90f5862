// The texts of datatrove's own test of its clusters: cuts of one filler text, and which of them belong together.
#include <gtest/gtest.h>

#include "loam/artifacts/corpus.h"
#include "loam/base/files.h"
#include "loam/stages/collect/collect.h"

namespace loam {
namespace {

const std::string kFiller =
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit. Aliquam euismod vel ante vitae rhoncus. Curabitur eu lectus et magna maximus facilisis eu "
    "non magna. Maecenas sed velit vitae est ornare placerat. Vestibulum quis consectetur nunc, a feugiat lorem. Cras in ipsum fringilla, vestibulum urna "
    "sit amet, viverra tortor. Orci varius natoque penatibus et magnis dis parturient montes, nascetur ridiculus mus. Morbi euismod vestibulum elit id "
    "placerat. Fusce malesuada ultricies condimentum. Cras tincidunt eget lorem nec hendrerit. Aenean mattis arcu dolor, id semper velit ullamcorper "
    "malesuada. Aliquam non ipsum et eros venenatis aliquet. Proin eleifend interdum scelerisque. Interdum et malesuada fames ac ante ipsum primis in "
    "faucibus. Mauris nunc sapien, molestie eget convallis at, maximus nec ipsum. Morbi quam diam, blandit ut mollis at, varius eu tellus. Maecenas sem "
    "justo, porttitor at odio nec, interdum posuere ex.\n\nAliquam pretium ac nulla et porttitor. Nunc quis felis posuere, lobortis magna quis, imperdiet "
    "nulla. Maecenas tempor, mi vel vestibulum tempus, arcu elit scelerisque erat, eu molestie velit eros id metus. Class aptent taciti sociosqu ad litora "
    "torquent per conubia nostra, per inceptos himenaeos. Proin fringilla viverra urna eu dictum. Suspendisse interdum, leo non sagittis pulvinar, mauris "
    "est euismod ante, et luctus nisi est id odio. Proin purus nunc, feugiat id condimentum eu, efficitur at diam. Quisque aliquet felis non risus rutrum, "
    "eu porttitor justo venenatis. Donec ut est felis. Proin risus augue, gravida fermentum elementum eu, varius eget tortor. Sed a sem quis tortor "
    "ultrices elementum. Nullam tempor rutrum ipsum id eleifend. Donec a elit tincidunt, sagittis magna a, pretium felis.\n\nSed ut faucibus dui, a sodales "
    "nunc. Praesent fermentum diam quis augue porttitor vulputate. Mauris pretium ipsum ut erat hendrerit eleifend. Maecenas consectetur elit a ligula "
    "auctor porta. Duis vitae diam ac velit porttitor tempor. Quisque at arcu a augue dictum molestie et sed erat. Donec fermentum pulvinar elit. Morbi "
    "orci nisi, condimentum non tincidunt sit amet, hendrerit non justo. Ut fringilla dolor neque, ut porttitor ante congue vitae. In aliquam augue a "
    "sapien sodales ornare. In in maximus nunc. Quisque turpis nibh, commodo non semper non, hendrerit a massa.\n\nSuspendisse potenti. Ut feugiat nibh ex. "
    "Nunc eget ligula ut massa tempus pretium vitae et mauris. Suspendisse potenti. Vivamus euismod ipsum est, id consectetur lorem suscipit non. Integer "
    "ac felis egestas risus ornare luctus nec vel massa. Donec scelerisque enim eu nulla commodo fringilla. Donec et pulvinar dolor, sit amet tristique "
    "risus. Cras et est id leo malesuada sollicitudin.\n\nQuisque et aliquet diam. Aenean euismod efficitur enim, non semper eros. Nullam molestie vehicula "
    "eros, nec porttitor justo feugiat nec. Maecenas fringilla eleifend augue, eu mollis arcu vulputate ac. Quisque ullamcorper turpis sed tristique "
    "dapibus. Etiam imperdiet pulvinar fringilla. Nulla sed est eget odio dictum pretium. Cras ultricies nibh libero, efficitur consequat neque semper id. "
    "Donec porttitor lacus nunc, vitae gravida lorem consectetur sit amet. Pellentesque mollis, dui nec molestie consectetur, massa enim tempus ipsum, "
    "quis pretium felis massa congue felis. Donec efficitur pretium diam, quis elementum felis eleifend quis. Nullam vehicula tortor et quam eleifend, "
    "maximus dignissim nisi feugiat. ";

TEST(NearReference, ClustersOfCutsAreDatatroves) {
  ASSERT_EQ(kFiller.size(), 3416u);
  const fs::path dir = fs::path(testing::TempDir()) / "loam_near_reference";
  fs::remove_all(dir);
  fs::create_directories(dir);
  const std::vector<std::vector<size_t>> clusters = {{0, 20, 50}, {400, 420}, {800, 810, 820, 840, 860}, {1205, 1215, 1225, 1245}, {1600}, {2000}};
  std::string rows;
  std::vector<std::string> expected;
  std::vector<int64_t> first_of;  // for each text but the first of its cluster
  for (const auto& cluster : clusters) {
    for (size_t i = 0; i < cluster.size(); ++i) {
      const std::string text = kFiller.substr(cluster[i], 400);
      rows += to_line(Json{{"text", text}}) + "\n";
      if (i == 0) expected.push_back(text);
      if (i > 0) first_of.push_back(static_cast<int64_t>(expected.size()) - 1);
    }
  }
  write_file(dir / "in.jsonl", rows);
  CollectConfig config;
  config.preset = "none";
  config.dedup = "near";
  Progress quiet;
  const Collected made = collect({"s=" + (dir / "in.jsonl").string()}, config, dir / "out", false, quiet);
  std::vector<std::string> texts;
  CorpusReader reader(made.corpus);
  while (const auto d = reader.next()) texts.push_back(d->text);
  EXPECT_EQ(texts, expected);
  std::vector<int64_t> firsts;
  for (const Dropped& d : read_dropped(made.corpus.path(dropped_files(made.corpus).at(0)))) firsts.push_back(d.value.get<int64_t>());
  EXPECT_EQ(firsts, first_of);
}

}  // namespace
}  // namespace loam
