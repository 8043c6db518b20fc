//! The query of lists: which page.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Query};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;

use super::problem::{Code, Problem};

/// A query with known names only, each at most once.
pub(super) struct Params<T>(pub(super) T);

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageParams {
    /// Items of the page: 1 to 500, 50 unless given.
    #[param(minimum = 1, maximum = 500)]
    pub(super) limit: Option<usize>,
    /// The `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

impl<T: DeserializeOwned> Params<T> {
    /// Reads the query of a request whose body is read before.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let detail = "the query has an unknown, doubled or malformed parameter; see /openapi.json";
        let query = Query::<T>::from_query(request.query_string());
        let read = query.map(|query| Self(query.into_inner()));
        read.map_err(|_| Problem::of(Code::InvalidRequest, detail))
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Params<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request))
    }
}
