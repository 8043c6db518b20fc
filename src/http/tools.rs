//! Signed MCP tools over REST (api.md section 10).

use std::{ops::RangeInclusive, time::Duration};

use actix_web::{HttpResponse, web::Data};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{
    ToSchema,
    openapi::{Array, ArrayBuilder, ObjectBuilder, Type},
};

use super::{
    Service,
    body::Body,
    caller::Who,
    problem::Problem,
    reply::{self, block, use_key},
};
use crate::{
    crypto::tools::{self, Amtss, Answer, MOST_TOOLS, NAME_CHARACTERS, Verdict},
    custodian::{
        Custodian,
        tools::{Expectation, ToSign},
    },
    duration::Period,
    error::Error,
    policy,
};

/// How long a signature may hold.
const LIFETIMES: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(365 * 24);

/// Tools to sign.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignTools {
    #[schema(schema_with = named_tools)]
    tools: Box<RawValue>,
    /// Whose tools they are; absent: the principal's own name. Another one needs a grant.
    #[schema(pattern = r"^[^\u0000-\u001f\u007f-\u009f]{1,128}$")]
    server: Option<String>,
    /// How long the signature holds, from `1m` to `365d`; absent: `24h`.
    #[schema(example = "24h", pattern = "^[1-9][0-9]*[smhd]$")]
    expires_in: Option<String>,
}

/// Tools to judge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JudgeTools {
    /// The array of a `tools/list` result.
    #[schema(value_type = Vec<Value>)]
    tools: Box<RawValue>,
    /// What came with it.
    #[serde(rename = "_meta")]
    #[schema(value_type = Object)]
    meta: Box<RawValue>,
    /// Whose tools they must be.
    expected_server: Option<String>,
    /// These are one page of the list, or one tool of it: what is missing is said, and no fault.
    #[serde(default)]
    partial: bool,
}

/// A `tools/list` result that a client can check.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedTools {
    /// As they were sent, byte for byte.
    #[schema(value_type = Vec<Object>)]
    tools: Box<RawValue>,
    #[serde(rename = "_meta")]
    meta: Meta,
}

#[derive(Serialize, ToSchema)]
struct Meta {
    /// `alg`, `keyid`, `manifest` and `signature`.
    #[serde(rename = "aegis-custodian/amtss")]
    #[schema(value_type = Object)]
    amtss: Amtss,
}

/// Sign the tools of an MCP server; the answer is a `tools/list` result.
#[utoipa::path(post, path = "/v1/mcp/tools/sign", tag = "mcp", request_body = SignTools,
    responses((status = 200, description = "The tools with their signed manifest", body = SignedTools)))]
pub(super) async fn sign(
    service: Data<Service>,
    Who(who): Who,
    body: Body<SignTools>,
) -> Result<HttpResponse, Problem> {
    let SignTools {
        tools,
        server,
        expires_in,
    } = body.value;
    let server = server.map(name).transpose()?;
    // The verb asks too; whoever may not is not told first what else is wrong.
    if let Some(server) = &server {
        policy::speak_for(&who.principal, server)?;
    }
    let lifetime = lifetime(expires_in.as_deref())?;
    // Not among those that use keys: reading a long list takes its time.
    let read = move |_: &Custodian| Ok((tools::digests(tools.get())?, tools));
    let (digests, tools) = block(&service, read).await?;
    let list = ToSign {
        tools: digests,
        server,
        lifetime,
    };
    let signed = use_key(&service, who.principal.id.clone(), move |custodian| {
        custodian.sign_tools(&who, list)
    });
    let meta = Meta {
        amtss: signed.await?,
    };
    Ok(reply::ok(&SignedTools { tools, meta }))
}

/// Judge tools by this service's keys; the offline `custodian verify tools` needs no service.
#[utoipa::path(post, path = "/v1/mcp/tools/verify", tag = "mcp", request_body = JudgeTools,
    responses((status = 200, description = "The verdict", body = Verdict)))]
pub(super) async fn verify(
    service: Data<Service>,
    body: Body<JudgeTools>,
) -> Result<HttpResponse, Problem> {
    let (answer, expectation) = body.value.check()?;
    let verdict = block(&service, move |custodian| {
        custodian.judge_tools(&answer, &expectation)
    });
    Ok(reply::ok(&verdict.await?))
}

impl JudgeTools {
    fn check(self) -> Result<(Answer, Expectation), Error> {
        if !self.tools.get().starts_with('[') {
            return Err(Error::Invalid(
                "tools is an array, as tools/list answers it",
            ));
        }
        if !self.meta.get().starts_with('{') {
            return Err(Error::Invalid(
                "_meta is an object, as it came with the tools",
            ));
        }
        let answer = Answer {
            tools: self.tools,
            meta: Some(self.meta),
        };
        let expectation = Expectation {
            server: self.expected_server,
            partial: self.partial,
        };
        Ok((answer, expectation))
    }
}

/// What the description says of tools that are to be signed.
fn named_tools() -> Array {
    let name = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(NAME_CHARACTERS));
    let tool = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("name", name)
        .required("name");
    ArrayBuilder::new()
        .items(tool)
        .max_items(Some(MOST_TOOLS))
        .description(Some(
            "The array of a `tools/list` result, all pages of it; each name once, integers within ±(2^53 - 1) \
             however they are written (numbers from 10^21 on have an exponent in RFC 8785 and are none).",
        ))
        .build()
}

fn lifetime(asked: Option<&str>) -> Result<Period, Error> {
    let period = asked.unwrap_or("24h").parse::<Period>().ok();
    let period = period.filter(|period| LIFETIMES.contains(&period.duration()));
    period.ok_or(Error::Invalid(
        "expires_in is a duration such as 24h, from 1m to 365d",
    ))
}

fn name(server: String) -> Result<String, Error> {
    match policy::is_name(&server) {
        true => Ok(server),
        false => Err(Error::Invalid(
            "server has 1 to 128 characters, none of them a control character",
        )),
    }
}
