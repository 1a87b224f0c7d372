//! Moments, as git has them: seconds since 1970, in UTC.

/// Seconds since the beginning of 1970, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// As RFC 3339 in UTC, `2026-11-24T18:11:12Z`.
    pub fn rfc3339(self) -> String {
        let (days, seconds) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        // Civil from days: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }

    /// Of RFC 3339 in UTC, as [`Timestamp::rfc3339`] writes it; none of any other text.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
        if text.len() != 20 || !text.ends_with('Z') {
            return None;
        }
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        // Days from civil: Howard Hinnant, as above.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year - era * 400;
        let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        Some(Timestamp(days * 86_400 + hour * 3_600 + minute * 60 + second))
    }

    /// How long before `now` this was, as git says it: `3 hours ago` becomes `3 hours`.
    pub fn age(self, now: Timestamp) -> String {
        let seconds = (now.0 - self.0).max(0);
        let (count, unit) = match seconds {
            0..90 => (seconds, "second"),
            90..5_400 => ((seconds + 30) / 60, "minute"),
            5_400..129_600 => ((seconds + 1_800) / 3_600, "hour"),
            129_600..1_209_600 => ((seconds + 43_200) / 86_400, "day"),
            1_209_600..6_048_000 => ((seconds + 302_400) / 604_800, "week"),
            6_048_000..63_072_000 => ((seconds + 1_314_000) / 2_628_000, "month"),
            _ => (seconds / 31_536_000, "year"),
        };
        format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
    }

    /// Seconds of a span such as `14d`, `90 days`, `2 weeks`; a number alone is days. None if it is no span.
    pub fn parse_span(text: &str) -> Option<i64> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let count: i64 = text[..digits].parse().ok()?;
        let unit = text[digits..].trim_start_matches([' ', '.', '-']);
        let seconds = match unit {
            "s" | "sec" | "second" | "seconds" => 1,
            "min" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3_600,
            "" | "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            "month" | "months" => 2_592_000,
            "y" | "year" | "years" => 31_536_000,
            _ => return None,
        };
        count.checked_mul(seconds)
    }

    /// Whole days before `now`.
    pub fn days_before(self, now: Timestamp) -> i64 {
        (now.0 - self.0).max(0) / 86_400
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_knows_leap_days_and_the_past() {
        assert_eq!(Timestamp(0).rfc3339(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp(951_782_400).rfc3339(), "2000-02-29T00:00:00Z");
        assert_eq!(Timestamp(1_732_471_872).rfc3339(), "2024-11-24T18:11:12Z");
        assert_eq!(Timestamp(-1).rfc3339(), "1969-12-31T23:59:59Z");
        for seconds in [0, 951_782_400, 1_732_471_872, 4_102_444_799] {
            assert_eq!(Timestamp::parse(&Timestamp(seconds).rfc3339()), Some(Timestamp(seconds)));
        }
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn spans_are_numbers_with_a_unit() {
        for (text, seconds) in [("14d", 1_209_600), ("90 days", 7_776_000), ("2 weeks", 1_209_600), ("3", 259_200)] {
            assert_eq!(Timestamp::parse_span(text), Some(seconds), "{text}");
        }
        for text in ["", "d", "-3d", "5 moons", "99999999999999999999d", "9223372036854775807y"] {
            assert_eq!(Timestamp::parse_span(text), None, "{text}");
        }
    }

    #[test]
    fn ages_read_as_git_says_them() {
        let now = Timestamp(100_000_000);
        let before = |seconds| Timestamp(now.0 - seconds).age(now);
        assert_eq!(before(1), "1 second");
        assert_eq!(before(89), "89 seconds");
        assert_eq!(before(90), "2 minutes");
        assert_eq!(before(7_200), "2 hours");
        assert_eq!(before(86_400 * 3), "3 days");
        assert_eq!(before(86_400 * 21), "3 weeks");
        assert_eq!(before(-5), "0 seconds");
    }
}
