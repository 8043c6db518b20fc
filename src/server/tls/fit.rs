//! Whether a certificate is for what the configuration names it for: rustls asks that of those that others show, not of
//! its own, and not of the authorities that it is given.

use std::path::Path;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::{
    certificate::X509Certificate, error::X509Error, prelude::FromDer, time::ASN1Time,
};

use crate::error::Source;

/// What the service shows, its own certificate first. Answers when the first of them ends; others that have ended are
/// cross-signatures that nobody needs any more.
pub(super) fn serves(
    file: &Path,
    chain: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Timestamp, Source> {
    let chain = read(file, chain)?;
    if let Some(leaf) = chain.first() {
        leaf.is_for_servers()?;
        leaf.ends(now)?;
    }
    ends(&chain, now)
}

/// Whose clients are let in. Answers when the first of them ends; one that has ended lets in nobody, and keeps no other
/// from it.
pub(super) fn authorises(
    file: &Path,
    authorities: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Timestamp, Source> {
    let authorities = read(file, authorities)?;
    authorities.iter().try_for_each(One::is_an_authority)?;
    ends(&authorities, now)
}

const INSTEAD: &str = "put one there that is valid";

/// A certificate of a file.
struct One<'a> {
    file: &'a Path,
    place: usize,
    says: X509Certificate<'a>,
}

fn read<'a>(file: &'a Path, all: &'a [CertificateDer<'_>]) -> Result<Vec<One<'a>>, Source> {
    let one = |(place, der): (usize, &'a CertificateDer<'_>)| {
        let (_, says) = X509Certificate::from_der(der)
            .map_err(|error| format!("{}: certificate {place}: {error}", file.display()))?;
        Ok(One { file, place, says })
    };
    (1..).zip(all).map(one).collect()
}

/// When the first of those that are valid ends.
fn ends(all: &[One<'_>], now: Timestamp) -> Result<Timestamp, Source> {
    let each = all.iter().map(|one| {
        one.ends(now).inspect_err(|error| {
            tracing::warn!(error, "a certificate is left out of account");
        })
    });
    let later =
        |first: Result<Timestamp, Source>, one: Result<Timestamp, Source>| match (first, one) {
            (Ok(first), Ok(one)) => Ok(first.min(one)),
            (Ok(valid), Err(_)) | (Err(_), Ok(valid)) => Ok(valid),
            (Err(first), Err(_)) => Err(first),
        };
    each.reduce(later).unwrap_or(Ok(Timestamp::MAX))
}

impl One<'_> {
    fn wrong(&self, why: &str) -> Source {
        let (file, place) = (self.file.display(), self.place);
        let subject = self.says.subject().to_string();
        format!("{file}: certificate {place} ({subject:?}) {why}").into()
    }

    /// A certificate is valid in the seconds of its beginning and its end too.
    fn ends(&self, now: Timestamp) -> Result<Timestamp, Source> {
        let times = self.says.validity();
        let (begin, end) = (time(times.not_before), time(times.not_after));
        if now.as_second() > end.as_second() {
            return Err(self.wrong(&format!("expired at {end}: {INSTEAD}")));
        }
        if now < begin {
            return Err(self.wrong(&format!(
                "is not valid before {begin}: if it is later than that, set the clock right; if not, {INSTEAD}"
            )));
        }
        Ok(end)
    }

    /// One that names no purpose is for all.
    fn is_for_servers(&self) -> Result<(), Source> {
        let lacks = |error: X509Error| self.wrong(&format!("has a broken key usage: {error}"));
        let usage = self.says.extended_key_usage().map_err(lacks)?;
        match usage.is_none_or(|usage| usage.value.server_auth) {
            true => Ok(()),
            false => Err(self.wrong(
                "is not for servers, so that no client takes it: put one there whose extended key usage has serverAuth",
            )),
        }
    }

    fn is_an_authority(&self) -> Result<(), Source> {
        match self.says.is_ca() {
            true => Ok(()),
            false => Err(self.wrong(
                "is not an authority's (basic constraints, CA): put the one there by which the clients' are signed",
            )),
        }
    }
}

