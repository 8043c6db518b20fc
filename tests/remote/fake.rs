//! A service that says what a test wants, and keeps what it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
};

/// What was asked.
#[derive(Debug)]
pub struct Asked {
    /// `GET /v1/… HTTP/1.1`, and the headers, names in lower case.
    pub head: Vec<String>,
    pub body: String,
}

impl Asked {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.iter().filter_map(|line| line.split_once(": "));
        headers.find(|(one, _)| *one == name).map(|found| found.1)
    }
}

/// Answers each request with the next of these and hangs up (an empty one is no answer); then it is gone.
pub fn service_that_says(answers: Vec<String>) -> (String, JoinHandle<Vec<Asked>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let answered = answers.iter().map(|answer| {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = read(&stream);
            stream.write_all(answer.as_bytes()).unwrap();
            asked
        });
        answered.collect()
    });
    (url, served)
}

pub fn answer(status: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{more}\r\n{body}"
    )
}

fn read(stream: &TcpStream) -> Asked {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        head.push(match value {
            "" => line.to_owned(),
            value => format!("{}: {value}", name.to_lowercase()),
        });
    }
    let mut asked = Asked {
        head,
        body: String::new(),
    };
    let length = asked.header("content-length").map(str::parse);
    let mut body = vec![0; length.map_or(0, Result::unwrap)];
    reader.read_exact(&mut body).unwrap();
    asked.body = String::from_utf8(body).unwrap();
    asked
}
