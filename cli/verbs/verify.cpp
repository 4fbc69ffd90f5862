// loam verify: do two forms of one model answer alike?
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/exchange/verify.h"

namespace loam {

void add_verify(Cli& cli) {
  Verb& verb = cli.add("verify", "do two forms of one model answer alike? Folders, GGUF files, a server's address",
                       "loam verify run/base base.gguf\n  loam verify run/base http://127.0.0.1:8080/v1");
  auto first = verb.positional("model", "a model folder, a .gguf file, or an OpenAI-style address");
  auto second = verb.positional("other", "another form of it");
  auto config = verb.config<VerifyConfig>("verify");
  verb.run([=](Run& run) {
    const Verified found = verify_forms(*first, *second, *config, run.progress());
    Json json = {{"first", found.first}, {"second", found.second}, {"same", found.same()}, {"differences", found.differences}, {"allowed", found.allowed}};
    std::vector<std::string> lines = {fmt::format("{}: {}", *first, found.first), fmt::format("{}: {}", *second, found.second)};
    if (found.by_server) {
      json.update({{"greedy_tokens", found.agreement.greedy_tokens}, {"same_greedy_tokens", found.agreement.same_greedy},
                   {"compared_logprobs", found.compared_logprobs}, {"largest_logprob_difference", found.largest_logprob_difference}});
      lines.push_back(fmt::format("{} of {} tokens of greedy texts the same", found.agreement.same_greedy, found.agreement.greedy_tokens));
      lines.push_back(found.compared_logprobs == 0 ? "the server tells no log probabilities"
                                                   : fmt::format("largest difference of {} log probabilities {:.3g}", found.compared_logprobs, found.largest_logprob_difference));
    } else {
      json.update(to_json(found.agreement));
      json["in_spreads"] = found.agreement.in_spreads();
      lines.push_back(to_text(found.agreement));
    }
    for (const auto& difference : found.differences) lines.push_back("differs: " + difference);
    lines.push_back(found.same() ? "one model" : "not the same");
    Report out = report(std::move(json), lines);
    if (!found.same()) out.exit = exit_code(ErrorKind::input);
    return out;
  });
}

}  // namespace loam
