// Work in a process of its own: what it says, how it fails, what is sent on to it.
#include "loam/base/child.h"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/memory.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

ErrorKind kind_thrown(const std::function<std::string()>& work, const std::string& text) {
  try {
    in_child("the work", work);
    ADD_FAILURE() << "nothing thrown";
    return ErrorKind::usage;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
    return e.kind();
  }
}

TEST(Child, SaysWhatTheWorkReturned) {
  const std::string long_text(3 << 20, 'x');  // more than a pipe holds
  EXPECT_EQ(in_child("the work", [&] { return long_text; }), long_text);
  EXPECT_EQ(in_child("the work", [] { return std::string(); }), "");
}

TEST(Child, HasTeamsOfItsOwn) {
  set_threads(3);
  auto sum = [] {
    std::vector<int> ones(1000, 0);
    parallel_for(1000, [&](int64_t i) { ones[static_cast<size_t>(i)] = 1; });
    int64_t n = 0;
    for (const int one : ones) n += one;
    return std::to_string(n);
  };
  EXPECT_EQ(sum(), "1000");
  EXPECT_EQ(in_child("the work", sum), "1000");
  EXPECT_EQ(sum(), "1000");
}

TEST(Child, ItsErrorsAreTheCallers) {
  EXPECT_EQ(kind_thrown([]() -> std::string { fail(ErrorKind::input, "line 7 is cut"); }, "line 7 is cut"), ErrorKind::input);
  EXPECT_EQ(kind_thrown([]() -> std::string { throw std::bad_alloc(); }, "out of memory"), ErrorKind::resource);
  EXPECT_EQ(kind_thrown([]() -> std::string { ::raise(SIGKILL); return ""; }, "the work was killed"), ErrorKind::resource);
  EXPECT_EQ(kind_thrown([]() -> std::string { std::signal(SIGTERM, SIG_DFL); ::raise(SIGTERM); return ""; }, "signal 15"), ErrorKind::internal);
  EXPECT_EQ(kind_thrown([]() -> std::string { ::_exit(0); }, "without a word"), ErrorKind::internal);
}

TEST(Child, WhatItTookGoesWithIt) {
  const int64_t before = peak_memory_bytes();
  const std::string held = in_child("the work", [] {
    std::vector<char> much(200 << 20);
    for (size_t i = 0; i < much.size(); i += 4096) much[i] = 1;
    return std::to_string(peak_memory_bytes());
  });
  EXPECT_GT(std::stoll(held), 200 << 20);
  EXPECT_LT(peak_memory_bytes() - before, 50 << 20);
}

TEST(Child, IsAskedToStopInPlaceOfTheCaller) {
  install_stop_signals();
  const pid_t caller = ::getpid();
  const std::string said = in_child("the work", [&] {
    ::kill(caller, SIGTERM);
    for (int i = 0; i < 1000 && !stop_requested(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return std::string(stop_requested() ? "stopped" : "went on");
  });
  EXPECT_EQ(said, "stopped");
  EXPECT_FALSE(stop_requested());
}

}  // namespace
}  // namespace loam
