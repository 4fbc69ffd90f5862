// A web server on 127.0.0.1 that does as it is told, wrong things too.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace loam {

struct BadRequest {
  std::string path;                             ///< with the query
  std::map<std::string, std::string> headers;   ///< names in lower case
  int64_t from() const {                        ///< of "Range: bytes=N-"; -1 without one
    const auto it = headers.find("range");
    return it == headers.end() ? -1 : std::stoll(it->second.substr(6));
  }
};

struct BadReply {
  std::string status = "200 OK";
  std::map<std::string, std::string> headers;
  std::string body;
  int64_t length = -1;        ///< what Content-Length says; -1: the truth; -2: none at all
  int64_t cut_after = -1;     ///< the connection ends after so many bytes of the body
  int64_t drip_ms = 0;        ///< between bytes
};

class BadServer {
 public:
  using Handler = std::function<BadReply(const BadRequest&)>;
  explicit BadServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    ::listen(listener_, 64);
    accepter_ = std::thread([this] { accept_all(); });
  }
  ~BadServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    accepter_.join();
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& t : threads_) t.join();
    ::close(listener_);
  }
  std::string base() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<BadRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  int64_t asked(const std::string& path) {
    int64_t n = 0;
    for (const BadRequest& r : requests()) n += r.path == path;
    return n;
  }

  /// A file that can be had from any byte on, with an ETag, if the caller's is still right.
  static BadReply ranged(const BadRequest& request, const std::string& bytes, const std::string& etag) {
    BadReply reply;
    reply.headers["ETag"] = etag;
    const auto condition = request.headers.find("if-range");
    const int64_t from = request.from();
    if (from < 0 || (condition != request.headers.end() && condition->second != etag)) {
      reply.body = bytes;
      return reply;
    }
    if (from >= static_cast<int64_t>(bytes.size())) {
      reply.status = "416 Range Not Satisfiable";
      reply.headers["Content-Range"] = "bytes */" + std::to_string(bytes.size());
      return reply;
    }
    reply.status = "206 Partial Content";
    const std::string& range = request.headers.at("range");
    const size_t dash = range.find('-');
    const int64_t last = dash + 1 < range.size() ? std::stoll(range.substr(dash + 1)) : static_cast<int64_t>(bytes.size()) - 1;
    reply.body = bytes.substr(static_cast<size_t>(from), static_cast<size_t>(last - from + 1));
    reply.headers["Content-Range"] = "bytes " + std::to_string(from) + "-" + std::to_string(last) + "/" + std::to_string(bytes.size());
    return reply;
  }

 private:
  void accept_all() {
    while (!stopping_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] {
        serve(fd);
        const std::lock_guard closing(mutex_);
        std::erase(open_, fd);
        ::close(fd);
      });
    }
  }
  static bool send_all(int fd, const std::string& bytes) {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t n = ::send(fd, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (n <= 0) return false;
      at += static_cast<size_t>(n);
    }
    return true;
  }
  void serve(int fd) {
    std::string buffer;
    while (!stopping_) {
      size_t end = 0;
      while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
        char piece[4096];
        const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
        if (n <= 0) return;
        buffer.append(piece, static_cast<size_t>(n));
      }
      BadRequest request;
      std::string head = buffer.substr(0, end + 2);
      buffer.erase(0, end + 4);
      size_t line_end = head.find("\r\n");
      const std::string first = head.substr(0, line_end);
      request.path = first.substr(first.find(' ') + 1);
      request.path.resize(request.path.rfind(' '));
      for (size_t at = line_end + 2; (line_end = head.find("\r\n", at)) != std::string::npos; at = line_end + 2) {
        const std::string line = head.substr(at, line_end - at);
        std::string name = line.substr(0, line.find(':'));
        for (char& c : name) c = static_cast<char>(std::tolower(c));
        request.headers[name] = line.substr(std::min(line.size(), line.find(':') + 2));
      }
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      const BadReply reply = handler_(request);
      std::string text = "HTTP/1.1 " + reply.status + "\r\n";
      for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
      if (reply.length != -2) text += "Content-Length: " + std::to_string(reply.length >= 0 ? reply.length : static_cast<int64_t>(reply.body.size())) + "\r\n";
      if (reply.length == -2) text += "Connection: close\r\n";
      if (!send_all(fd, text + "\r\n")) return;
      const std::string body = reply.cut_after >= 0 ? reply.body.substr(0, static_cast<size_t>(reply.cut_after)) : reply.body;
      if (reply.drip_ms > 0) {
        for (const char c : body) {
          if (stopping_ || !send_all(fd, std::string(1, c))) return;
          std::this_thread::sleep_for(std::chrono::milliseconds(reply.drip_ms));
        }
      } else if (!send_all(fd, body)) {
        return;
      }
      if (reply.cut_after >= 0 || reply.length == -2) {
        ::shutdown(fd, SHUT_RDWR);
        return;
      }
    }
  }

  Handler handler_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread accepter_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<int> open_;
  std::vector<BadRequest> requests_;
};

}  // namespace loam
