//! A connection: its place among all, and its end when its caller is too slow.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_web::rt::{
    net::{ActixStream, Ready, TcpStream},
    time::{Instant, Sleep, sleep_until},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::http::{Limits, Pace, Place, PlacesFor, network};

/// Connections that only hear that there are too many: of loopback, where whoever supervises the service asks how it
/// is, and of all others.
const CROWD: usize = 64;

/// The places of all connections.
#[derive(Clone, Debug)]
pub(super) struct Doors {
    limits: Limits,
    connections: Arc<PlacesFor<IpAddr>>,
    crowd: Arc<PlacesFor<bool>>,
}

/// A connection that was let in.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    pace: Pace,
    late: Pin<Box<Sleep>>,
    _place: Admitted,
}

#[derive(Debug)]
enum Admitted {
    Crowded { _place: Place<bool> },
    In { _place: Place<IpAddr> },
}

impl Doors {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            connections: PlacesFor::new(limits.connections, limits.connections_per_source),
            crowd: PlacesFor::new(2 * CROWD, CROWD),
        }
    }

    /// More connections than are ever let in.
    pub(super) fn most(limits: &Limits) -> usize {
        limits.connections.saturating_add(4 * CROWD)
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// If there are too many even of those that only hear that.
    pub(super) fn admit(&self, stream: TcpStream, secured: bool) -> io::Result<Line> {
        stream.set_nodelay(true)?;
        let place = self.place(stream.peer_addr()?.ip())?;
        let crowded = match &place {
            Admitted::Crowded { .. } => true,
            Admitted::In { .. } => false,
        };
        Ok(Line {
            stream,
            pace: Pace::new(self.limits, secured, crowded),
            late: Box::pin(sleep_until(Instant::now())),
            _place: place,
        })
    }

    fn place(&self, peer: IpAddr) -> io::Result<Admitted> {
        let source = network(peer);
        if let Ok(_place) = self.connections.take(source) {
            return Ok(Admitted::In { _place });
        }
        let crowded = self.crowd.take(source.is_loopback());
        let crowded = crowded.map(|_place| Admitted::Crowded { _place });
        crowded.map_err(|_| io::Error::other("too many connections"))
    }
}

impl Line {
    pub(super) fn pace(&self) -> Pace {
        self.pace.clone()
    }

    pub(super) fn peer(&self) -> SocketAddr {
        let unknown = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        self.stream.peer_addr().unwrap_or(unknown)
    }

    /// Asked whenever the connection waits for its caller: wakes it when the time is over.
    fn too_late<T>(&mut self, task: &mut Context<'_>) -> Poll<io::Result<T>> {
        let Some(until) = self.pace.until().map(Instant::from_std) else {
            return Poll::Pending;
        };
        if self.late.deadline() != until {
            self.late.as_mut().reset(until);
        }
        let slow = |()| Err(io::Error::from(io::ErrorKind::TimedOut));
        self.late.as_mut().poll(task).map(slow)
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(task, into);
        if into.filled().len() > before {
            this.pace.heard();
        }
        match read {
            Poll::Pending => this.too_late(task),
            Poll::Ready(read) => Poll::Ready(read),
        }
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(task, bytes) {
            Poll::Pending => this.too_late(task),
            Poll::Ready(written) => Poll::Ready(written),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(task)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(task, pieces) {
            Poll::Pending => this.too_late(task),
            Poll::Ready(written) => Poll::Ready(written),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl ActixStream for Line {
    fn poll_read_ready(&self, task: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.stream, task)
    }

    fn poll_write_ready(&self, task: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.stream, task)
    }
}
