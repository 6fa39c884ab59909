//! The files of sealing keys: `<id>.key` with 32 bytes in base64url, mode 0600, and `current`, which names one of them.
//!
//! Other files of the directory are left alone. Refuses a key that others may read, a file whose name is not its
//! key's, a key that nobody drew at random, and to make a first key where there is one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize, Zeroizing};

use super::SealingError;
use crate::seal::{KeyId, SealingKey};

/// The file that names the key in use.
pub(super) const CURRENT: &str = "current";
const SUFFIX: &str = ".key";

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> SealingError {
    move |error| SealingError::Io { path: path.to_owned(), error }
}

/// The keys of a directory, and the name of the one in use.
pub(super) fn read(directory: &Path) -> Result<(KeyId, Vec<SealingKey>), SealingError> {
    let keys = read_keys(directory)?;
    if keys.is_empty() {
        return Err(SealingError::Missing(directory.to_owned()));
    }
    let path = directory.join(CURRENT);
    let name = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(SealingError::NoCurrent(path)),
        done => done.map_err(at(&path))?,
    };
    let named = keys.iter().map(SealingKey::id).find(|id| id.to_string() == name.trim_end());
    Ok((named.ok_or(SealingError::NoCurrent(path))?, keys))
}

/// The keys of a directory; none when it is missing.
pub(super) fn read_keys(directory: &Path) -> Result<Vec<SealingKey>, SealingError> {
    let mut keys = Vec::new();
    for path in key_files(directory)? {
        keys.push(read_key(&path)?);
    }
    Ok(keys)
}

fn key_files(directory: &Path) -> Result<Vec<PathBuf>, SealingError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        done => done.map_err(at(directory))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(at(directory))?.path();
        if path.extension().is_some_and(|extension| extension == "key") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read_key(path: &Path) -> Result<SealingKey, SealingError> {
    let unsound = |what| SealingError::Unsound { path: path.to_owned(), what };
    let file = File::open(path).map_err(at(path))?;
    let metadata = file.metadata().map_err(at(path))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if !metadata.is_file() {
        return Err(unsound("is no file"));
    }
    if mode & 0o077 != 0 {
        return Err(SealingError::Open { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(64));
    file.take(64).read_to_string(&mut text).map_err(at(path))?;
    let mut bytes = Zeroizing::new([0; 32]);
    let length = URL_SAFE_NO_PAD.decode_slice(text.trim_end(), &mut *bytes);
    if length != Ok(32) {
        return Err(unsound("does not hold 32 bytes in base64url, 43 characters without padding"));
    }
    if let Some(what) = sample(&bytes) {
        return Err(SealingError::Sample { source_name: path.display().to_string(), what });
    }
    let key = SealingKey::from_bytes(*bytes);
    if path.file_name().is_none_or(|name| name != file_name(key.id()).as_str()) {
        return Err(unsound("is not named after the key in it: was another key's file copied over it?"));
    }
    Ok(key)
}

fn file_name(id: KeyId) -> String {
    format!("{id}{SUFFIX}")
}

/// What shows that nobody drew these bytes at random. A random key meets one of these once in 10^13.
pub(super) fn sample(bytes: &[u8; 32]) -> Option<&'static str> {
    let mut seen = *bytes;
    seen.sort_unstable();
    let distinct = 1 + seen.windows(2).filter(|pair| pair.first() != pair.last()).count();
    let mut steps = bytes.windows(2).map(|pair| match pair {
        [a, b] => b.wrapping_sub(*a),
        _ => 0,
    });
    let step = steps.next();
    let counts = steps.all(|next| Some(next) == step);
    seen.zeroize();
    match () {
        () if distinct == 1 => Some("repeats one byte"),
        () if distinct < 16 => Some("repeats a few bytes"),
        () if counts => Some("counts from its first byte"),
        () if bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') => Some("is typed text"),
        () => None,
    }
}

/// Makes the first key of a directory. Of two processes that try, one succeeds and the other finds it there.
pub(super) fn make_first(directory: &Path) -> Result<(), SealingError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(at(directory))?;
    let current = directory.join(CURRENT);
    if current.exists() || !key_files(directory)?.is_empty() {
        return Err(SealingError::Present(directory.to_owned()));
    }
    let key = SealingKey::generate();
    let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(key.bytes()));
    let path = directory.join(file_name(key.id()));
    write_new(&path, &text)?;
    // `current` appears whole or not at all, and never replaces another's.
    let draft = directory.join(format!(".{}", key.id()));
    write_new(&draft, &key.id().to_string())?;
    let linked = fs::hard_link(&draft, &current);
    fs::remove_file(&draft).map_err(at(&draft))?;
    if let Err(error) = linked {
        fs::remove_file(&path).map_err(at(&path))?;
        return Err(match error.kind() {
            ErrorKind::AlreadyExists => SealingError::Present(directory.to_owned()),
            _ => SealingError::Io { path: current, error },
        });
    }
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(at(directory))
}

fn write_new(path: &Path, text: &str) -> Result<(), SealingError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at(path))?;
    writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(at(path))
}
