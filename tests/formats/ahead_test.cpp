// A stream read a block ahead: the same bytes and errors, and nothing of it used when it has gone.
#include "loam/formats/ahead.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "tests/support/unpacking.h"

namespace loam {
namespace {

TEST(ReadAhead, TheSameBytesInPiecesOfAnySize) {
  const std::string text = random_numbers(3'000'000, 1);
  for (const int helping : {-1, 0, 1, 3}) {
    HelpingThreads helpers(std::max(0, helping));
    for (const int64_t step : {int64_t{999}, int64_t{1} << 20}) {
      for (const int64_t made : {int64_t{100}, int64_t{1} << 22}) {
        EXPECT_TRUE(all_of(AsReader{read_ahead(in_steps(text, made), helping < 0 ? nullptr : &helpers.spare)}, step) == text) << helping << " " << step << " " << made;
      }
    }
    EXPECT_EQ(all_of(AsReader{read_ahead(read_text(""), helping < 0 ? nullptr : &helpers.spare)}, 10), "");
  }
}

TEST(ReadAhead, WhatTheSourceThrowsComesBehindItsBytes) {
  for (const int helping : {0, 2}) {
    HelpingThreads helpers(helping);
    int64_t left = 10;
    const AsReader in{read_ahead([&left](char* into, int64_t) -> int64_t {
      if (left == 0) fail(ErrorKind::input, "torn");
      *into = static_cast<char>('0' + --left);
      return 1;
    }, &helpers.spare)};
    std::string error;
    EXPECT_EQ(all_of(in, 4, &error), "9876543210");
    EXPECT_EQ(error, "torn");
    EXPECT_EQ(all_of(in, 4, &error), "");
    EXPECT_EQ(error, "torn");
  }
}

TEST(ReadAhead, GoneWhileABlockIsRead) {
  HelpingThreads helpers(2);
  for (int i = 0; i < 200; ++i) {
    auto text = std::make_unique<std::string>(random_numbers(1000, static_cast<unsigned>(i)));
    ReadBytes in = read_ahead(in_steps(*text, 100), &helpers.spare);
    std::string piece(50, '\0');
    EXPECT_EQ(in(piece.data(), 50), 50);
    in = nullptr;  // waits for who reads, or takes the work back
    text.reset();
  }
}

}  // namespace
}  // namespace loam
