//! V240: weak randomness. Secrets have one source; what it gives doesn't repeat and leans to no side.

use std::collections::HashSet;
use std::path::Path;

use chancery::secret::{self, ClientSecret, Opaque};

const SAMPLES: usize = 100_000;

/// Draws, and fails on a value drawn twice or a bit that is set too often or too seldom: by six standard deviations and more.
fn judge<const N: usize>(what: &str, fixed: &[usize], mut draw: impl FnMut() -> [u8; N]) {
    let mut seen = HashSet::with_capacity(SAMPLES);
    let mut ones = vec![0_usize; 8 * N];
    for _ in 0..SAMPLES {
        let bytes = draw();
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += usize::from(bytes[bit / 8] >> (7 - bit % 8) & 1);
        }
        assert!(seen.insert(bytes), "{what}: drawn twice");
    }
    for (bit, count) in ones.into_iter().enumerate().filter(|(bit, _)| !fixed.contains(bit)) {
        assert!(count.abs_diff(SAMPLES / 2) < 1000, "{what}: bit {bit} is set in {count} of {SAMPLES}");
    }
}

#[test]
fn v240_secrets_neither_repeat_nor_lean() {
    judge("a client secret", &[], || *Opaque::<ClientSecret>::generate().bits());
    // Family secrets and sealing keys are drawn like this.
    judge("bytes", &[], secret::bytes::<16>);
    // Version and variant are written into a subject.
    judge("a subject", &[48, 49, 50, 51, 64, 65], || secret::uuid_v4().into_bytes());
}

#[test]
fn v240_there_is_one_source() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
    let clippy = text("clippy.toml");
    for banned in ["ring::rand::SystemRandom::new", "uuid::Uuid::new_v4", "uuid::Uuid::now_v7"] {
        assert!(clippy.contains(&format!("path = \"{banned}\"")), "{banned} is not banned");
    }
    let cargo: toml::Table = text("Cargo.toml").parse().unwrap();
    for name in cargo["dependencies"].as_table().unwrap().keys() {
        assert!(!["rand", "rand_core", "getrandom", "fastrand", "oorandom"].contains(&name.as_str()), "{name}");
    }
    walk(&root.join("src"), &mut |path, text| {
        for word in ["SystemRandom", "OsRng", "rand_bytes", "thread_rng", "getrandom"] {
            assert!(path.ends_with("src/secret.rs") || !text.contains(word), "{} names {word}", path.display());
        }
    });
}

fn walk(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            walk(&entry.path(), look);
        } else {
            look(&entry.path(), &std::fs::read_to_string(entry.path()).unwrap());
        }
    }
}
