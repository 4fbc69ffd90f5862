#include "loam/stages/fetch/client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <thread>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/progress.h"
#include "loam/base/stop.h"

namespace loam {
namespace {

constexpr size_t kMostHeaderBytes = 256 << 10;
constexpr size_t kHostsRemembered = 100000;

struct Transfer {
  Answer answer;
  const std::function<bool(const Answer&)>* begun;
  const std::function<bool(std::string_view)>* body;
  bool head_done = false, public_only = false;
  size_t header_bytes = 0;
  CURL* handle = nullptr;
  std::exception_ptr thrown;

  /// Runs a function of the caller's inside libcurl, which must not see exceptions.
  template <class F>
  bool guarded(F&& f) {
    try {
      if (f()) return true;
      answer.declined = true;
    } catch (...) {
      thrown = std::current_exception();
    }
    return false;
  }
  bool begin() {
    if (head_done) return true;
    head_done = true;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
    return guarded([&] { return (*begun)(answer); });
  }
};

size_t take_header(char* bytes, size_t size, size_t count, void* into) {
  auto& t = *static_cast<Transfer*>(into);
  const std::string_view line(bytes, size * count);
  t.header_bytes += line.size();
  if (t.header_bytes > kMostHeaderBytes) return 0;
  if (line.starts_with("HTTP/")) {
    t.answer.headers.clear();
    return line.size();
  }
  if (const size_t colon = line.find(':'); colon != std::string_view::npos) t.answer.headers[ascii_lower(trimmed(line.substr(0, colon)))] = std::string(trimmed(line.substr(colon + 1)));
  if (trimmed(line).empty()) {
    long status = 0;
    curl_easy_getinfo(t.handle, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && !t.begin()) return 0;
  }
  return line.size();
}

size_t take_body(char* bytes, size_t size, size_t count, void* into) {
  auto& t = *static_cast<Transfer*>(into);
  const std::string_view piece(bytes, size * count);
  if (!t.begin() || !t.guarded([&] { return (*t.body)(piece); })) return 0;
  return piece.size();
}

int stop_asked(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return stop_requested() ? 1 : 0; }

bool is_public_v4(uint32_t a) {
  const auto within = [a](uint32_t net, int bits) { return (a >> (32 - bits)) == (net >> (32 - bits)); };
  return !(within(0x00000000, 8) || within(0x0A000000, 8) || within(0x64400000, 10) || within(0x7F000000, 8) || within(0xA9FE0000, 16) || within(0xAC100000, 12) || within(0xC0000000, 24) ||
           within(0xC0A80000, 16) || within(0xC6120000, 15) || within(0xE0000000, 3));
}

bool is_public(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    return is_public_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family != AF_INET6) return false;
  sockaddr_in6 v6;
  std::memcpy(&v6, address, sizeof v6);
  const unsigned char* b = v6.sin6_addr.s6_addr;
  const bool mapped = std::all_of(b, b + 10, [](unsigned char c) { return c == 0; }) && ((b[10] == 0xff && b[11] == 0xff) || (b[10] == 0 && b[11] == 0));
  if (mapped) return is_public_v4(static_cast<uint32_t>(b[12]) << 24 | static_cast<uint32_t>(b[13]) << 16 | static_cast<uint32_t>(b[14]) << 8 | b[15]);
  return (b[0] & 0xE0) == 0x20;  // 2000::/3 is what is given out to the world
}

/// Looks at the address that a connection is about to go to, after the name was resolved: a name that points into a
/// private network is found out here, whenever it does.
curl_socket_t open_socket(void* data, curlsocktype, curl_sockaddr* address) {
  auto& t = *static_cast<Transfer*>(data);
  if (t.public_only && !is_public(&address->addr)) {
    t.answer.forbidden = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

}  // namespace

std::string Answer::header(const std::string& name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? "" : it->second;
}

Client::Client(ClientSettings settings) : settings_(std::move(settings)) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  handle_ = curl_easy_init();
  if (handle_ == nullptr) fail(ErrorKind::internal, "no HTTP client could be made");
}

Client::~Client() { curl_easy_cleanup(static_cast<CURL*>(handle_)); }

Answer Client::get(const Question& question, const std::function<bool(const Answer&)>& begun, const std::function<bool(std::string_view)>& body) {
  CURL* curl = static_cast<CURL*>(handle_);
  curl_easy_reset(curl);  // connections stay
  Transfer transfer;
  transfer.begun = &begun;
  transfer.body = &body;
  transfer.handle = curl;
  transfer.public_only = question.public_only;
  curl_slist* list = nullptr;
  for (const std::string& header : question.headers) list = curl_slist_append(list, header.c_str());
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(list, &curl_slist_free_all);
  curl_easy_setopt(curl, CURLOPT_URL, question.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_USERAGENT, settings_.agent.c_str());
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(std::max(1.0, std::min(30.0, settings_.stall_seconds))));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(std::max(1.0, settings_.stall_seconds)));
  if (question.most_seconds > 0) curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(question.most_seconds * 1000));
  if (list != nullptr) curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  if (question.unpack) curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
  if (question.public_only) {
    curl_easy_setopt(curl, CURLOPT_PROXY, "");  // a proxy would hide where a connection goes
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
  }
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &stop_asked);
  const CURLcode code = curl_easy_perform(curl);
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  Answer& answer = transfer.answer;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  const char* moved = nullptr;
  curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &moved);
  if (moved != nullptr) answer.moved_to = moved;
  if (answer.declined) return answer;
  if (code == CURLE_ABORTED_BY_CALLBACK && stop_requested()) fail_interrupted("stopped on request");
  if (code == CURLE_OPERATION_TIMEDOUT && answer.status != 0) {
    answer.trouble = "it came too slowly";
  } else if (code == CURLE_PARTIAL_FILE) {
    answer.trouble = "the connection was cut";
  } else if (code != CURLE_OK) {
    answer.trouble = curl_easy_strerror(code);
  }
  if (answer.forbidden && answer.status == 0) answer.trouble = "its address lies in a private network";
  return answer;
}

