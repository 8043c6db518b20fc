//! The service in this process: a real database and a software KEK below a folder that goes away.
//!
//! What a call changed is undone: a world is made once, and each new one is a copy of its database. So an input
//! does the same whatever came before it, and a crash comes again from its one file.

use std::{
    borrow::Cow,
    cell::RefCell,
    fmt, fs,
    future::Future,
    path::Path,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{
    App,
    dev::{Extensions, Service as _},
    http::{Method, header},
    middleware::from_fn,
    rt::{self, SystemRunner},
    test::{self, TestRequest},
    web::{Bytes, Data},
};
use aegis_custodian::{
    config::TERMS,
    crypto::scheme::{Network, Scheme},
    custodian::{Clock, Custodian, Encryptions, Fields, KekRotation, LogTerms, Quorum, Rules},
    duration::Period,
    http::{self, Limits, Service},
    kek::software::SoftwareKek,
    store::Store,
    telemetry,
};
use serde_json::Value;
use tempfile::TempDir;

use super::Call;
use cast::Cast;

mod cast;
mod keks;

pub use cast::ROLES;

/// It is always noon here: of one day while keys are made, so that the names of versions stay the same, and of the next
/// when calls come, so that some things are too old.
const NOONS: [&str; 2] = ["2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z"];

/// Its name below the folder of its number; all share the KEK beside those folders.
const DATABASE: &str = "custodian.db";

/// What came back.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub body: Bytes,
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(out, "{} {}\n{body:.2000}", self.status, self.content_type)
    }
}

type Ask = Box<dyn Fn(TestRequest) -> Pin<Box<dyn Future<Output = Answer>>>>;

/// What handlers find as the application's data: the service that is used at present.
type Present = Rc<RefCell<Rc<Extensions>>>;

pub struct World {
    ask: Ask,
    pub cast: Cast,
    /// Which of [`NOONS`] it is.
    day: Arc<AtomicUsize>,
    number: u64,
    present: Present,
    system: SystemRunner,
    folder: TempDir,
}

const RULES: Rules = Rules {
    admin_quorum: Quorum::Two,
    token_lifetime: Period::days(90),
    dek_cache: Duration::from_secs(60),
    destroy_delay: Duration::from_secs(7 * 24 * 60 * 60),
    encryptions: Encryptions::STANDARD,
    kek_rotation: KekRotation::ByItself,
    instance: Cow::Borrowed("house"),
    schemes: Cow::Borrowed(Scheme::ALL),
    network: Network::Bitcoin,
    overrides: TERMS,
    pii_fields: Fields::STANDARD,
    log: LogTerms {
        origin: Cow::Borrowed("house"),
        public_tiles: false,
        note_every: Duration::ZERO,
    },
};

/// Joins the parts as `src/server.rs` and `src/server/dev.rs` do: with [`RULES`], the place to mend when they change.
fn open(folder: &Path, number: u64, day: &Arc<AtomicUsize>) -> (Custodian, Store) {
    let kek = Arc::new(SoftwareKek::open(&folder.join("kek")).unwrap());
    let store = Store::open(&folder.join(number.to_string()).join(DATABASE)).unwrap();
    let (noons, day) = (NOONS.map(|noon| noon.parse().unwrap()), day.clone());
    let clock = Clock::from(move || noons[day.load(SeqCst)]);
    let custodian = Custodian::new(kek, store.clone(), clock, RULES);
    custodian.make_first_kek().unwrap();
    custodian.adopt_keyring().unwrap();
    custodian.make_signing_keys().unwrap();
    custodian.look();
    (custodian, store)
}

fn serve(custodian: Custodian) -> Rc<Extensions> {
    let figures = telemetry::metrics().unwrap();
    let service = Service::new(Arc::new(custodian), figures, Limits::default());
    service.upkeep();
    let mut data = Extensions::new();
    data.insert(Data::new(service));
    Rc::new(data)
}

/// Mounts the routes once, since that takes longer than a new service.
async fn mount(present: Present) -> Ask {
    let app = App::new()
        .configure(http::mount)
        .wrap(from_fn(http::observe))
        .wrap_fn(move |mut request, next| {
            request.add_data_container(present.borrow().clone());
            next.call(request)
        });
    let app = Rc::new(test::init_service(app).await);
    Box::new(move |request| {
        let app = app.clone();
        Box::pin(async move {
            let response = test::call_service(&*app, request.to_request()).await;
            let content_type = response.headers().get(header::CONTENT_TYPE);
            Answer {
                status: response.status().as_u16(),
                content_type: content_type
                    .map_or("", |kind| kind.to_str().unwrap())
                    .to_owned(),
                body: test::read_body(response).await,
            }
        })
    })
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let system = rt::System::new();
        fs::create_dir(folder.path().join("0")).unwrap();
        let day = Arc::new(AtomicUsize::new(0));
        let (custodian, store) = open(folder.path(), 0, &day);
        let mut cast = Cast::provision(&custodian, keks::prepare(&custodian, &store));
        keks::keep(folder.path());
        drop(store);
        let present = Present::new(RefCell::new(serve(custodian)));
        let ask = system.block_on(mount(present.clone()));
        let call = |token: &str, method: &str, path: &str, body: &str| {
            system.block_on(ask(request(token, method, path, body.as_bytes())))
        };
        cast.prepare(call, || day.store(1, SeqCst));
        let mut world = Self {
            ask,
            cast,
            day,
            number: 0,
            present,
            system,
            folder,
        };
        world.renew();
        world
    }

    /// Makes everything as it was at the start.
    pub fn renew(&mut self) {
        // Gone before its database is copied: so the copy is whole.
        *self.present.borrow_mut() = Rc::default();
        let path = |number| self.folder.path().join(format!("{number}"));
        if self.number > 0 {
            fs::remove_dir_all(path(self.number)).unwrap();
        }
        self.number += 1;
        fs::create_dir(path(self.number)).unwrap();
        fs::copy(path(0).join(DATABASE), path(self.number).join(DATABASE)).unwrap();
        keks::restore(self.folder.path());
        let (custodian, _) = open(self.folder.path(), self.number, &self.day);
        *self.present.borrow_mut() = serve(custodian);
    }

    pub fn ask(&self, call: &Call<'_>) -> Answer {
        let token = self.cast.token(call.role);
        let mut request = request(token, &call.operation.method, &call.path, &call.body);
        if let Some(key) = &call.key {
            request = request.insert_header(("Idempotency-Key", key.clone()));
        }
        self.send(request)
    }

    fn send(&self, request: TestRequest) -> Answer {
        self.system.block_on((self.ask)(request))
    }

    /// `/openapi.json`.
    pub fn description(&self) -> Value {
        let answer = self.send(TestRequest::with_uri("/openapi.json"));
        serde_json::from_slice(&answer.body).unwrap()
    }
}

fn request(token: &str, method: &str, path: &str, body: &[u8]) -> TestRequest {
    TestRequest::with_uri(path)
        .method(Method::from_bytes(method.as_bytes()).unwrap())
        .insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .set_payload(body.to_vec())
}
