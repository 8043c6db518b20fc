//! Path segments: names that cannot exist answer like names that do not.

use std::{
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use super::problem::{Code, Problem};
use crate::{
    crypto::merkle::tile::Tile,
    id::{DekName, DekVersion, Id, KekVersion},
};

/// A name that stands in a path.
pub(super) trait InPath: FromStr {
    /// What the route table calls it.
    const SEGMENT: &'static str;
}

impl InPath for DekName {
    const SEGMENT: &'static str = "name";
}

impl InPath for DekVersion {
    const SEGMENT: &'static str = "version";
}

impl InPath for KekVersion {
    const SEGMENT: &'static str = "kek";
}

impl InPath for Id {
    const SEGMENT: &'static str = "id";
}

impl InPath for Tile {
    const SEGMENT: &'static str = "tile";
}

/// How a path of the table is matched: the name of a tile has slashes in it.
pub(super) fn pattern(path: &str) -> String {
    path.replace("{tile}", "{tile:.+}")
}

/// A checked name out of the path.
pub(super) struct Segment<T>(pub(super) T);

impl<T: InPath + 'static> FromRequest for Segment<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get(T::SEGMENT).unwrap_or_default();
        let name = text.parse().map(Self);
        ready(name.map_err(|_| NOTHING))
    }
}

/// Refuses a path with a segment that can be no name, like any path that is not there: before anyone signs in.
pub(super) fn possible(request: &HttpRequest) -> Result<(), Problem> {
    let sound = |(segment, text): (&str, &str)| match segment {
        DekName::SEGMENT => text.parse::<DekName>().is_ok(),
        DekVersion::SEGMENT => text.parse::<DekVersion>().is_ok(),
        KekVersion::SEGMENT => text.parse::<KekVersion>().is_ok(),
        Tile::SEGMENT => text.parse::<Tile>().is_ok(),
        _ => text.parse::<Id>().is_ok(),
    };
    if request.match_info().iter().all(sound) {
        return Ok(());
    }
    Err(NOTHING)
}

const NOTHING: Problem = Problem::of(Code::NotFound, "there is nothing of that name here");

/// The DEK that a request's path names.
pub(super) fn dek(request: &HttpRequest) -> Option<DekName> {
    request.match_info().get(DekName::SEGMENT)?.parse().ok()
}

/// Whether the path names a tile of entries, which are never public.
pub(super) fn is_of_entries(request: &HttpRequest) -> bool {
    let tile = request.match_info().get(Tile::SEGMENT);
    tile.is_some_and(|tile| tile.parse::<Tile>().is_ok_and(|tile| tile.is_of_entries()))
}

/// What a refused request was about, as far as its path says so in plain characters.
pub(super) fn object(request: &HttpRequest) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let segments: Vec<_> = request
        .match_info()
        .iter()
        .map(|(_, value)| value)
        .collect();
    let sound = |value: &&str| value.len() <= 128 && value.bytes().all(plain);
    (!segments.is_empty() && segments.iter().all(sound)).then(|| segments.join("/"))
}
