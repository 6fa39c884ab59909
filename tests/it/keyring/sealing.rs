//! Sealing keys: their files, who makes the first, what the database knows of them, and what lies sealed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::config::{Keys, SealingSecret};
use chancery::keyring::{Error, SealingError, SealingKeys, mac};
use chancery::seal::SealingKey;
use chancery::store::signing_keys::{list, sealing_checks};
use tempfile::TempDir;

use super::{ANY, Ground, signed};
use chancery::keyring::Alg;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Puts a key file where it belongs; its name.
fn put(directory: &Path, bytes: [u8; 32]) -> String {
    let key = SealingKey::from_bytes(bytes);
    let path = directory.join(format!("{}.key", key.id()));
    fs::write(&path, URL_SAFE_NO_PAD.encode(bytes)).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    key.id().to_string()
}

#[test]
fn the_first_key_is_for_its_owner_alone_and_never_overwritten() {
    let home = TempDir::new().unwrap();
    let directory = home.path().join("deep/keys");
    let keys = SealingKeys::init(&directory).unwrap();
    let file = directory.join(format!("{}.key", keys.current().id()));
    assert_eq!((mode(&directory), mode(&file), mode(&directory.join("current"))), (0o700, 0o600, 0o600));
    let before = fs::read(&file).unwrap();
    assert!(matches!(SealingKeys::init(&directory), Err(SealingError::Present(_))));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing else is left lying about");
    assert_eq!(SealingKeys::load(&directory).unwrap().current().id(), keys.current().id());
    let other = SealingKeys::init(&home.path().join("other")).unwrap();
    assert_ne!(other.current().bytes(), keys.current().bytes(), "two installations share no key");
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let home = TempDir::new().unwrap();
    let keys = SealingKeys::init(home.path()).unwrap();
    let file = home.path().join(format!("{}.key", keys.current().id()));
    for open in [0o640, 0o604, 0o660, 0o644, 0o602] {
        fs::set_permissions(&file, Permissions::from_mode(open)).unwrap();
        let refused = SealingKeys::load(home.path()).unwrap_err();
        assert!(refused.to_string().contains(&format!("(mode {open:04o}): `chmod 600`")), "{refused}");
    }
    fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
    SealingKeys::load(home.path()).unwrap();
}

