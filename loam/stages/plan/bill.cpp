#include "loam/stages/plan/bill.h"

#include <fmt/format.h>

#include <cmath>

#include "loam/base/fields.h"
#include "loam/base/memory.h"
#include "loam/base/progress.h"

namespace loam {
namespace {

// Mixed-precision training with Adam: 16-bit weights and gradients, 32-bit master weights and two moments
// (Rajbhandari et al. 2020, ZeRO, section 3.1: 16 bytes a parameter).
constexpr double kStateBytesPerParameter = 16;
// Our own training on processors: weights, gradients and two moments, 32 bits each.
constexpr double kStateBytesHere = 16;
// Hoffmann et al. 2022 (Chinchilla): about 20 tokens a parameter make the best of a budget of operations.
constexpr double kTokensPerParameter = 20;
// The share of a device's peak that well-made large trainings report; e.g. Narayanan et al. 2021 (Megatron-LM) 44-52 %
// of an A100, Touvron et al. 2023 and Llama 3 38-43 % of an H100.
constexpr double kUtilization = 0.40;

std::string dollars(double amount) {
  if (amount >= 1e6) return fmt::format("${:.2f} million", amount / 1e6);
  if (amount >= 1e3) return "$" + with_commas(static_cast<int64_t>(std::llround(amount)));
  return fmt::format("${:.2f}", amount);
}

std::string hours_text(double hours) {
  if (hours >= 8760) return fmt::format("{} hours ({:.1f} years)", with_commas(static_cast<int64_t>(std::llround(hours))), hours / 8760);
  if (hours >= 48) return fmt::format("{:.0f} hours ({:.1f} days)", hours, hours / 24);
  return human_time(hours * 3600);
}

}  // namespace

const std::vector<Device>& known_devices() {
  static const std::vector<Device> devices = {
      {"v100", 125, 32, 28, 1.50, "published estimate of GPT-3's bill (Lambda Labs 2020): half-precision peak without tensor cores; its price, 3 years reserved"},
      {"t4", 65, 16, 65 * kUtilization, 0, "40 % of peak"},
      {"a100", 312, 80, 312 * kUtilization, 0, "40 % of peak"},
      {"l4", 121, 24, 121 * kUtilization, 0, "40 % of peak"},
      {"rtx4090", 165, 24, 165 * kUtilization, 0, "40 % of peak"},
      {"h100", 989, 80, 989 * kUtilization, 0, "40 % of peak"},
      {"h200", 989, 141, 989 * kUtilization, 0, "40 % of peak"},
      {"b200", 2250, 192, 2250 * kUtilization, 0, "40 % of peak"},
  };
  return devices;
}

void PlanConfig::validate() const {
  auto positive = [](const std::optional<double>& value, const char* name) {
    require(!value || *value > 0, "--", name, " ", value.value_or(0), " must be above 0");
  };
  positive(params, "params");
  positive(tokens, "tokens");
  positive(operations, "operations");
  positive(tflops, "tflops");
  require(!price || *price >= 0, "--price ", price.value_or(0), " must not be below 0");
  require(devices >= 1, "--devices ", devices, " must be at least 1");
  if (gpu.empty()) return;
  std::vector<std::string> names;
  for (const Device& device : known_devices()) names.push_back(device.name);
  for (const std::string& name : names) {
    if (name == gpu) return;
  }
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  const std::string near = nearest_name(gpu, names);
  fail(ErrorKind::usage, "--gpu ", gpu, " is not known", near.empty() ? "" : "; did you mean " + near + "?", " (known: ", all, "; for another one give --tflops and --price)");
}

Bill make_bill(const PlanConfig& config, std::optional<double> machine_flops) {
  Bill bill;
  bill.devices = config.devices;
  require(config.params || config.operations, "a bill needs --params N (and --tokens D), or --operations");
  bill.params = config.params.value_or(0);
  auto assume = [&](std::string name, std::string value, std::string source, std::string flag) {
    bill.assumptions.push_back({std::move(name), std::move(value), std::move(source), std::move(flag)});
  };
  if (config.params) assume("parameters, N", fmt::format("{:.4g}", *config.params), "given", "--params");
  if (config.tokens) {
    bill.tokens = *config.tokens;
    assume("tokens, D", fmt::format("{:.4g}", bill.tokens), "given", "--tokens");
  } else if (config.params) {
    bill.tokens = kTokensPerParameter * *config.params;
    assume("tokens, D", fmt::format("{:.4g}", bill.tokens), "20 a parameter (Hoffmann et al. 2022)", "--tokens");
  }
  if (config.operations) {
    bill.operations = *config.operations;
    assume("operations", fmt::format("{:.3g}", bill.operations), "given", "--operations");
  } else {
    bill.operations = 6 * bill.params * bill.tokens;
    assume("operations", fmt::format("{:.3g}", bill.operations), "6 N D: a multiplication and an addition a weight, once forward and twice backward (Kaplan et al. 2020)", "--operations");
  }
  const Device* device = nullptr;
  for (const Device& known : known_devices()) {
    if (config.gpu == known.name) device = &known;
  }
  bill.device = device != nullptr ? device->name : "this machine";
  if (config.tflops) {
    bill.flops_per_second = *config.tflops * 1e12;
    assume("operations a second", fmt::format("{:.3g}", bill.flops_per_second), "given", "--tflops");
  } else if (device != nullptr) {
    bill.flops_per_second = device->sustained_tflops * 1e12;
    assume("operations a second", fmt::format("{:.3g} ({:.0f} TFLOP/s)", bill.flops_per_second, device->sustained_tflops), device->basis, "--tflops");
  } else {
    require(machine_flops.has_value(), "a bill needs --gpu NAME, or --tflops of the device it will run on");
    bill.flops_per_second = *machine_flops;
    assume("operations a second", fmt::format("{:.3g}", bill.flops_per_second), "measured here", "--tflops");
  }
  bill.device_hours = bill.operations / bill.flops_per_second / 3600;
  if (config.price) {
    bill.price = config.price;
    assume("price", fmt::format("${:g} a device-hour", *bill.price), "given", "--price");
  } else if (device != nullptr && device->price_per_hour > 0) {
    bill.price = device->price_per_hour;
    assume("price", fmt::format("${:g} a device-hour", *bill.price), "the same published estimate", "--price");
  }
  if (bill.price) bill.cost = bill.device_hours * *bill.price;
  if (bill.params > 0) {
    bill.state_bytes = bill.params * (device != nullptr ? kStateBytesPerParameter : kStateBytesHere);
    bill.device_memory_bytes = device != nullptr ? device->memory_gb * 1e9 : static_cast<double>(total_memory_bytes());
    bill.devices_for_memory = static_cast<int64_t>(std::ceil(bill.state_bytes / bill.device_memory_bytes));
    assume("bytes a parameter", "16", device != nullptr ? "16-bit weights and gradients, 32-bit master weights and two moments (Rajbhandari et al. 2020)" : "32-bit weights, gradients and two moments", "");
    if (bill.tokens > 0 && bill.tokens / bill.params < kTokensPerParameter / 2) {
      bill.notes.push_back(fmt::format("{:.1f} tokens a parameter: about 20 make the best of the same operations (Hoffmann et al. 2022)", bill.tokens / bill.params));
    }
  }
  if (config.params && *config.params == 175e9 && config.tokens && *config.tokens == 300e9 && !config.operations) {
    bill.notes.push_back("GPT-3's paper counts 3.14e23 operations (174.6e9 parameters; its table D.1): with --operations 3.14e23 the same assumptions give "
                         "355 V100-years and $4.67 million, published as 4.6 million");
  }
  return bill;
}

Json Bill::json() const {
  Json out = {{"params", params}, {"tokens", tokens}, {"operations", operations}, {"device", device}, {"flops_per_second", flops_per_second},
              {"device_hours", device_hours}, {"device_years", device_years()}, {"devices", devices}, {"wall_hours", wall_hours()},
              {"price_per_hour", price ? Json(*price) : Json(nullptr)}, {"cost", cost ? Json(*cost) : Json(nullptr)}};
  if (params > 0) out["memory"] = {{"state_bytes", state_bytes}, {"device_bytes", device_memory_bytes}, {"devices", devices_for_memory}};
  out["assumptions"] = Json::array();
  for (const Assumption& a : assumptions) out["assumptions"].push_back({{"name", a.name}, {"value", a.value}, {"source", a.source}, {"flag", a.flag}});
  out["notes"] = notes;
  return out;
}

std::vector<std::string> Bill::lines() const {
  std::vector<std::string> out;
  if (cost) out.push_back(fmt::format("{}: {:.3g} operations on {} at ${:g} an hour", dollars(*cost), operations, device, *price));
  else out.push_back(fmt::format("{:.3g} operations on {}; --price P adds the money", operations, device));
  out.push_back(fmt::format("time    {} of one device{}", hours_text(device_hours), devices > 1 ? fmt::format("; {} with {} at once", hours_text(wall_hours()), with_commas(devices)) : ""));
  if (params > 0) {
    out.push_back(fmt::format("memory  {} for weights, gradients and optimizer, activations not counted: at least {} device{} of {}", human_bytes(state_bytes), with_commas(devices_for_memory),
                              devices_for_memory == 1 ? "" : "s", human_bytes(device_memory_bytes)));
  }
  out.push_back("from");
  for (const Assumption& a : assumptions) {
    out.push_back(fmt::format("  {:<20} {:<24} {}{}", a.name, a.value, a.source, a.flag.empty() || a.source == "given" ? "" : "; " + a.flag + " changes it"));
  }
  for (const std::string& note : notes) out.push_back("note: " + note);
  return out;
}

}  // namespace loam
