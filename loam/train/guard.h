// Is this step sane? Looked at before its update is made, so that a step gone wrong never reaches the weights.
//
//   Guard guard;
//   const Guard::Verdict v = guard.look(loss, gradient_norm);
//   if (v.kind == Guard::Kind::fine) update(); else skip();
#pragma once

#include <cstdint>

#include "loam/base/json.h"

namespace loam {

/// A running picture of loss and gradient norm: exponential means and mean absolute deviations over about 64 steps.
/// What is seen is cut to a few deviations before it is taken in, so that an outlier hardly moves the picture, but a
/// level that stays is accepted in the end.
class Guard {
 public:
  enum class Kind { fine, not_finite, loss_spike, gradient_spike };
  struct Verdict {
    Kind kind = Kind::fine;
    double deviations = 0;  ///< how far off the mean, in deviations (of the loss, or of the norm's logarithm)
  };
  /// Judges a step's mean loss (nats) and gradient norm, and takes them in. The first kLearning steps are only learnt
  /// from: there is nothing yet to hold them against.
  Verdict look(double loss, double norm);

  int64_t bad_in_a_row() const { return bad_; }
  int64_t fine_in_a_row() const { return fine_; }
  /// True when the loss has settled above where the run began: no spike, but a rate that leads away.
  bool diverged() const;
  /// After the weights went back: what was seen since is forgotten, but not where the run began.
  void forget_streak() { bad_ = fine_ = 0; }

  Json state() const;
  void restore(const Json& state);

  static constexpr int64_t kLearning = 40;

 private:
  struct Running {
    double mean = 0, deviation = 0;
    void take(double x, int64_t count);
    double off(double x, double least) const;
  };
  Running loss_, norm_;  ///< of the norm: its natural logarithm
  double first_loss_ = 0;
  int64_t seen_ = 0, bad_ = 0, fine_ = 0;
};

const char* name_of(Guard::Kind kind);

}  // namespace loam
