// Work done early or in its turn, once either way.
#include "loam/base/spare_work.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace loam {
namespace {

TEST(SpareWork, OnceWhoeverDoesIt) {
  SpareWork spare(3);
  int done = 0;
  EXPECT_FALSE(spare.waiting());
  EXPECT_FALSE(spare.help());
  auto helped = spare.offer([&] { done += 1; });
  auto needed = spare.offer([&] { done += 10; });
  EXPECT_TRUE(spare.waiting());
  EXPECT_TRUE(spare.help());  // the first that was offered
  EXPECT_EQ(done, 1);
  needed->finish();
  needed->finish();
  helped->finish();
  EXPECT_EQ(done, 11);
  EXPECT_FALSE(spare.help());
}

TEST(SpareWork, RoomIsWhatIsHeld) {
  SpareWork spare(2), none(0);
  EXPECT_FALSE(none.room());
  int done = 0;
  auto one = spare.offer([&] { ++done; });
  EXPECT_TRUE(spare.room());
  auto two = spare.offer([&] { ++done; });
  EXPECT_FALSE(spare.room());
  one->finish();
  EXPECT_FALSE(spare.room());  // what it made is still held
  one.reset();
  EXPECT_TRUE(spare.room());
  two.reset();  // taken back
  EXPECT_FALSE(spare.help());
  EXPECT_EQ(done, 1);
}

TEST(SpareWork, WhatItThrewIsThrownToWhoNeedsIt) {
  SpareWork spare(2);
  auto piece = spare.offer([] { throw std::runtime_error("no"); });
  EXPECT_TRUE(spare.help());
  EXPECT_THROW(piece->finish(), std::runtime_error);
  EXPECT_THROW(piece->finish(), std::runtime_error);
}

TEST(SpareWork, ManyThreads) {
  std::atomic<int> offered = 0, sum = 0;
  std::atomic<bool> over = false;
  SpareWork spare(8, [&] { ++offered; });
  std::vector<std::thread> helpers;
  for (int i = 0; i < 3; ++i) {
    helpers.emplace_back([&] {
      while (!over) {
        if (!spare.help()) std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < 2000; ++i) {
    auto first = spare.offer([&] { ++sum; }), second = spare.offer([&] { ++sum; });
    second->finish();
    first->finish();
    ASSERT_EQ(sum, 2 * (i + 1));
  }
  over = true;
  for (auto& helper : helpers) helper.join();
  EXPECT_EQ(offered, 4000);
  EXPECT_TRUE(spare.room());
}

}  // namespace
}  // namespace loam
