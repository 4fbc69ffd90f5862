// What a model can be asked, and how its answers are scored.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/labelled_data.h"
#include "loam/artifacts/scores.h"
#include "loam/base/progress.h"
#include "loam/metrics/classification.h"
#include "loam/metrics/overlap.h"
#include "loam/stages/evaluate/subject.h"

namespace loam {

/// Rows of a task that generates text, where no limit is given.
inline constexpr int64_t kGenerated = 200;

/// What the tasks share. Field lists of the verbs fill it.
struct TaskOptions {
  int64_t shots = 0;
  std::optional<int64_t> limit = {}; ///< examples scored; 0: all. Not given: all of what is quick, 200 of what generates text
  int64_t max_tokens = 128;          ///< longest answer
  uint64_t seed = 1234;
  bool all_rows = false;             ///< rows that the model has seen count too
  ClassOptions columns = {};
  InstructionOptions dialogues = {};
};

/// Rows that may be scored: those the subject has not seen (all of them with all_rows), in the data's order; a fixed
/// draw of `limit` of them. Says how many were left out. Throws Error{input} if none is left.
std::vector<int32_t> rows_to_score(const Subject& subject, const std::vector<uint64_t>& keys, const TaskOptions& options, int64_t limit, const std::string& what, Progress& progress);

/// Nats and bytes of the val part of a tokens folder, or of a text file, by document; 95 % interval by bootstrap over
/// documents. Metrics: bits_per_byte, byte_perplexity, word_perplexity (files only), as the harness defines them.
TaskScores score_bits_per_byte(Subject& subject, const std::string& path, const TaskOptions& options, Progress& progress, std::vector<ArtifactInput>& inputs);

/// A classifier on labelled texts, with a logistic regression fitted on what it was tuned on beside it, where that data
/// still stands.
TaskScores score_classify(Subject& subject, const std::string& path, const TaskOptions& options, Progress& progress, std::vector<ArtifactInput>& inputs);

/// A model that answers, on dialogues: exact match, chrF, BLEU of greedy answers, and the loss on the right ones.
TaskScores score_answers(Subject& subject, const std::string& path, const TaskOptions& options, Progress& progress, std::vector<ArtifactInput>& inputs);

/// Few-shot abilities of a language model nobody tuned for them; each beside its chance level.
/// translation: dialogues or pairs, by chrF; sentiment: labelled texts, by the likelier label; summary: dialogues, by ROUGE.
TaskScores score_few_shot(Subject& subject, const std::string& kind, const std::string& path, const TaskOptions& options, Progress& progress, std::vector<ArtifactInput>& inputs);

/// The first `limit` tokens of a text, as text.
std::string shortened(const Tokenizer& tokenizer, const std::string& text, int64_t limit);

/// Names of all tasks.
const std::vector<std::string>& task_names();

// ---- parts that comparing two models needs too ----

struct Answered {
  std::string prompt, given, wanted;
  ChrfCounts chrf;
  bool exact = false;
};

/// Greedy answers to the questions of dialogues, by chat template.
std::vector<Answered> answer_rows(Subject& subject, const std::vector<const InstructionRow*>& rows, const TaskOptions& options, Progress& progress);
/// The same without a chat template: `shots` questions and answers of `pool` (drawn for each row), then the question; the
/// answer ends with its line.
std::vector<Answered> answer_few_shot(Subject& subject, const std::vector<const InstructionRow*>& rows, const std::vector<const InstructionRow*>& pool, const TaskOptions& options,
                                      Progress& progress);
/// Natural log probability of each row's answer (its last turn, end included) after its question, by chat template; rows
/// over the context are cut at the end. `tokens`: how many of it were predicted.
struct AnswerLikelihood {
  double log_prob = 0;
  int64_t tokens = 0;
};
std::vector<AnswerLikelihood> answer_likelihoods(Subject& subject, const std::vector<const InstructionRow*>& rows);

/// Probabilities of the labels for each text: a classifier's own, or a language model's by the likelihood of the label
/// after "Text: ...\nLabel: ", with `shots` examples of `pool` before it.
std::vector<std::vector<float>> label_texts(Subject& subject, const std::vector<std::string>& texts, const std::vector<std::string>& labels, const std::vector<ClassRow>& pool,
                                            const TaskOptions& options, Progress& progress);

}  // namespace loam
