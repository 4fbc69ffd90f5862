#include "loam/train/guard.h"

#include <algorithm>
#include <cmath>

namespace loam {
namespace {

constexpr double kWindow = 64;         // steps the means look back over
constexpr double kCut = 4;             // deviations at which a value is cut before it is taken in
// How far off is too far. A healthy run of small batches strays 4 to 5 mean deviations now and then (a normal variable
// passes 8 of them once in 6 thousand million); the norm's floor of 0.15 makes its limit 4.5 times the usual norm.
constexpr double kLossLimit = 8, kNormLimit = 10;
constexpr double kLeastLoss = 0.02, kLeastNorm = 0.15;

}  // namespace

void Guard::Running::take(double x, int64_t count) {
  if (count == 0) {
    mean = x;
    return;
  }
  const double share = 1.0 / std::min(kWindow, static_cast<double>(count + 1));
  const double away = std::abs(x - mean);
  mean += share * (x - mean);
  deviation += share * (away - deviation);
}

double Guard::Running::off(double x, double least) const { return (x - mean) / std::max(deviation, least); }

Guard::Verdict Guard::look(double loss, double norm) {
  Verdict v;
  if (!std::isfinite(loss) || !std::isfinite(norm)) {
    v.kind = Kind::not_finite;
    ++bad_;
    fine_ = 0;
    return v;
  }
  const double log_norm = std::log(std::max(norm, 1e-30));
  if (seen_ == 0) first_loss_ = loss;
  double taken_loss = loss, taken_norm = log_norm;
  if (seen_ >= kLearning) {
    const double least_loss = std::max(kLeastLoss, 0.01 * std::abs(loss_.mean));
    const double loss_off = loss_.off(loss, least_loss), norm_off = norm_.off(log_norm, kLeastNorm);
    if (loss_off > kLossLimit) {
      v = {Kind::loss_spike, loss_off};
    } else if (norm_off > kNormLimit) {
      v = {Kind::gradient_spike, norm_off};
    }
    const double loss_room = kCut * std::max(loss_.deviation, least_loss), norm_room = kCut * std::max(norm_.deviation, kLeastNorm);
    taken_loss = std::clamp(loss, loss_.mean - loss_room, loss_.mean + loss_room);
    taken_norm = std::clamp(log_norm, norm_.mean - norm_room, norm_.mean + norm_room);
  }
  loss_.take(taken_loss, seen_);
  norm_.take(taken_norm, seen_);
  ++seen_;
  bad_ = v.kind == Kind::fine ? 0 : bad_ + 1;
  fine_ = v.kind == Kind::fine ? fine_ + 1 : 0;
  return v;
}

// New text, or a warm-up, may cost a model that was trained before some of its loss at first.
bool Guard::diverged() const { return seen_ > kLearning && loss_.mean > first_loss_ + std::max(1.0, 0.2 * std::abs(first_loss_)); }

Json Guard::state() const {
  return {{"loss", {loss_.mean, loss_.deviation}}, {"norm", {norm_.mean, norm_.deviation}}, {"first_loss", first_loss_}, {"seen", seen_}, {"bad", bad_}, {"fine", fine_}};
}

void Guard::restore(const Json& state) {
  loss_ = {state.at("loss").at(0).get<double>(), state.at("loss").at(1).get<double>()};
  norm_ = {state.at("norm").at(0).get<double>(), state.at("norm").at(1).get<double>()};
  first_loss_ = state.at("first_loss").get<double>();
  seen_ = state.at("seen").get<int64_t>();
  bad_ = state.at("bad").get<int64_t>();
  fine_ = state.at("fine").get<int64_t>();
}

const char* name_of(Guard::Kind kind) {
  switch (kind) {
    case Guard::Kind::fine: return "fine";
    case Guard::Kind::not_finite: return "not finite";
    case Guard::Kind::loss_spike: return "loss spike";
    case Guard::Kind::gradient_spike: return "gradient spike";
  }
  return "";
}

}  // namespace loam
