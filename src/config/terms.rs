//! What a configuration file must say, and what its values must not be together. Every sentence says what to do.

use std::{borrow::Cow, net::SocketAddr, time::Duration};

use super::{
    ClientCertificates, Config, KEK_DEADLINE, Kek, Logging, Pin, Refusal, TERMS, Tls,
    check::Check,
    file::{self, File, Words},
    values::{
        binding, built_schemes, credential_name, dek_cache, instance, kek_deadline, kek_rotation,
        log_origin, network, pii_field, scheme,
    },
};
use crate::{
    crypto::scheme::{Network, Scheme},
    custodian::{Fields, KekRotation, LogTerms, Quorum, Terms},
    duration::Period,
    telemetry,
    words::Binding,
};

/// Where the service listens unless an address is given.
const LISTEN: &str = "127.0.0.1:7820";

/// How long a token lives unless another time is asked for.
const TOKEN_LIFETIME: Period = Period::days(90);

/// How long a DEK version that is to be destroyed can be saved unless another time is configured.
const DESTROY_DELAY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The shortest such time: long enough for somebody to notice.
const SHORTEST_DELAY: Duration = Duration::from_secs(60 * 60);

/// Sessions of a token: one worker serves SoftHSM best, two serve many callers alike; a network HSM wants more.
const SESSIONS: usize = 2;

/// How often the newest checkpoint is written into the token: flash memory wears out.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// The longest such time.
const LONGEST_NOTE: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest that an override may stay open, whatever is configured.
const LONGEST_OVERRIDE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Checks everything, and says everything that is wrong at once, beside what was found `wrong` before.
pub(super) fn check(file: File, wrong: Vec<String>) -> Result<Config, Refusal> {
    let mut check = Check { wrong };
    let config = check.config(file);
    match config {
        Some(config) if check.wrong.is_empty() => Ok(config),
        _ => Err(Refusal(check.wrong)),
    }
}

impl Check {
    fn config(&mut self, file: File) -> Option<Config> {
        let data_dir = self.needed(
            "data_dir",
            file.data_dir,
            "the folder of the database, such as /var/lib/aegis-custodian",
        );
        let data_dir = data_dir.and_then(|path| self.absolute("data_dir", path));
        let name = self.needed(
            "instance",
            file.instance,
            "the name of this service, which custodians sign, such as custodian.example.com",
        );
        let name = name.and_then(|name| self.value("instance", instance(&name)));
        let listen = self.listen(file.listen);
        let tls = (file.tls != file::Tls::default()).then(|| self.tls(file.tls));
        if tls.is_none() && listen.is_some_and(|listen| !listen.ip().is_loopback()) {
            self.wrong::<()>("listen.address", "others can reach this address, and without TLS they would read every token: add [tls] with certificate and key, or listen on 127.0.0.1");
        }
        let quorum = self.quorum(file.admins.quorum);
        let token_lifetime = self.period(
            "admins.token_lifetime",
            file.admins.token_lifetime,
            TOKEN_LIFETIME,
        );
        let kek_rotation = self.or(
            "kek.rotation",
            file.kek.rotation.as_deref(),
            kek_rotation,
            KekRotation::ByItself,
        );
        let note_every = self.time("kek.note_every", file.kek.note_every.as_deref(), NOTE_EVERY);
        if note_every > LONGEST_NOTE {
            self.wrong::<()>("kek.note_every", "at most 1d: an older copy of the database is noticed by what the token was given last");
        }
        let kek = self.kek(file.kek);
        let dek_cache = self.or(
            "deks.cache",
            file.deks.cache.as_deref(),
            dek_cache,
            super::DEK_CACHE,
        );
        let destroy_delay = self.destroy_delay(file.deks.destroy_delay);
        let mut asked = file.overrides;
        let schemes = asked.schemes.take().map(Words::list);
        let schemes = self.schemes(schemes.as_deref());
        let network = self.or(
            "overrides.bitcoin_network",
            asked.bitcoin_network.as_deref(),
            network,
            Network::Bitcoin,
        );
        let overrides = self.overrides(asked);
        let pii_fields = file.pii.fields.map(Words::list);
        let pii_fields = self.pii(pii_fields.as_deref());
        let limits = self.limits(&file.limits);
        let logging = self.logging(file.log);
        let origin = file.audit.origin.or_else(|| name.clone());
        let origin = origin.and_then(|origin| self.value("audit.origin", log_origin(&origin)));
        let log = LogTerms {
            origin: origin?.into(),
            public_tiles: file.audit.public_tiles,
            note_every,
        };
        Some(Config {
            data_dir: data_dir?,
            listen: listen?,
            kek: kek?,
            admin_quorum: quorum,
            token_lifetime,
            dek_cache,
            destroy_delay,
            kek_rotation,
            instance: name?,
            schemes,
            network,
            overrides,
            pii_fields,
            log,
            limits,
            tls: tls.map_or(Some(None), |tls| tls.map(Some))?,
            logging,
        })
    }