/// What has no end ends in 9999 (RFC 5280, 4.1.2.5), which is two days later than a [`Timestamp`] can be.
fn time(time: ASN1Time) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
    };

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut about = CertificateParams::default();
        about.not_before = date_time_ymd(2020, 1, 1);
        about.not_after = date_time_ymd(2030, 1, 1);
        change(&mut about);
        let key = KeyPair::generate().unwrap();
        about.self_signed(&key).unwrap().der().clone()
    }

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn serves(chain: &[CertificateDer<'_>], now: &str) -> Result<Timestamp, String> {
        let done = super::serves(Path::new("shown.pem"), chain, at(now));
        done.map_err(|error| error.to_string())
    }

    fn says(done: Result<Timestamp, String>, word: &str) {
        let why = done.unwrap_err();
        assert!(why.starts_with("shown.pem: certificate "), "{why}");
        assert!(why.contains(word), "{why}");
    }

    #[test]
    fn a_certificate_is_valid_from_its_first_second_to_its_last() {
        let one = [made(|_| ())];
        says(serves(&one, "2019-12-31T23:59:59.9Z"), "not valid before");
        for inside in [
            "2020-01-01T00:00:00Z",
            "2025-01-01T00:00:00Z",
            "2030-01-01T00:00:00.9Z",
        ] {
            assert_eq!(serves(&one, inside), Ok(at("2030-01-01T00:00:00Z")));
        }
        says(serves(&one, "2030-01-01T00:00:01Z"), "expired at 2030");
    }

    #[test]
    fn a_chain_ends_with_the_first_of_its_certificates_that_has_not() {
        let early = || made(|about| about.not_after = date_time_ymd(2026, 1, 1));
        let chain = [made(|_| ()), early()];
        let ends = |chain: &[_], now: &str, end: &str| {
            assert_eq!(serves(chain, now), Ok(at(end)), "{now}");
        };
        ends(&chain, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z");
        ends(&chain, "2027-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
        let chain = [early(), made(|_| ())];
        says(serves(&chain, "2027-01-01T00:00:00Z"), "expired at 2026");
    }

    #[test]
    fn an_authority_that_has_ended_keeps_no_other_from_letting_in_its_clients() {
        let of = |year| {
            made(|about| {
                about.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
                about.not_after = date_time_ymd(year, 1, 1);
            })
        };
        let lets_in = |all: &[_]| {
            let done = super::authorises(Path::new("shown.pem"), all, at("2025-01-01T00:00:00Z"));
            done.map_err(|error| error.to_string())
        };
        let end = Ok(at("2030-01-01T00:00:00Z"));
        assert_eq!(lets_in(&[of(2024), of(2030), of(2031)]), end);
        says(lets_in(&[of(2024), of(2023)]), "expired at 2024");
    }

    #[test]
    fn a_certificate_without_an_end_ends_with_time_itself() {
        let one = [made(|about| about.not_after = date_time_ymd(9999, 12, 31))];
        let end = serves(&one, "2025-01-01T00:00:00Z");
        assert_eq!(end, Ok(Timestamp::MAX));
    }

    #[test]
    fn a_purpose_that_is_named_has_to_be_a_servers() {
        use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
        let of = |usages: &[ExtendedKeyUsagePurpose]| {
            let one = [made(|about| about.extended_key_usages = usages.to_vec())];
            serves(&one, "2025-01-01T00:00:00Z")
        };
        for usages in [&[][..], &[ServerAuth], &[ClientAuth, ServerAuth]] {
            assert!(of(usages).is_ok(), "{usages:?}");
        }
        for usages in [&[ClientAuth], &[Any]] {
            says(of(usages), "serverAuth");
        }
    }

    #[test]
    fn an_authority_says_that_it_is_one() {
        let authorises = |is_ca| {
            let one = [made(|about| about.is_ca = is_ca)];
            let done = super::authorises(Path::new("shown.pem"), &one, at("2025-01-01T00:00:00Z"));
            done.map_err(|error| error.to_string())
        };
        let end = Ok(at("2030-01-01T00:00:00Z"));
        assert_eq!(authorises(IsCa::Ca(BasicConstraints::Unconstrained)), end);
        for leaf in [IsCa::NoCa, IsCa::ExplicitNoCa] {
            says(authorises(leaf), "not an authority's");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let none = CertificateDer::from(b"no certificate".to_vec());
        says(serves(&[none], "2025-01-01T00:00:00Z"), "certificate 1: ");
    }
}
