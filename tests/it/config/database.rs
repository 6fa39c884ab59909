//! Addresses of databases: the embedded forms, and verified TLS for PostgreSQL over a network.

use chancery::config::{DatabaseUrl, SqliteLocation};
use std::path::PathBuf;

#[test]
fn embedded_databases_have_three_forms() {
    for (text, location) in [
        ("sqlite://data/chancery.db", SqliteLocation::File(PathBuf::from("data/chancery.db"))),
        ("sqlite:///var/lib/chancery.db", SqliteLocation::File(PathBuf::from("/var/lib/chancery.db"))),
        ("sqlite://my data/100%.db", SqliteLocation::File(PathBuf::from("my data/100%.db"))),
        ("sqlite::memory:", SqliteLocation::Memory),
    ] {
        match text.parse() {
            Ok(DatabaseUrl::Sqlite(found)) => assert_eq!(found, location),
            other => panic!("{text}: {other:?}"),
        }
        assert_eq!(text.parse::<DatabaseUrl>().unwrap().to_string(), text);
    }
}

#[test]
fn postgres_on_this_machine_or_by_verified_tls_is_accepted() {
    for text in [
        "postgres://chancery@localhost/chancery",
        "postgresql://chancery:pw@127.0.0.1:5433/chancery",
        "postgres://chancery@127.3.4.5/chancery?sslmode=prefer",
        "postgres://chancery@[::1]/chancery",
        "postgres:///chancery?host=/run/postgresql",
        "postgres://chancery@%2Frun%2Fpostgresql/chancery",
        "postgres://chancery@db.example.com/chancery?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgres:///chancery?hostaddr=192.0.2.1&sslmode=verify-full",
        "postgres://chancery@localhost/chancery?application_name=chancery&options=-c%20statement_timeout%3D5s",
    ] {
        match text.parse() {
            Ok(DatabaseUrl::Postgres(url)) => assert_eq!(url.expose(), text),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn postgres_over_a_network_needs_verified_tls() {
    for (text, found) in [
        ("postgres://c@db.example.com/c", "without sslmode"),
        ("postgres://c@db.example.com/c?sslmode=require", "with sslmode=require"),
        ("postgres://c@db.example.com/c?sslmode=verify-ca", "with sslmode=verify-ca"),
        ("postgres://c@10.0.0.5/c?sslmode=disable", "with sslmode=disable"),
        ("postgres://c@localhost.example.com/c", "without sslmode"),
        ("postgres://c@127.0.0.1.example.com/c", "without sslmode"),
        ("postgres://c@0.0.0.0/c", "without sslmode"),
        ("postgres:///c?host=db.example.com", "without sslmode"),
        ("postgres:///c?hostaddr=10.0.0.5", "without sslmode"),
    ] {
        let refusal = text.parse::<DatabaseUrl>().expect_err(text);
        assert!(refusal.wrong.contains("over the network") && refusal.wrong.contains(found), "{text}: {refusal}");
        assert!(refusal.mend.contains("sslmode=verify-full"), "{refusal}");
    }
}

#[test]
fn other_addresses_are_refused_with_what_to_write() {
    for (text, wrong) in [
        ("data/chancery.db", "is not the address of a database"),
        ("sqlite:data/chancery.db", "is not the address of a database"),
        ("mysql://root@localhost/x", "is not the address of a database"),
        ("sqlite://", "names no file"),
        ("sqlite://:memory:", "names a file called"),
        ("sqlite://data/x.db?mode=ro", "carries parameters"),
        ("postgres:///chancery", "names no host"),
        ("postgres://localhost/c?host=db.example.com", "names more than one host"),
        ("postgres:///c?host=localhost&hostaddr=10.0.0.5", "names more than one host"),
        ("postgres://db/c?sslmode=verify-full&sslmode=disable", "carries the parameter \"sslmode\" twice"),
        ("postgres://db/c?sslmode=verify-full&ssl-mode=disable", "carries the unknown parameter \"ssl-mode\""),
        ("postgres://localhost/c?sslmode=maybe", "has the unknown sslmode \"maybe\""),
        ("postgres://localhost/c#x", "carries a fragment"),
        ("postgres://u:p#w@localhost/c", "is not a URL"),
    ] {
        let refusal = text.parse::<DatabaseUrl>().expect_err(text);
        assert!(refusal.wrong.contains(wrong), "{text}: {refusal}");
        assert!(!refusal.mend.is_empty());
    }
}