    fn listen(&mut self, listen: file::Listen) -> Option<SocketAddr> {
        let text = listen.address.as_deref().unwrap_or(LISTEN);
        let parsed = text.parse().map_err(
            |_| "an address is an IP address and a port, such as 127.0.0.1:7820 or [::1]:7820",
        );
        self.value("listen.address", parsed)
    }

    fn tls(&mut self, tls: file::Tls) -> Option<Tls> {
        let certificate = self.needed(
            "tls.certificate",
            tls.certificate,
            "the server's certificate and those that vouch for it, PEM",
        );
        let key = self.needed("tls.key", tls.key, "the certificate's key, PEM, mode 0600");
        let certificate = certificate.and_then(|path| self.absolute("tls.certificate", path));
        let key = key.and_then(|path| self.absolute("tls.key", path));
        let ca = tls
            .client_ca
            .map(|path| self.absolute("tls.client_ca", path));
        let clients = match (tls.client_certificates.as_deref().unwrap_or("off"), ca) {
            ("off", None) => Some(ClientCertificates::Off),
            ("off", Some(_)) => self.wrong("tls.client_certificates", "it is off, and tls.client_ca says whose certificates count: say optional or required, or leave tls.client_ca out"),
            ("optional", Some(ca)) => ca.map(ClientCertificates::Optional),
            ("required", Some(ca)) => ca.map(ClientCertificates::Required),
            ("optional" | "required", None) => self.wrong("tls.client_ca", "name the certificates of the authorities whose clients are let in, PEM"),
            _ => self.wrong("tls.client_certificates", "they are off, optional or required"),
        };
        Some(Tls {
            certificate: certificate?,
            key: key?,
            clients: clients?,
        })
    }

    fn kek(&mut self, kek: file::Kek) -> Option<Kek> {
        let software = "software keeps the KEK in a file: that is for `custodian dev --kek software` only; name a PKCS#11 token";
        let other = "it is pkcs11; see `custodian doctor` for what this build offers";
        let why = match kek.provider.as_deref() {
            None | Some("pkcs11") => None,
            Some("software") => Some(software),
            Some(_) => Some(other),
        };
        if let Some(why) = why {
            self.wrong::<()>("kek.provider", why);
        }
        let module = self.needed(
            "kek.module",
            kek.module.clone(),
            "the vendor's PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so",
        );
        let module = module.and_then(|path| self.absolute("kek.module", path));
        let token = self.needed("kek.token", kek.token.clone(), "the token's label");
        let sessions = kek.sessions.unwrap_or(SESSIONS);
        if !(1..=64).contains(&sessions) {
            self.wrong::<()>(
                "kek.sessions",
                "sessions are 1 to 64; one or two serve SoftHSM best, a network HSM wants about 8",
            );
        }
        let deadline = self.or(
            "kek.deadline",
            kek.deadline.as_deref(),
            kek_deadline,
            KEK_DEADLINE,
        );
        let pin = self.pin(kek);
        Some(Kek::Pkcs11 {
            module: module?,
            token: token?,
            pin: pin?,
            sessions,
            deadline,
        })
    }

