//! The laptop's body store: a file for each large body.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use switchhook_core::ports::{BodyStore, PortError, PortFuture};
use switchhook_core::time::Timestamp;

use crate::files;

/// A folder that keeps bodies.
#[derive(Clone, Debug)]
pub struct FileBodies {
    folder: PathBuf,
}

impl FileBodies {
    /// Keeps bodies in a folder, which is made when the first one comes.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Deletes the bodies that were put before a time: no record points to them any more.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read or a file not be deleted.
    pub fn forget_before(&self, time: Timestamp) -> io::Result<()> {
        if !self.folder.exists() {
            return Ok(());
        }
        for source in fs::read_dir(&self.folder)? {
            let source = source?;
            if !source.file_type()?.is_dir() {
                continue; // a link may lead out of the folder
            }
            for body in fs::read_dir(source.path())? {
                let body = body?;
                let modified = Timestamp::try_from(body.metadata()?.modified()?);
                if modified.is_ok_and(|modified| modified < time) {
                    fs::remove_file(body.path())?;
                }
            }
        }
        Ok(())
    }

    /// Deletes a body; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// When its file cannot be deleted.
    pub async fn delete(&self, key: &str) -> Result<(), PortError> {
        let deleted = match self.path(key) {
            Ok(path) => tokio::fs::remove_file(path).await,
            Err(error) => Err(error),
        };
        match deleted {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(PortError::new("deleting a large body", error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Returns the keys of all bodies, those among them that a crash left unfinished. What others put into
    /// the folder (`.DS_Store`, links) is left out.
    ///
    /// # Errors
    ///
    /// When the folder cannot be read.
    pub fn keys(&self) -> Result<Vec<String>, PortError> {
        self.list()
            .map_err(|error| PortError::new("listing large bodies", error))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        if !self.folder.exists() {
            return Ok(keys);
        }
        for source in fs::read_dir(&self.folder)? {
            let source = source?;
            if !source.file_type()?.is_dir() {
                continue;
            }
            let name = source.file_name();
            for body in fs::read_dir(source.path())? {
                let body = body?;
                let (source, file) = (name.to_string_lossy(), body.file_name());
                let key = format!("{source}/{}", file.to_string_lossy());
                if self.path(&key).is_ok() && body.file_type()?.is_file() {
                    keys.push(key);
                }
            }
        }
        Ok(keys)
    }

    /// Keys are ours, `{source}/{event id}`: no part of one leads out of the folder.
    fn path(&self, key: &str) -> io::Result<PathBuf> {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        };
        if key.split('/').all(plain) {
            Ok(self.folder.join(key))
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a key of a body",
            ))
        }
    }
}

impl BodyStore for FileBodies {
    fn put<'a>(&'a self, key: &'a str, body: Bytes) -> PortFuture<'a, ()> {
        const STORING: &str = "storing a large body";
        Box::pin(async move {
            let path = self
                .path(key)
                .map_err(|error| PortError::new(STORING, error))?;
            let root = self.folder.clone();
            let written = tokio::task::spawn_blocking(move || write(&root, &path, &body)).await;
            written
                .map_err(io::Error::from)
                .flatten()
                .map_err(|e| PortError::new(STORING, e))
        })
    }

    fn get<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Bytes>> {
        Box::pin(async move {
            let read = match self.path(key) {
                Ok(path) => tokio::fs::read(path).await,
                Err(error) => Err(error),
            };
            match read {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(PortError::new("reading a large body", error)),
            }
        })
    }
}

/// Whole and on the disk, or not there: a crash leaves at most a file of another name.
fn write(root: &Path, path: &Path, body: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    files::make_private_folder(root)?;
    files::make_private_folder(folder)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    let mut file = files::open_private(&mut options, &unfinished)?;
    file.write_all(body)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_bodies_from_before_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let bodies = FileBodies::new(folder.path().join("bodies"));
        bodies.forget_before(Timestamp::UNIX_EPOCH).unwrap();
        bodies
            .put("voice/1.0", Bytes::from_static(b"x"))
            .await
            .unwrap();
        bodies.forget_before(Timestamp::UNIX_EPOCH).unwrap();
        assert!(bodies.get("voice/1.0").await.unwrap().is_some());
        bodies.forget_before(Timestamp::MAX).unwrap();
        assert!(bodies.get("voice/1.0").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn bodies_are_listed_and_deleted_once_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let bodies = FileBodies::new(folder.path().join("bodies"));
        assert!(bodies.keys().unwrap().is_empty());
        for key in ["voice/1.0", "texts/2.0.unfinished"] {
            bodies.put(key, Bytes::from_static(b"x")).await.unwrap();
        }
        let mut keys = bodies.keys().unwrap();
        keys.sort();
        assert_eq!(keys, ["texts/2.0.unfinished", "voice/1.0"]);
        for _ in 0..2 {
            bodies.delete("voice/1.0").await.unwrap();
        }
        assert_eq!(bodies.keys().unwrap(), ["texts/2.0.unfinished"]);
        bodies.delete("../x").await.unwrap_err();
    }

    #[tokio::test]
    async fn only_bodies_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("bodies");
        let bodies = FileBodies::new(root.clone());
        bodies
            .put("voice/1.0", Bytes::from_static(b"x"))
            .await
            .unwrap();
        fs::create_dir_all(root.join("voice/2.0")).unwrap();
        fs::create_dir_all(root.join(".Trash")).unwrap();
        for stray in [".DS_Store", "voice/.DS_Store", "voice/no key", ".Trash/1.0"] {
            fs::write(root.join(stray), "x").unwrap();
        }
        std::os::unix::fs::symlink(root.join("voice"), root.join("linked")).unwrap();
        assert_eq!(bodies.keys().unwrap(), ["voice/1.0"]);
    }

    #[tokio::test]
    async fn nothing_is_written_or_deleted_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (root, other) = (folder.path().join("bodies"), folder.path().join("other"));
        fs::create_dir_all(root.join("voice")).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("mine"), "kept").unwrap();
        std::os::unix::fs::symlink(&other, root.join("linked")).unwrap();
        std::os::unix::fs::symlink(other.join("mine"), root.join("voice/1.0.unfinished")).unwrap();
        let bodies = FileBodies::new(root);
        for key in ["linked/1.0", "voice/1.0"] {
            assert!(bodies.put(key, Bytes::from_static(b"x")).await.is_err());
        }
        bodies.forget_before(Timestamp::MAX).unwrap();
        assert_eq!(fs::read_to_string(other.join("mine")).unwrap(), "kept");
        assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn bodies_are_kept_and_keys_do_not_lead_out() {
        let folder = tempfile::tempdir().unwrap();
        let bodies = FileBodies::new(folder.path().join("bodies"));
        assert_eq!(bodies.get("voice/1.0").await.unwrap(), None);
        bodies
            .put("voice/1.0", Bytes::from_static(b"\0\xff"))
            .await
            .unwrap();
        assert_eq!(
            bodies.get("voice/1.0").await.unwrap().unwrap(),
            Bytes::from_static(b"\0\xff")
        );
        for key in ["../x", "voice/../../x", "/etc/x", "voice//x", ""] {
            assert!(bodies.put(key, Bytes::new()).await.is_err(), "{key}");
        }
    }
}
