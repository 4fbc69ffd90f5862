// One HTTP request after the other over kept connections; what a server may do wrong comes back as a value.
//
//   Client client({.agent = "loam/0.1.0"});
//   const Answer answer = client.get({.url = url}, [](const Answer& head) { return head.status == 200; }, take_bytes);
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loam {

struct ClientSettings {
  std::string agent;
  double stall_seconds = 30;   ///< a transfer under 1 KiB/s for so long is given up
};

struct Question {
  std::string url;
  std::vector<std::string> headers;   ///< "Name: value"; to this address alone, redirects are the caller's
  bool unpack = false;                ///< take packed answers (gzip, br) and unpack them
  bool public_only = false;           ///< do not talk to addresses of private networks and of this machine
  double most_seconds = 0;            ///< for the whole answer; 0: no limit but the stall
};

struct Answer {
  long status = 0;                               ///< 0: there was none
  std::map<std::string, std::string> headers;    ///< names in lower case; of fields given twice the last
  std::string moved_to;                          ///< absolute address of a redirect
  std::string trouble;                           ///< what went wrong on the way; "" if all came as announced
  bool declined = false;                         ///< the caller's functions said no
  bool forbidden = false;                        ///< public_only kept it from connecting

  std::string header(const std::string& name) const;
};

/// For one thread at a time. Throws Error{interrupted} when a stop is asked for, and what the functions throw.
class Client {
 public:
  explicit Client(ClientSettings settings);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// `begun` sees status and headers before the first byte, and may decline; so may `body`. No redirect is followed.
  Answer get(const Question& question, const std::function<bool(const Answer&)>& begun, const std::function<bool(std::string_view)>& body);

 private:
  ClientSettings settings_;
  void* handle_;
};

/// Seconds that "Retry-After" names, as a number or a date; `otherwise` if it names none. Never negative.
double retry_after(const Answer& answer, double otherwise);

/// Whether the same request may go well later: 408, 425, 429, 5xx but 501 and 505, and troubles on the way.
bool may_go_well_later(const Answer& answer);

/// Sleeps in short pieces. Throws Error{interrupted} when a stop is asked for.
void wait_politely(double seconds);

/// Who may talk to which host when: at most `at_once` requests to one at a time, `delay` seconds between their beginnings.
class HostGate {
 public:
  explicit HostGate(int64_t at_once) : at_once_(at_once) {}
  class Pass {
   public:
    Pass(HostGate& gate, std::string host) : gate_(&gate), host_(std::move(host)) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), host_(std::move(other.host_)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass();

   private:
    HostGate* gate_;
    std::string host_;
  };
  /// Waits for a turn. Throws Error{interrupted} when a stop is asked for.
  Pass enter(const std::string& host, double delay);
  /// Nobody begins with this host before so many seconds are over: what a 429 asks for.
  void hold(const std::string& host, double seconds);

 private:
  struct Host {
    int64_t inside = 0, waiting = 0;
    double next = 0;   // seconds_now() before which nobody begins
  };
  std::mutex mutex_;
  std::condition_variable left_;
  std::map<std::string, Host> hosts_;
  int64_t at_once_;
};

}  // namespace loam
