// One function per file of cli/verbs/.
#pragma once

#include "cli/cli.h"

namespace loam {

void add_tokenizer(Cli& cli);
void add_inspect(Cli& cli);

}  // namespace loam
