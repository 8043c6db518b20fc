//! What is played against: a house whose clock the game moves, or the real binary.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    house::House,
    service::{Answer, Service, agent, send},
};

pub struct Target {
    url: String,
    agent: ureq::Agent,
    /// None: real time, which the game cannot move.
    clock: Option<Arc<AtomicI64>>,
    pub delay: i64,
    pub lifetime: i64,
    /// The first principals: role and token.
    pub firsts: Vec<(&'static str, String)>,
    /// Who reads the log and is no part of the game.
    pub auditor: String,
    /// What is played in: its end is the end of the game.
    _house: Option<House>,
}

const DAY: i64 = 24 * 60 * 60;

pub fn house(house: House, delay: Duration) -> Target {
    let body =
        json!({"name": "reader", "subject": "reader", "roles": ["auditor"], "expires_in": "never"});
    let auditor = house.post(&house.ada, "/v1/admin/principals", body).is(201);
    let firsts = [
        ("admin", &house.ada),
        ("admin", &house.bob),
        ("operator", &house.operator),
        ("app", &house.app),
    ];
    Target {
        url: house.url.clone(),
        agent: agent(),
        clock: Some(house.seconds.clone()),
        delay: delay.as_secs() as i64,
        lifetime: 3650 * DAY,
        firsts: firsts.map(|(role, token)| (role, token.clone())).into(),
        auditor: auditor["token"].as_str().unwrap().to_owned(),
        _house: Some(house),
    }
}

pub fn dev(service: &Service) -> Target {
    let firsts = ["admin", "operator", "app"].map(|role| (role, service.token(role)));
    Target {
        url: service.url.clone(),
        agent: agent(),
        clock: None,
        delay: 0,
        lifetime: 90 * DAY,
        firsts: firsts.into(),
        auditor: service.token("auditor"),
        _house: None,
    }
}

impl Target {
    /// The time, if the game moves it.
    pub fn now(&self) -> Option<i64> {
        self.clock.as_ref().map(|clock| clock.load(SeqCst))
    }

    pub fn pass(&self, seconds: i64) {
        if let Some(clock) = &self.clock {
            clock.fetch_add(seconds, SeqCst);
        }
    }

    pub fn call(
        &self,
        token: &str,
        method: &str,
        path: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = more.to_vec();
        if !token.is_empty() {
            headers.push(("authorization", &bearer));
        }
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        send(
            &self.agent,
            method,
            &format!("{}{path}", self.url),
            &headers,
            body.as_bytes(),
        )
    }

    pub fn log(&self) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let path = format!("/v1/audit/entries?limit=500&from={}", all.len());
            let mut page = self.call(&self.auditor, "GET", &path, &[], "").is(200);
            match page["items"].take() {
                Value::Array(items) if !items.is_empty() => all.extend(items),
                _ => return all,
            }
        }
    }
}
