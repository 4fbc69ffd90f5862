#include "loam/metrics/scores_json.h"

namespace loam {

Json to_json(const Estimate& e) {
  Json out = {{"value", e.value}, {"low", e.interval.low}, {"high", e.interval.high}};
  if (e.standard_error > 0) out["standard_error"] = e.standard_error;
  return out;
}

Json to_json(const ClassificationScores& s) {
  Json out = {{"rows", s.rows},
              {"accuracy", to_json(s.accuracy)},
              {"macro_f1", to_json(s.macro_f1)},
              {"macro_precision", to_json(s.macro_precision)},
              {"macro_recall", to_json(s.macro_recall)},
              {"mcc", to_json(s.mcc)},
              {"ece", to_json(s.ece)},
              {"brier", to_json(s.brier)},
              {"log_loss", to_json(s.log_loss)},
              {"majority", s.majority},
              {"classes", Json::array()},
              {"confusion", s.confusion},
              {"calibration", Json::array()}};
  for (const auto& c : s.classes) {
    out["classes"].push_back({{"label", c.label}, {"rows", c.rows}, {"predicted", c.predicted}, {"precision", to_json(c.precision)}, {"recall", to_json(c.recall)}, {"f1", to_json(c.f1)}});
  }
  for (const auto& bin : s.calibration) {
    if (bin.rows > 0) out["calibration"].push_back({{"low", bin.low}, {"high", bin.high}, {"rows", bin.rows}, {"confidence", bin.confidence}, {"accuracy", bin.accuracy}});
  }
  return out;
}

Json to_json(const McNemar& m) {
  return {{"rows", m.rows},       {"both", m.both},             {"neither", m.neither}, {"only_a", m.only_a}, {"only_b", m.only_b}, {"exact_p", m.exact_p},
          {"mid_p", m.mid_p},     {"difference", m.difference}, {"low", m.interval.low}, {"high", m.interval.high}};
}

Json to_json(const PairedDifference& d) {
  return {{"rows", d.rows}, {"a", d.a}, {"b", d.b}, {"difference", d.difference}, {"low", d.interval.low}, {"high", d.interval.high}, {"p", d.p}};
}

}  // namespace loam
