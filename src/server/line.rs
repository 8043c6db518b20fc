//! A connection: its seat among all, and its end when its caller is too slow or has lost the seat.

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

use super::seats::{LEAVING, Seat, Seats};
use crate::http::{Known, Limits, Pace, Place, PlacesFor, network};

/// Connections that only hear that there are too many: of loopback, where whoever supervises the service asks how it
/// is, and of all others.
const CROWD: usize = 64;

/// The seats of all connections.
#[derive(Clone, Debug)]
pub(super) struct Doors {
    limits: Limits,
    seats: Arc<Seats>,
    crowd: Arc<PlacesFor<bool>>,
}

/// A connection that was let in.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    pace: Pace,
    late: Pin<Box<Sleep>>,
    place: Admitted,
}

#[derive(Debug)]
enum Admitted {
    Crowded { _place: Place<bool> },
    In { seat: Seat },
}

impl Doors {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            seats: Seats::new(limits.connections, limits.connections_per_source),
            crowd: PlacesFor::new(2 * CROWD, CROWD),
        }
    }

    /// More connections than are ever let in.
    pub(super) fn most(limits: &Limits) -> usize {
        limits.connections.saturating_add(4 * CROWD + LEAVING)
    }

    /// Lets a connection in.
    ///
    /// # Errors
    /// If there are too many even of those that only hear that.
    pub(super) fn admit(&self, stream: TcpStream, secured: bool) -> io::Result<Line> {
        stream.set_nodelay(true)?;
        let known = Known::default();
        let place = self.place(stream.peer_addr()?.ip(), known.clone())?;
        let crowded = match &place {
            Admitted::Crowded { .. } => true,
            Admitted::In { .. } => false,
        };
        Ok(Line {
            stream,
            pace: Pace::new(self.limits, secured, crowded, known),
            late: Box::pin(sleep_until(Instant::now())),
            place,
        })
    }

    fn place(&self, peer: IpAddr, known: Known) -> io::Result<Admitted> {
        let source = network(peer);
        if let Some(seat) = self.seats.take(source, known) {
            return Ok(Admitted::In { seat });
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

    /// Asked whenever the connection waits for its caller: wakes it when the time is over, or its seat is lost.
    fn over<T>(&mut self, task: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.place.is_lost(task) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
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

impl Admitted {
    fn is_lost(&self, task: &Context<'_>) -> bool {
        match self {
            Self::Crowded { .. } => false,
            Self::In { seat } => seat.is_lost(task),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut read = Poll::Pending;
        if this.pace.is_sated() {
            this.pace.wake_at_answer(task.waker());
        } else {
            let before = into.filled().len();
            read = Pin::new(&mut this.stream).poll_read(task, into);
            this.pace.heard(into.filled().len().saturating_sub(before));
        }
        match read {
            // Who sends without a pause is never waited for.
            _ if this.pace.is_over() => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => this.over(task),
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
            Poll::Pending => this.over(task),
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
            Poll::Pending => this.over(task),
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
