//! Path segments: names that cannot exist answer like names that do not.

use std::{
    future::{Ready, ready},
    str::FromStr,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use super::{
    caller::Who,
    problem::{Code, Problem},
};
use crate::{
    id::{DekName, Id},
    policy,
};

/// A name that stands in a path.
pub(super) trait InPath: FromStr {
    /// What the route table calls it.
    const SEGMENT: &'static str;
}

impl InPath for DekName {
    const SEGMENT: &'static str = "name";
}

impl InPath for Id {
    const SEGMENT: &'static str = "id";
}

/// A checked name out of the path.
pub(super) struct Segment<T>(pub(super) T);

impl<T: InPath + 'static> FromRequest for Segment<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = request.match_info().get(T::SEGMENT).unwrap_or_default();
        let name = text.parse().map(Self);
        ready(name.map_err(|_| Problem::of(Code::NotFound, "there is nothing of that name here")))
    }
}

/// The name of a DEK in the caller's grants: whoever has none reads 404 before its body is looked at.
pub(super) struct Granted(pub(super) DekName);

impl FromRequest for Granted {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let named = Segment::<DekName>::from_request(request, payload).into_inner();
        let who = Who::from_request(request, payload).into_inner();
        ready(named.and_then(|Segment(name)| {
            policy::use_dek(&who?.0.principal, &name)?;
            Ok(Self(name))
        }))
    }
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
