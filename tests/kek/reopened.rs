//! A token that is opened again in the middle of something.

use std::time::Duration;

use super::*;

#[test]
fn a_ring_is_adopted_although_an_operator_reconnects_while_its_keys_are_found() {
    let token = Token::new();
    let double = Double::new(&token);
    let kek = double.open(2);
    kek.create(&version(1)).unwrap();
    let ring = ring(&kek, &[1]);
    let secret = secret(7);
    double.sleep("C_FindObjectsInit", 200);
    thread::scope(|scope| {
        let found = double.calls("C_FindObjectsInit");
        let adopted = scope.spawn(|| kek.adopt(ring));
        while double.calls("C_FindObjectsInit") == found {
            thread::sleep(Duration::from_millis(1));
        }
        let opened = double.calls("C_Login");
        kek.reconnect();
        assert!(double.calls("C_Login") > opened, "it was opened again");
        adopted.join().unwrap().unwrap();
    });
    double.release();
    kek.wrap(&secret, &CONTEXT).unwrap();
}
