//! The limits of the transport as a configuration file has them.

use super::{check::Check, file};
use crate::http::Limits;

impl Check {
    pub(super) fn limits(&mut self, said: &file::Limits) -> Limits {
        let usual = Limits::default();
        let key_wait = self.short("limits.key_wait", said.key_wait.as_deref(), usual.key_wait);
        let mut time = |key, text: &Option<String>, usual| self.time(key, text.as_deref(), usual);
        let limits = Limits {
            handshake: time("limits.handshake", &said.handshake, usual.handshake),
            head: time("limits.head", &said.head, usual.head),
            body: time("limits.body", &said.body, usual.body),
            answer: time("limits.answer", &said.answer, usual.answer),
            idle: time("limits.idle", &said.idle, usual.idle),
            key_wait,
            drain: time("limits.drain", &said.drain, usual.drain),
            body_bytes: said.body_bytes.unwrap_or(usual.body_bytes),
            event_bytes: said.event_bytes.unwrap_or(usual.event_bytes),
            large_bytes: said.large_bytes.unwrap_or(usual.large_bytes),
            connections: said.connections.unwrap_or(usual.connections),
            connections_per_source: said
                .connections_per_source
                .unwrap_or(usual.connections_per_source),
            requests: said.requests.unwrap_or(usual.requests),
            requests_per_principal: said
                .requests_per_principal
                .unwrap_or(usual.requests_per_principal),
            requests_per_second: said
                .requests_per_second
                .unwrap_or(usual.requests_per_second),
            burst: said.burst.unwrap_or(usual.burst),
            key_uses: said.key_uses.unwrap_or(usual.key_uses),
        };
        self.value("limits", limits.check());
        limits
    }
}
