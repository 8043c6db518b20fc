//! Many DEK versions, each with something that it encrypted.

use super::*;

pub const PLAINTEXT: &str = "YWVnaXM=";

/// What a DEK version encrypted.
#[derive(Clone)]
pub struct Blob {
    pub dek: String,
    pub ciphertext: Value,
}

pub struct Prepared {
    pub blobs: Vec<Blob>,
    pub wrapped: Value,
}

const THREADS: u64 = 8;

impl Prepared {
    /// Makes `deks` DEKs of `each` versions.
    pub fn make(service: &Service, deks: u64, each: u64) -> Self {
        let client = Client::new(&service.url, &service.dir);
        let blobs = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (client, blobs) = (&client, &blobs);
                scope.spawn(move || {
                    for dek in (thread..deks).step_by(THREADS as usize) {
                        let made = make(client, &format!("dek-{dek}"), dek % 4 == 3, each);
                        blobs.lock().unwrap().extend(made);
                    }
                });
            }
        });
        let body = json!({"plaintext": PLAINTEXT});
        let wrapped = call(&client, "app", "/v1/wrap", body, 200)["wrapped"].take();
        let blobs = blobs.into_inner().unwrap();
        assert_eq!(blobs.len() as u64, deks * each);
        Self { blobs, wrapped }
    }
}

fn make(client: &Client, dek: &str, hybrid: bool, each: u64) -> Vec<Blob> {
    let algorithm = ["aes-256-gcm", "mlkem768-x25519"][usize::from(hybrid)];
    let body = json!({"name": dek, "algorithm": algorithm});
    call(client, "operator", "/v1/deks", body, 201);
    let mut blobs = Vec::new();
    for version in 0..each {
        if version > 0 {
            let path = format!("/v1/deks/{dek}/rotate");
            call(client, "operator", &path, json!({}), 201);
        }
        let path = format!("/v1/deks/{dek}/encrypt");
        let body = json!({"plaintext": PLAINTEXT});
        let ciphertext = call(client, "app", &path, body, 200)["ciphertext"].take();
        let dek = dek.to_owned();
        blobs.push(Blob { dek, ciphertext });
    }
    blobs
}

/// Every blob comes back as it was.
pub fn opens_all(client: &Client, blobs: &[Blob]) {
    thread::scope(|scope| {
        for part in blobs.chunks(blobs.len().div_ceil(THREADS as usize)) {
            scope.spawn(move || {
                for blob in part {
                    let path = format!("/v1/deks/{}/decrypt", blob.dek);
                    let body = json!({"ciphertext": blob.ciphertext});
                    let opened = call(client, "app", &path, body, 200);
                    assert_eq!(opened["plaintext"], PLAINTEXT);
                }
            });
        }
    });
}

fn call(client: &Client, role: &str, path: &str, body: Value, status: u16) -> Value {
    let token = client.token(role);
    let reply = client.send(token, "prepare", "POST", path, body, None);
    let reply = reply.unwrap();
    assert_eq!(reply.status, status, "{path}: {}", reply.text);
    reply.body
}
