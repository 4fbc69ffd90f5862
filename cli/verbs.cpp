// The list of verbs, in the order of the path.
#include "cli/verbs.h"

namespace loam {

void add_all_verbs(Cli& cli) {
  add_fetch(cli);
  add_collect(cli);
  add_extract(cli);
  add_sample(cli);
  add_quality(cli);
  add_init(cli);
  add_tokenizer(cli);
  add_tokenize(cli);
  add_encode(cli);
  add_decode(cli);
  add_render(cli);
  add_pretrain(cli);
  add_explain(cli);
  add_ladder(cli);
  add_score(cli);
  add_generate(cli);
  add_pairs(cli);
  add_finetune(cli);
  add_evaluate(cli);
  add_compare(cli);
  add_chat(cli);
  add_classify(cli);
  add_import(cli);
  add_export(cli);
  add_verify(cli);
  add_plan(cli);
  add_run(cli);
  add_report(cli);
  add_inspect(cli);
}

}  // namespace loam
