//! Callers to the byte, from any address of loopback.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::wire::Reply;

/// Three sources.
pub const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
pub const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
pub const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

fn address(url: &str) -> SocketAddr {
    let (_, address) = url.split_once("://").unwrap();
    address.parse().unwrap()
}

/// A connection from that address.
pub fn from(source: Ipv4Addr, url: &str) -> TcpStream {
    narrow(source, url, None)
}

/// As [`from`], by a caller that takes so many bytes before it reads.
pub fn narrow(source: Ipv4Addr, url: &str, window: Option<usize>) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if let Some(bytes) = window {
        socket.set_recv_buffer_size(bytes).unwrap();
    }
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&address(url).into()).unwrap();
    let stream = TcpStream::from(socket);
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream
}

/// A request that leaves its connection open; an empty body is none.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> String {
    let bearer = match token {
        "" => String::new(),
        token => format!("Authorization: Bearer {token}\r\n"),
    };
    let about = match body {
        "" => String::new(),
        body => format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        ),
    };
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{bearer}{about}\r\n{body}")
}

/// Sends a request and reads its answer; the connection stays open.
pub fn once(stream: &mut TcpStream, request: &str) -> Reply {
    stream.write_all(request.as_bytes()).unwrap();
    answer(stream).unwrap_or_else(|| panic!("no answer to {request}"))
}

/// The next answer; `None` where the other side has closed.
pub fn answer(stream: &mut TcpStream) -> Option<Reply> {
    let mut text = head(stream)?;
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let reply = Reply { status, text };
    let length = reply.header("content-length").unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    text = reply.text + &String::from_utf8(body).unwrap();
    Some(Reply { status, text })
}

/// In one step where all of it is there.
fn head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut there) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        let bytes = stream.peek(&mut there).ok().filter(|bytes| *bytes > 0)?;
        let mut lines = there[..bytes].windows(4);
        let end = lines.position(|four| four == b"\r\n\r\n");
        let before = head.len();
        head.resize(before + end.map_or(1, |end| end + 4), 0);
        stream.read_exact(&mut head[before..]).ok()?;
    }
    String::from_utf8(head).ok()
}

/// The ports of service and caller of every connection of which the service still has its end, as the kernel says: who
/// asks a connection itself would have to read from it.
pub fn held() -> BTreeSet<(u16, u16)> {
    const ESTABLISHED: &str = "01";
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let lines = table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, remote) = (port(words.next()?)?, port(words.next()?)?);
        (words.next()? == ESTABLISHED).then_some((local, remote))
    });
    lines.collect()
}

fn port(address: &str) -> Option<u16> {
    let (_, port) = address.split_once(':')?;
    u16::from_str_radix(port, 16).ok()
}

/// A connection's two ports, as [`held`] has them.
pub fn ports(stream: &TcpStream, url: &str) -> (u16, u16) {
    (address(url).port(), stream.local_addr().unwrap().port())
}
