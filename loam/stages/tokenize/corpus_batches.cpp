#include "loam/stages/tokenize/corpus_batches.h"

#include "loam/base/error.h"
#include "loam/base/threads.h"

namespace loam {

CorpusBatches::CorpusBatches(std::vector<Artifact> corpora, CorpusPlace from, int64_t batch_bytes, bool one_file)
    : corpora_(std::move(corpora)), at_(from), batch_bytes_(batch_bytes), one_file_(one_file) {
  for (const Artifact& corpus : corpora_) files_.push_back(document_files(corpus));
}

CorpusBatches::~CorpusBatches() = default;

/// Opens the file at at_, going on to the next corpus where one ends. False at the end.
bool CorpusBatches::open_next() {
  for (; at_.corpus < static_cast<int64_t>(corpora_.size()); at_ = {at_.corpus + 1, 0, 0}) {
    const auto& files = files_[static_cast<size_t>(at_.corpus)];
    if (at_.file >= static_cast<int64_t>(files.size())) continue;
    reader_ = std::make_unique<CorpusReader>(corpora_[static_cast<size_t>(at_.corpus)].path(files[static_cast<size_t>(at_.file)]), false);
    for (int64_t row = 0; row < at_.row; ++row) {
      require_input(reader_->next().has_value(), files[static_cast<size_t>(at_.file)], " has no row ", at_.row, ": the corpus is not the one this work began with");
    }
    return true;
  }
  return false;
}

CorpusBatch CorpusBatches::read() {
  CorpusBatch batch;
  while (batch.text_bytes < batch_bytes_) {
    if (!reader_) {
      if ((one_file_ && opened_) || !open_next()) break;
      opened_ = true;
    }
    auto document = reader_->next();
    if (!document) {
      reader_.reset();
      at_ = {at_.corpus, at_.file + 1, 0};
      continue;
    }
    batch.text_bytes += static_cast<int64_t>(document->text.size());
    batch.items.push_back({std::move(*document), at_, {}});
    ++at_.row;
  }
  batch.next = at_;
  return batch;
}

void CorpusBatches::for_each_batch(const std::function<void(int64_t, CorpusBatch&)>& work, const std::function<bool(CorpusBatch&)>& done) {
  CorpusBatch batch = read();
  while (!batch.items.empty()) {
    CorpusBatch ahead;
    parallel_for(static_cast<int64_t>(batch.items.size()) + 1, [&](int64_t task) {
      if (task == 0) {
        ahead = read();
      } else {
        work(task - 1, batch);
      }
    });
    if (!done(batch)) return;
    batch = std::move(ahead);
  }
}

std::vector<Artifact> open_corpora(const std::vector<std::string>& folders) {
  require(!folders.empty(), "no corpus was named; give --corpus DIR");
  std::vector<Artifact> out;
  for (const auto& folder : folders) {
    out.push_back(open_artifact(folder, "corpus"));
    for (size_t i = 0; i + 1 < out.size(); ++i) {
      require(out[i].content != out.back().content, folder, " holds the same corpus as ", out[i].folder, "; name it once");
    }
  }
  return out;
}

}  // namespace loam
