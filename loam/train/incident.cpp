#include "loam/train/incident.h"

#include <cmath>
#include <vector>

namespace loam {

Json finite_or_null(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

Json norms_by_parameter(const Transformer& model) {
  Json out = Json::array();
  std::vector<float> host;
  for (size_t i = 0; i < model.params().all().size(); ++i) {
    const Param& p = model.params().all()[i];
    host.resize(static_cast<size_t>(p.size()));
    int64_t not_finite = 0;
    auto norm = [&](Mat from) {
      model.backend().download(host.data(), from.data, p.size());
      double sum = 0;
      for (float x : host) {
        if (!std::isfinite(x)) ++not_finite;
        sum += static_cast<double>(x) * static_cast<double>(x);
      }
      return finite_or_null(std::sqrt(sum));
    };
    Json row = {{"name", p.pieces.front().name}, {"grad_norm", norm(model.params().gradient(i))}, {"norm", norm(model.params().value(i))}};
    row["not_finite"] = not_finite;
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace loam
