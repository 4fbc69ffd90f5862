// What a training run will take, before it is spent: operations, device hours, money, memory. Every assumption is shown
// and can be changed.
//
//   PlanConfig config;  config.params = 175e9;  config.tokens = 300e9;  config.gpu = "v100";  config.price = 1.5;
//   Bill bill = make_bill(config);              // bill.cost: 4.69e6 dollars
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/json.h"

namespace loam {

/// A device one can rent. Peaks are the makers' data sheets: dense 16-bit matrix products, without sparsity.
struct Device {
  const char* name;
  double peak_tflops;       ///< 1e12 operations a second
  double memory_gb;         ///< 1e9 bytes
  double sustained_tflops;  ///< what training is assumed to reach
  double price_per_hour;    ///< dollars; 0: no assumption, --price gives it
  const char* basis;        ///< where the sustained rate comes from
};
const std::vector<Device>& known_devices();

struct PlanConfig {
  std::optional<double> params, tokens, operations, price, tflops;
  std::string gpu;
  int64_t devices = 1;
  static void fields(auto&& f) {
    f("params", &PlanConfig::params, "parameters of the model, N, such as 175e9");
    f("tokens", &PlanConfig::tokens, "tokens to train on, D [20 a parameter]");
    f("operations", &PlanConfig::operations, "operations of the whole training [6 N D]");
    f("gpu", &PlanConfig::gpu, "device: v100, a100, h100, ... [this machine's processor]");
    f("price", &PlanConfig::price, "dollars an hour of one device");
    f("tflops", &PlanConfig::tflops, "1e12 operations a second that training reaches on one device");
    f("devices", &PlanConfig::devices, "devices at work at once, for the time on the wall");
  }
  void validate() const;
};

struct Assumption {
  std::string name, value, source, flag;  ///< flag: what changes it
};

struct Bill {
  double params = 0, tokens = 0, operations = 0;
  std::string device;
  double flops_per_second = 0, device_hours = 0;
  int64_t devices = 1;
  std::optional<double> price, cost;
  double state_bytes = 0;        ///< weights, gradients and optimizer in 16/32-bit mixed precision; no activations
  double device_memory_bytes = 0;
  int64_t devices_for_memory = 0;
  std::vector<Assumption> assumptions;
  std::vector<std::string> notes;

  double device_years() const { return device_hours / 8760; }
  double wall_hours() const { return device_hours / static_cast<double>(devices); }
  Json json() const;
  std::vector<std::string> lines() const;
};

/// `machine_flops`: operations a second that training was measured to reach here, for a plan without --gpu.
Bill make_bill(const PlanConfig& config, std::optional<double> machine_flops = std::nullopt);

}  // namespace loam
