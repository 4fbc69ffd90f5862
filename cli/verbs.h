// One function per file of cli/verbs/.
#pragma once

#include "cli/cli.h"

namespace loam {

void add_fetch(Cli& cli);
void add_collect(Cli& cli);
void add_extract(Cli& cli);
void add_sample(Cli& cli);
void add_quality(Cli& cli);
void add_init(Cli& cli);
void add_tokenizer(Cli& cli);
void add_tokenize(Cli& cli);
void add_encode(Cli& cli);
void add_decode(Cli& cli);
void add_render(Cli& cli);
void add_pretrain(Cli& cli);
void add_explain(Cli& cli);  // and verify-resume
void add_ladder(Cli& cli);
void add_score(Cli& cli);
void add_generate(Cli& cli);
void add_import(Cli& cli);
void add_export(Cli& cli);
void add_verify(Cli& cli);
void add_inspect(Cli& cli);
void add_pairs(Cli& cli);
void add_finetune(Cli& cli);
void add_evaluate(Cli& cli);
void add_compare(Cli& cli);
void add_chat(Cli& cli);
void add_classify(Cli& cli);
void add_plan(Cli& cli);
void add_run(Cli& cli);
void add_report(Cli& cli);  // and runs

}  // namespace loam
