//! What systemd hears, at a real socket in its place: when requests are taken, that the service still works, that it
//! reloads and stops.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use crate::{
    appliance::{Served, Site},
    tls,
};

/// Slow machines included.
const PATIENCE: Duration = Duration::from_secs(30);

struct Systemd {
    socket: UnixDatagram,
    heard: Vec<String>,
}

impl Systemd {
    /// Listens, and has `site` serve, with a watchdog of two seconds.
    fn serve(site: &Site) -> (Self, Served) {
        let socket = UnixDatagram::bind(site.path("notify")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let made = site.init();
        assert!(made.status.success(), "{made:?}");
        let mut command = site.command(&["serve", "--config", "custodian.toml"]);
        command
            .env("NOTIFY_SOCKET", site.path("notify"))
            .env("WATCHDOG_USEC", "2000000");
        let served = site
            .spawn(command)
            .unwrap_or_else(|(_, log)| panic!("{log}"));
        let heard = Vec::new();
        (Self { socket, heard }, served)
    }

    /// The next lines, if some come within `within`.
    fn next(&mut self, within: Duration) -> Option<String> {
        let (begun, mut text) = (Instant::now(), [0; 4096]);
        while begun.elapsed() < within {
            if let Ok(length) = self.socket.recv(&mut text) {
                let lines = String::from_utf8(text[..length].to_vec()).unwrap();
                self.heard.push(lines.clone());
                return Some(lines);
            }
        }
        None
    }

    /// Waits until it hears this.
    #[track_caller]
    fn hears(&mut self, wanted: &str) -> String {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.next(PATIENCE) {
                Some(lines) if lines.contains(wanted) => return lines,
                _ => {}
            }
        }
        panic!("{wanted} was not heard, but {:?}", self.heard);
    }

    /// How many of what it hears in `within` is a sign of life.
    fn signs_of_life(&mut self, within: Duration) -> usize {
        let (begun, mut count) = (Instant::now(), 0);
        while begun.elapsed() < within {
            let heard = self.next(Duration::from_millis(100));
            count += usize::from(heard.is_some_and(|lines| lines == "WATCHDOG=1\n"));
        }
        count
    }
}

#[test]
fn systemd_hears_of_start_and_stop() {
    let site = Site::new();
    let (mut systemd, served) = Systemd::serve(&site);
    systemd.hears("READY=1");
    assert!(!systemd.heard.concat().contains("STOPPING"));
    systemd.hears("STATUS=ready");
    assert_eq!(served.stop(), Some(0));
    systemd.hears("STOPPING=1");
}

#[test]
fn systemd_hears_signs_of_life_until_the_service_hangs() {
    let site = Site::new();
    let (mut systemd, served) = Systemd::serve(&site);
    systemd.hears("READY=1");
    for _ in 0..3 {
        systemd.hears("WATCHDOG=1");
    }
    served.signal("-STOP");
    while systemd.next(Duration::from_millis(100)).is_some() {}
    assert_eq!(systemd.signs_of_life(Duration::from_secs(3)), 0);
    served.signal("-CONT");
    systemd.hears("WATCHDOG=1");
}

/// A new start would not bring it back, and would cost what goes on without it.
#[test]
fn a_token_that_is_away_does_not_stop_the_signs_of_life() {
    let site = Site::new();
    let (mut systemd, _served) = Systemd::serve(&site);
    systemd.hears("STATUS=ready");
    fs::rename(site.path("tokens"), site.path("away")).unwrap();
    systemd.hears("STATUS=not ready: the token does not answer");
    for _ in 0..3 {
        systemd.hears("WATCHDOG=1");
    }
    fs::rename(site.path("away"), site.path("tokens")).unwrap();
    systemd.hears("STATUS=ready");
}

#[test]
fn systemd_hears_of_a_reload_and_of_its_end() {
    let (site, ..) = tls::site("");
    let (mut systemd, served) = Systemd::serve(&site);
    systemd.hears("READY=1");
    served.signal("-HUP");
    let reload = systemd.hears("RELOADING=1");
    let at = reload
        .lines()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(at.unwrap().parse::<u64>().unwrap() > 0);
    systemd.hears("READY=1");
}
