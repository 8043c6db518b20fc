//! The listener: each connection is counted before anything is read of it, then comes TLS if there is any, then HTTP.
//!
//! As `actix_web::HttpServer` does it, which shows nobody a connection before it is served.

use std::{
    convert::Infallible,
    future::ready,
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use actix_http::{Extensions, HttpService, Protocol, error::DispatchError};
use actix_server::{GracefulShutdownSignal, Server};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_tls::accept::{
    TlsError, max_concurrent_tls_connect,
    rustls_0_23::{Acceptor, TlsStream, reexports::ServerConfig},
};
use actix_web::{
    App,
    dev::AppConfig,
    middleware::{DefaultHeaders, from_fn},
    rt::net::TcpStream,
    web::Data,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::line::{Doors, Line};
use crate::http::{self, Limits, Service};

/// A secured connection.
pub(super) type Secured = TlsStream<Line>;

/// How connections are secured.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) config: ServerConfig,
    /// Keeps for its requests what is known of a connection's caller.
    pub(super) met: fn(&Secured, &mut Extensions),
}

/// Serves on `listener`, until the server's handle stops it.
pub(super) fn serve(
    listener: TcpListener,
    service: Data<Service>,
    limits: Limits,
    tls: Option<Tls>,
) -> io::Result<Server> {
    let doors = Doors::new(limits);
    // Neither is ever reached: where one is, nobody at all is let in any more.
    let most = Doors::most(&limits);
    max_concurrent_tls_connect(most);
    let builder = Server::build()
        .max_concurrent_connections(most)
        .shutdown_timeout(limits.drain.as_secs())
        .disable_signals();
    let stopping = builder.graceful_shutdown_signal();
    let served = Served {
        service,
        limits,
        stopping,
    };
    let builder = match tls {
        None => builder.listen("http", listener, move || {
            plain(doors.clone(), served.clone())
        }),
        Some(tls) => builder.listen("https", listener, move || {
            secured(doors.clone(), served.clone(), tls.clone())
        }),
    };
    Ok(builder?.run())
}

/// What each connection is served with.
#[derive(Clone)]
struct Served {
    service: Data<Service>,
    limits: Limits,
    stopping: GracefulShutdownSignal,
}

/// What HTTP is spoken over.
type Spoken<T> = (T, Protocol, Option<SocketAddr>);

fn plain(
    doors: Doors,
    served: Served,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
{
    let met = |line: &Line, kept: &mut Extensions| drop(kept.insert(line.pace()));
    admitted(doors, false)
        .map(|line: Line| {
            let peer = line.peer();
            (line, Protocol::Http1, Some(peer))
        })
        .and_then(spoken(served, met))
}

fn secured(
    doors: Doors,
    served: Served,
    tls: Tls,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()>
{
    let Tls { mut config, met } = tls;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut acceptor = Acceptor::new(config);
    acceptor.set_handshake_timeout(served.limits.handshake);
    let met = move |stream: &Secured, kept: &mut Extensions| {
        kept.insert(stream.get_ref().0.pace());
        met(stream, kept);
    };
    admitted(doors, true)
        .and_then(acceptor.map_err(unsecured))
        .map(|stream: Secured| {
            let peer = stream.get_ref().0.peer();
            (stream, Protocol::Http1, Some(peer))
        })
        .and_then(spoken(served, met))
}

fn admitted(
    doors: Doors,
    secured: bool,
) -> impl ServiceFactory<TcpStream, Config = (), Response = Line, Error = DispatchError, InitError = ()>
{
    fn_service(move |stream: TcpStream| {
        ready(doors.admit(stream, secured).map_err(DispatchError::Io))
    })
}

fn unsecured(error: TlsError<io::Error, Infallible>) -> DispatchError {
    match error {
        TlsError::Service(never) => match never {},
        TlsError::Timeout => DispatchError::Io(io::ErrorKind::TimedOut.into()),
        TlsError::Tls(error) => DispatchError::Io(error),
    }
}

fn spoken<T: AsyncRead + AsyncWrite + Unpin + 'static, M: Fn(&T, &mut Extensions) + 'static>(
    served: Served,
    met: M,
) -> impl ServiceFactory<Spoken<T>, Config = (), Response = (), Error = DispatchError, InitError = ()>
{
    let Served {
        service,
        limits,
        stopping,
    } = served;
    let app = App::new()
        .app_data(service)
        .wrap(from_fn(http::observe))
        .wrap(headers())
        .configure(http::mount);
    let app = app
        .into_factory()
        .map_err(|error: actix_web::Error| error.error_response());
    HttpService::build()
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .client_request_timeout(limits.head)
        .keep_alive(limits.idle)
        .client_disconnect_timeout(LINGER)
        // A body is asked for more only when all before is sent: its guard depends on it (http/handed.rs). So head
        // and body leave one after the other, and neither may wait for an acknowledgement (line.rs).
        .h1_write_buffer_size(1)
        .on_connect_ext(met)
        .finish(map_config(app, |()| AppConfig::default()))
}

/// How long what a caller still sends is read after an early answer, so that it reads that.
const LINGER: Duration = Duration::from_secs(1);

/// No answer is for a cache or for a guess at its type.
fn headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("Cache-Control", "no-store"))
        .add(("X-Content-Type-Options", "nosniff"))
}