double retry_after(const Answer& answer, double otherwise) {
  const std::string value = answer.header("retry-after");
  if (value.empty()) return otherwise;
  double seconds = 0;
  const auto [rest, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (code == std::errc() && rest == value.data() + value.size()) return seconds >= 0 ? seconds : otherwise;
  const time_t when = curl_getdate(value.c_str(), nullptr);
  return when < 0 ? otherwise : std::max(0.0, std::difftime(when, std::time(nullptr)));
}

bool may_go_well_later(const Answer& answer) {
  if (answer.forbidden) return false;
  if (!answer.trouble.empty() || answer.status == 0) return true;
  return answer.status == 408 || answer.status == 425 || answer.status == 429 || (answer.status >= 500 && answer.status != 501 && answer.status != 505);
}

void wait_politely(double seconds) {
  const double until = seconds_now() + seconds;
  for (;;) {
    if (stop_requested()) fail_interrupted("stopped on request");
    const double left = until - seconds_now();
    if (left <= 0) return;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, 0.1)));
  }
}

HostGate::Pass::~Pass() {
  if (gate_ == nullptr) return;
  const std::lock_guard lock(gate_->mutex_);
  --gate_->hosts_[host_].inside;
  gate_->left_.notify_all();
}

HostGate::Pass HostGate::enter(const std::string& host, double delay) {
  std::unique_lock lock(mutex_);
  if (hosts_.size() > kHostsRemembered) {
    std::erase_if(hosts_, [now = seconds_now()](const auto& each) { return each.second.inside == 0 && each.second.waiting == 0 && each.second.next < now; });
  }
  Host& place = hosts_[host];  // a map: the reference stays
  ++place.waiting;
  for (;;) {
    if (stop_requested()) {
      --place.waiting;
      fail_interrupted("stopped on request");
    }
    const double now = seconds_now();
    if (place.inside < at_once_ && now >= place.next) break;
    left_.wait_for(lock, std::chrono::duration<double>(std::clamp(place.next - now, 0.005, 0.1)));
  }
  --place.waiting;
  ++place.inside;
  place.next = seconds_now() + delay;
  return Pass(*this, host);
}

void HostGate::hold(const std::string& host, double seconds) {
  const std::lock_guard lock(mutex_);
  Host& place = hosts_[host];
  place.next = std::max(place.next, seconds_now() + seconds);
}

}  // namespace loam