    fn pin(&mut self, kek: file::Kek) -> Option<Pin> {
        if kek.pin.is_some() {
            return self.wrong("kek.pin", "a PIN never stands in a configuration, where backups and eyes find it: put it into a file of mode 0600 and name that as kek.pin_file, or take kek.pin_credential or kek.pin_prompt");
        }
        match (kek.pin_file, kek.pin_credential, kek.pin_prompt) {
            (Some(file), None, false) => self.absolute("kek.pin_file", file).map(Pin::File),
            (None, Some(name), false) => self.value("kek.pin_credential", credential_name(&name)).map(Pin::Credential),
            (None, None, true) => Some(Pin::Terminal),
            (None, None, false) => self.wrong("kek.pin_file", "say where the token's PIN is: kek.pin_file (mode 0600), kek.pin_credential (a systemd credential's name), or kek.pin_prompt = true"),
            _ => self.wrong("kek.pin_file", "say one place of the PIN only: kek.pin_file, kek.pin_credential or kek.pin_prompt"),
        }
    }

    fn quorum(&mut self, quorum: Option<u8>) -> Quorum {
        match quorum {
            None | Some(2) => {}
            Some(_) => {
                self.wrong::<()>("admins.quorum", "it is 2: one proposes, another approves; only `custodian dev` lets one admin decide alone");
            }
        }
        Quorum::Two
    }

    fn destroy_delay(&mut self, text: Option<String>) -> Duration {
        let delay = self.time("deks.destroy_delay", text.as_deref(), DESTROY_DELAY);
        if delay < SHORTEST_DELAY {
            self.wrong::<()>("deks.destroy_delay", "at least 1h, so that a wrong destruction is noticed while it can be cancelled; 7d is usual");
        }
        delay
    }

    fn schemes(&mut self, names: Option<&[String]>) -> Vec<Scheme> {
        let Some(names) = names else {
            return built_schemes().collect();
        };
        if names.is_empty() {
            self.wrong::<()>(
                "overrides.schemes",
                "name at least one signature scheme, or leave it out for all that this build has",
            );
        }
        let read = |name: &String| self.value("overrides.schemes", scheme(name));
        names.iter().filter_map(read).collect()
    }

    fn overrides(&mut self, overrides: file::Overrides) -> Terms {
        let longest = self.time(
            "overrides.longest",
            overrides.longest.as_deref(),
            TERMS.longest,
        );
        if !(Duration::from_secs(60)..=LONGEST_OVERRIDE).contains(&longest) {
            self.wrong::<()>(
                "overrides.longest",
                "an override stays open for 1m to 7d; 24h is usual",
            );
        }
        let policy_version = overrides
            .policy_version
            .map_or(TERMS.policy_version, Cow::Owned);
        if !(1..=128).contains(&policy_version.len())
            || policy_version.chars().any(char::is_control)
        {
            self.wrong::<()>(
                "overrides.policy_version",
                "the governance policy's version is 1 to 128 characters",
            );
        }
        Terms {
            binding: self.or(
                "overrides.binding",
                overrides.binding.as_deref(),
                binding,
                Binding::Bound,
            ),
            longest,
            require_on_behalf_of: overrides.require_on_behalf_of,
            policy_version,
        }
    }

    fn pii(&mut self, names: Option<&[String]>) -> Fields {
        let Some(names) = names else {
            return Fields::STANDARD;
        };
        if names.is_empty() {
            self.wrong::<()>("pii.fields", "without a field nothing personal would be encrypted: name some, or leave it out for the twelve standard ones");
        }
        let read = |name: &String| self.value("pii.fields", pii_field(name));
        Fields::of(names.iter().filter_map(read).collect::<Vec<_>>())
    }

    fn logging(&mut self, log: file::Log) -> Logging {
        let format = log
            .format
            .as_deref()
            .and_then(|name| self.value("log.format", name.parse()));
        let level = log.level;
        let level = level.and_then(|level| self.value("log.level", telemetry::level(level)));
        Logging { level, format }
    }
}
