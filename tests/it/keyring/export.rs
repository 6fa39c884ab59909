//! Public halves as gateways take them, read back by another library.

use chancery::keyring::{Alg, Error, Format};
use openssl::pkey::{Id, PKey};
use openssl::x509::X509;
use serde_json::Value;

use super::{ALL, Ground, jwks, signed};

#[tokio::test]
async fn every_form_holds_the_key_that_signed_and_nothing_private() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        for alg in ALL {
            let (_, kid) = signed(&keyring, alg);
            let jwk: Value = serde_json::from_str(&keyring.export(&kid, Format::Jwk).await.unwrap()).unwrap();
            assert!(jwks(&keyring.jwks()).contains(&jwk));

            let pem = keyring.export(&kid, Format::Pem).await.unwrap();
            assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n") && !pem.contains("PRIVATE"));
            let key = PKey::public_key_from_pem(pem.as_bytes()).unwrap();
            let id = match alg {
                Alg::Es256 => Id::EC,
                Alg::Rs256 => Id::RSA,
                Alg::EdDsa => Id::ED25519,
            };
            assert_eq!(key.id(), id);

            let text = keyring.export(&kid, Format::Certificate).await.unwrap();
            assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n") && !text.contains("PRIVATE"));
            let certificate = X509::from_pem(text.as_bytes()).unwrap();
            assert!(certificate.public_key().unwrap().public_eq(&key));
            assert!(certificate.verify(&key).unwrap(), "signed by itself");
            let again = X509::from_pem(keyring.export(&kid, Format::Certificate).await.unwrap().as_bytes()).unwrap();
            let serial = |one: &X509| one.serial_number().to_bn().unwrap().to_vec();
            assert_eq!((serial(&again), again.not_after()), (serial(&certificate), certificate.not_after()));
        }
    }
}

#[tokio::test]
async fn a_revoked_key_has_no_certificate_and_an_unknown_one_nothing() {
    for ground in Ground::both().await {
        let keyring = ground.keyring().await;
        let (_, kid) = signed(&keyring, Alg::Es256);
        let mut tx = ground.store.begin().await.unwrap();
        keyring.revoke(&mut tx, &kid, ground.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        let refused = keyring.export(&kid, Format::Certificate).await.unwrap_err();
        assert!(matches!(refused, Error::Revoked(_)), "{refused}");
        assert!(keyring.export(&kid, Format::Pem).await.is_ok(), "evidence stays readable");
        let refused = keyring.export("nobody", Format::Jwk).await.unwrap_err();
        assert!(matches!(refused, Error::UnknownKey(_)), "{refused}");
    }
}
