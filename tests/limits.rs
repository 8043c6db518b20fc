//! What a caller may cost (issue 7): requests of a principal, guesses of a stranger, connections, slow clients, bodies,
//! overload. The real binary with small limits, spoken to over real sockets, from more than one address of loopback.

#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "support/alone.rs"]
mod alone;
#[path = "support/appliance.rs"]
mod appliance;
#[path = "support/authority.rs"]
mod authority;
#[path = "limits/bodies.rs"]
mod bodies;
#[path = "limits/callers.rs"]
mod callers;
#[path = "limits/connections.rs"]
mod connections;
#[path = "support/double.rs"]
mod double;
#[path = "limits/overload.rs"]
mod overload;
#[path = "limits/principals.rs"]
mod principals;
#[path = "limits/scene.rs"]
mod scene;
#[path = "support/service.rs"]
mod service;
#[path = "limits/slow.rs"]
mod slow;
#[path = "limits/smuggling.rs"]
mod smuggling;
#[path = "support/softhsm.rs"]
mod softhsm;
#[path = "limits/strangers.rs"]
mod strangers;
#[path = "support/wire.rs"]
mod wire;
