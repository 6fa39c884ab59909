//! The folder a demo keeps its database and keys in: its owner's alone, new at each start.
//!
//! Without a name it is made in the system's temporary folder and removed when the demo ends; a folder that was named
//! stays. Refuses a named folder that holds anything: a demo starts clean and touches nothing that was there before it.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::jobs::build::Unbuilt;
use crate::secret;

/// For its owner only.
const PRIVATE: u32 = 0o700;

/// A demo's folder; removed when dropped, unless it was named.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    stays: bool,
}

impl Folder {
    /// A new folder under the system's temporary one.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn passing() -> Result<Self, Unbuilt> {
        let name: String = secret::bytes::<6>().iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("chancery-demo-{name}"));
        let made = DirBuilder::new().mode(PRIVATE).create(&path).and_then(|()| path.canonicalize());
        let path =
            made.map_err(|error| Unbuilt(format!("the demo's folder {} can't be made: {error}", path.display())))?;
        Ok(Self { path, stays: false })
    }

    /// The folder of that name, made if there is none.
    ///
    /// # Errors
    /// When it can't be made or holds anything.
    pub fn named(path: &Path) -> Result<Self, Unbuilt> {
        let fail = |says: String| Unbuilt(format!("--data {}: {says}", path.display()));
        if !empty(path).map_err(|error| fail(error.to_string()))? {
            return Err(fail(
                "is not empty, and a demo starts clean: name a new folder, or remove this one".to_owned(),
            ));
        }
        let path = path.canonicalize().map_err(|error| fail(error.to_string()))?;
        Ok(Self { path, stays: true })
    }

    /// Where it is, as an absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is still there after the demo.
    #[must_use]
    pub fn stays(&self) -> bool {
        self.stays
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the demo's folder could not be removed; it holds keys");
        }
    }
}

/// Makes the folder, or closes an existing one to others; whether it is empty.
fn empty(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().recursive(true).mode(PRIVATE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(io::Error::other("is no folder")),
        made => made?,
    }
    if fs::read_dir(path)?.next().is_some() {
        return Ok(false);
    }
    fs::set_permissions(path, Permissions::from_mode(PRIVATE))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passing_folder_is_private_and_goes() {
        let folder = Folder::passing().unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        fs::write(path.join("key"), "secret").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_named_folder_stays_and_has_to_be_empty() {
        let around = tempfile::tempdir().unwrap();
        let path = around.path().join("new/demo");
        let folder = Folder::named(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        drop(folder);
        assert!(path.exists());
        fs::write(path.join("key"), "secret").unwrap();
        let why = Folder::named(&path).unwrap_err().to_string();
        assert!(why.contains("--data") && why.contains("is not empty"), "{why}");
        let why = Folder::named(&path.join("key")).unwrap_err().to_string();
        assert!(why.contains("is no folder"), "{why}");
        assert_eq!(fs::read_to_string(path.join("key")).unwrap(), "secret");
    }
}
