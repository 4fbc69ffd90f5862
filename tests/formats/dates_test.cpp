// Dates in the forms pages and mails use.
#include "loam/formats/dates.h"

#include <gtest/gtest.h>

namespace loam {
namespace {

TEST(Dates, Understood) {
  EXPECT_EQ(iso_date("2006-01-02"), "2006-01-02");
  EXPECT_EQ(iso_date("2006-01-02T15:04:05Z"), "2006-01-02T15:04:05Z");
  EXPECT_EQ(iso_date("2006-01-02T15:04:05.123+01:00"), "2006-01-02T15:04:05+01:00");
  EXPECT_EQ(iso_date("2006-01-02 15:04"), "2006-01-02T15:04:00");
  EXPECT_EQ(iso_date("2006-1-2T15:04:05-0530"), "2006-01-02T15:04:05-05:30");
  EXPECT_EQ(iso_date("20060102"), "2006-01-02");
  EXPECT_EQ(iso_date("2006/01/02"), "2006-01-02");
  EXPECT_EQ(iso_date("Mon, 2 Jan 2006 15:04:05 +0100 (CET)"), "2006-01-02T15:04:05+01:00");
  EXPECT_EQ(iso_date("Thu, 22 Aug 2002 12:36:23 GMT"), "2002-08-22T12:36:23Z");
  EXPECT_EQ(iso_date("2 Jan 06 15:04 +0000"), "2006-01-02T15:04:00Z");
  EXPECT_EQ(iso_date("Wed Aug 21 23:47:26 2002"), "2002-08-21T23:47:26");
  EXPECT_EQ(iso_date("Wed Aug 21 23:47:26 EDT 2002"), "2002-08-21T23:47:26");
  EXPECT_EQ(iso_date("Published on January 2nd, 2006 by me"), "2006-01-02");
  EXPECT_EQ(iso_date("2 September 1998"), "1998-09-02");
}

TEST(Dates, NotDates) {
  for (const char* text : {"", "yesterday", "2006", "2006-13-02", "2006-02-30", "99999999", "31 Feb 2006", "Mayor 2 1999x", "12:30", "1/2/3",
                           "999999999999999999999999-01-01", "Jan 1", "Mon, 99 Jan 2006"}) {
    EXPECT_EQ(iso_date(text), "") << text;
  }
}

}  // namespace
}  // namespace loam