#[test]
fn a_sample_key_is_refused_from_file_and_variable() {
    let mut counting = [0; 32];
    counting.iter_mut().zip(0..).for_each(|(byte, n)| *byte = n);
    let samples: [(&str, [u8; 32]); 5] = [
        ("repeats one byte", [0; 32]),
        ("repeats one byte", [0xff; 32]),
        ("counts from its first byte", counting),
        ("is typed text", *b"correct horse battery staple XYZ"),
        ("repeats a few bytes", *b"0123456701234567\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ];
    for (what, bytes) in samples {
        let home = TempDir::new().unwrap();
        let id = put(home.path(), bytes);
        fs::write(home.path().join("current"), id).unwrap();
        let refused = SealingKeys::load(home.path()).unwrap_err();
        assert!(refused.to_string().contains(what), "{what}: {refused}");
        // The setting refuses repeated bytes by itself.
        if let Ok(secret) = URL_SAFE_NO_PAD.encode(bytes).parse::<SealingSecret>() {
            let refused = SealingKeys::given(&secret, home.path()).unwrap_err();
            assert!(refused.to_string().contains(what), "{what}: {refused}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_directory_is_said() {
    let home = TempDir::new().unwrap();
    let directory = home.path();
    let refusal = || SealingKeys::load(directory).unwrap_err().to_string();
    assert!(SealingKeys::load(&directory.join("none")).unwrap_err().to_string().contains("`chancery key init`"));
    fs::write(directory.join("README.md"), "not a key").unwrap();
    assert!(refusal().contains("holds no sealing key"));

    let id = put(directory, chancery::secret::bytes());
    assert!(refusal().contains("must hold the name of the sealing key in use"), "{}", refusal());
    fs::write(directory.join("current"), "0123456789abcdef").unwrap();
    assert!(refusal().contains("must hold the name of the sealing key in use"), "{}", refusal());
    fs::write(directory.join("current"), format!("{id}\n")).unwrap();
    SealingKeys::load(directory).unwrap();

    let wrong = directory.join("0123456789abcdef.key");
    fs::copy(directory.join(format!("{id}.key")), &wrong).unwrap();
    assert!(refusal().contains("is not named after the key in it"), "{}", refusal());
    for text in ["", "AAAA", "****", &URL_SAFE_NO_PAD.encode([7; 33])] {
        fs::write(&wrong, text).unwrap();
        assert!(refusal().contains("does not hold 32 bytes in base64url"), "{text}: {}", refusal());
    }
}

#[tokio::test]
async fn only_an_embedded_database_without_a_sealing_key_gets_one_by_itself() {
    let [lite, postgres] = Ground::both().await;
    let keys = |ground: &Ground| Keys { directory: ground.directory(), sealing: None, rsa_bits: 2048, ed25519: false };

    let refused = SealingKeys::ready(&keys(&postgres), &postgres.store).await.unwrap_err();
    assert!(refused.to_string().contains("`chancery key init` makes the first"), "{refused}");
    assert!(!postgres.directory().exists());
    let made = SealingKeys::init(&postgres.directory()).unwrap();
    let ready = SealingKeys::ready(&keys(&postgres), &postgres.store).await.unwrap();
    assert_eq!(ready.current().id(), made.current().id());

    let ready = SealingKeys::ready(&keys(&lite), &lite.store).await.unwrap();
    lite.open_with(ready.clone()).await.unwrap();
    let again = SealingKeys::ready(&keys(&lite), &lite.store).await.unwrap();
    assert_eq!(again.current().id(), ready.current().id());

    // The files are lost: another key would not help, so none is made.
    fs::remove_dir_all(lite.directory()).unwrap();
    let refused = SealingKeys::ready(&keys(&lite), &lite.store).await.unwrap_err();
    assert!(
        refused.to_string().contains(&format!("the database is sealed with {}", ready.current().id())),
        "{refused}"
    );
    assert!(!lite.directory().exists());
}

#[tokio::test]
async fn a_node_with_another_sealing_key_does_not_start() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        let id = keyring.sealing().current().id();
        let other = SealingKeys::init(&ground.home.path().join("other")).unwrap();
        let refused = ground.open_with(other.clone()).await.unwrap_err();
        assert!(matches!(refused, Error::Sealing(SealingError::Unknown(known)) if known == id), "{refused}");
        assert_eq!(sealing_checks(&ground.store).await.unwrap().len(), 1, "and its key is not made known");

        ground.meddle("UPDATE sealing_key SET check_value = sealed FROM signing_key WHERE ordinal = 0").await;
        let refused = ground.open_with(ground.sealing()).await.unwrap_err();
        assert!(matches!(refused, Error::Sealing(SealingError::Altered(_))), "{refused}");
    }
}

#[tokio::test]
async fn a_change_of_sealing_key_ends_nothing() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        let (token, _) = signed(&keyring, Alg::Es256);
        let (first, tag) = keyring.mac(mac::REFRESH).sign(b"family");
        let new: [u8; 32] = chancery::secret::bytes();
        let second = put(&ground.directory(), new);
        fs::write(ground.directory().join("current"), &second).unwrap();

        let keyring = ground.keyring().await;
        assert_eq!(keyring.sealing().current().id().to_string(), second);
        assert!(keyring.verify(&token, ANY).is_ok());
        assert_eq!(signed(&keyring, Alg::Es256).1, signed(&ground.keyring().await, Alg::Es256).1);
        let ring = keyring.mac(mac::REFRESH);
        assert!(ring.verify(first, b"family", &tag), "what the old key signed is still good");
        let (now, other) = ring.sign(b"family");
        assert!(now != first && other != tag && now.to_string() == second);
        assert!(!ring.verify(now, b"family", &tag) && !ring.verify(first, b"famile", &tag));
        assert!(!ring.verify(first, b"family", &tag[..31]) && !ring.verify(first, b"family", b""));
        assert!(!keyring.mac(mac::FORM).verify(first, b"family", &tag), "each label has its own keys");

        // A key given by variable is the one in use; the files beside it still open what they sealed.
        let secret: SealingSecret = URL_SAFE_NO_PAD.encode(chancery::secret::bytes::<32>()).parse().unwrap();
        let given = SealingKeys::given(&secret, &ground.directory()).unwrap();
        assert_eq!(given.all().count(), 3);
        assert!(ground.open_with(given).await.unwrap().verify(&token, ANY).is_ok());
    }
}

/// Statements that alter the record of the ES256 key that signs, and what is then said of it.
const TAMPERED: [(&str, &str); 4] = [
    (
        "UPDATE signing_key SET sealed = (SELECT sealed FROM signing_key WHERE alg = 'ES256' AND ordinal = 1) WHERE alg = 'ES256' AND ordinal = 0",
        "its sealed half does not open",
    ),
    (
        "UPDATE signing_key SET public_jwk = (SELECT public_jwk FROM signing_key WHERE alg = 'ES256' AND ordinal = 1) WHERE alg = 'ES256' AND ordinal = 0",
        "its public half is not the one it is named after",
    ),
    ("UPDATE signing_key SET alg = 'HS256' WHERE alg = 'ES256' AND ordinal = 0", "its public half is not the one"),
    (
        "UPDATE signing_key SET kid = 'swapped' WHERE alg = 'ES256' AND ordinal = 0",
        "its public half is not the one it is named after",
    ),
];

#[tokio::test]
async fn a_sealed_key_moved_to_another_record_does_not_open() {
    for (statement, said) in TAMPERED {
        for ground in Ground::both().await {
            let keyring = ground.keyring().await;
            let revoked = signed(&keyring, Alg::Rs256).1;
            ground.meddle(statement).await;
            let refused = ground.open_with(ground.sealing()).await.unwrap_err();
            assert!(refused.to_string().contains(said), "{statement}: {refused}");

            // A node that runs goes on, says so, and sees what the other records say all the same.
            let mut tx = ground.store.begin().await.unwrap();
            keyring.revoke(&mut tx, &revoked, ground.clock.now()).await.unwrap();
            tx.commit().await.unwrap();
            assert!(keyring.reload_now().await.unwrap_err().to_string().contains(said));
            assert!(!keyring.jwks().kids.contains(&revoked));
            assert_ne!(signed(&keyring, Alg::Rs256).1, revoked);
        }
    }
}

#[tokio::test]
async fn no_private_half_lies_open() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        for key in list(&ground.store).await.unwrap() {
            let private = keyring.sealing().current().open(&format!("signing_key/{}", key.kid), &key.sealed).unwrap();
            for part in private.windows(32) {
                assert!(!key.sealed.windows(32).any(|sealed| sealed == part));
            }
            assert!(keyring.sealing().current().open("signing_key/other", &key.sealed).is_err());
        }
    }
}
