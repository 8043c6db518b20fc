//! Times in what is signed: one form of RFC 3339, so that a time has hardly more than one text.

use jiff::Timestamp;

/// RFC 3339 in UTC with `Z`, to the second or finer, and in no other form.
#[must_use]
pub fn instant(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.strip_suffix('Z')?.split_once('T')?;
    let (time, fraction) = rest
        .split_once('.')
        .map_or((rest, None), |(time, fraction)| (time, Some(fraction)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fine = date.len() == 10
        && time.len() == 8
        && !time.ends_with("60") // a leap second, which is no time of ours
        && fraction.is_none_or(|fraction| (1..=9).contains(&fraction.len()) && digits(fraction));
    fine.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn a_time_is_rfc_3339_in_utc_and_nothing_like_it() {
        for good in [
            "2026-11-23T10:00:00Z",
            "2026-11-23T10:00:00.5Z",
            "2026-11-23T10:00:00.123456000Z",
        ] {
            assert!(instant(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T10:00:00",
            "2026-11-23t10:00:00Z",
            "2026-11-23T10:00:00z",
            "2026-11-23 10:00:00Z",
            "2026-11-23T10:00Z",
            "2026-11-23T10:00:00+00:00",
            "2026-11-23T10:00:60Z",
            "2026-11-23T10:00:00,5Z",
            "2026-11-23T10:00:00.Z",
            "2026-11-23T10:00:00.1234567890Z",
            "2026-11-23T25:00:00Z",
            "2026-13-23T10:00:00Z",
            "20261123T100000Z",
            "2026-11-23T10:00:00Z[UTC]",
            "+002026-11-23T10:00:00Z",
            "2026-11-23T10:00:00ZZ",
        ] {
            assert!(instant(bad).is_none(), "{bad}");
        }
    }
}
