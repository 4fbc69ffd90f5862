// loam fetch: public corpora, files and pages into a folder.
#include "loam/stages/fetch/fetch.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/verbs.h"

namespace loam {

void add_fetch(Cli& cli) {
  Verb& verb = cli.add("fetch", "public corpora by name, files and pages by address: Common Crawl, Wikipedia, Gutenberg, hubs, link lists",
                       "loam fetch wikipedia:simple books=gutenberg:11,84,1342 web=pages:links.jsonl --out sources");
  auto config = verb.config<FetchConfig>("fetch");
  auto words = verb.positionals("what", "[NAME=]WHAT: commoncrawl:CRAWL[/wet][/0-9], commoncrawl:CRAWL?url=example.com/*, commoncrawl:CRAWL@LINKS, wikipedia:LANGUAGE[@DATE], gutenberg:11,84, hf://[datasets/]OWNER/NAME[/PATH], http(s)://...[#sha256:HEX], list:FILE, pages:FILE");
  verb.out("folder for what is fetched");
  verb.run([=](Run& run) {
    const double began = seconds_now();
    const Fetched made = fetch(*words, *config, run.out(), run.force(), run.progress());
    const double seconds = seconds_now() - began;
    Json json = made.made.counts;
    json["out"] = run.out().string();
    json["content"] = made.made.content;
    json["resumed"] = made.resumed;
    json["seconds"] = seconds;
    std::vector<std::string> lines = {fmt::format("{}: {} files and {} pages, {}, in {:.1f} s; sources.jsonl has where from", run.out().string(), with_commas(made.files), with_commas(made.pages), human_bytes(static_cast<double>(made.bytes)), seconds)};
    if (made.missing > 0) lines.push_back(fmt::format("{} could not be had: missing.jsonl says why", with_commas(made.missing)));
    if (made.left > 0) lines.push_back(fmt::format("{} were left, since they would go over the budget", with_commas(made.left)));
    return report(std::move(json), std::move(lines), fmt::format("loam collect {} --out corpus", run.out().string()));
  });
}

}  // namespace loam
