//! The folder that `switchhook local` keeps everything in, and the lock that makes one program its
//! owner.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The number of the folder's format; another number is refused.
const FORMAT: &str = "2";

/// Longer than [`DataDir::is_owned`] looks.
const LOOK: Duration = Duration::from_millis(50);

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another program owns it.
    #[error(
        "`{}` is in use by another `switchhook local` (process {owner}): stop that one, or choose another folder with `--data`",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The owner's process id, as it wrote it.
        owner: String,
    },
    /// It was made by another version.
    #[error("`{}` has format {found}, this version writes {FORMAT}: move the folder away, or choose another one with `--data`", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// What it says of itself.
        found: String,
    },
    /// It was never used.
    #[error("there is no data in `{}`: start `switchhook local` first, or name its folder with `--data`", .0.display())]
    Absent(PathBuf),
    /// It cannot be read or written.
    #[error("the data folder `{}` cannot be used", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What `local` last ran with: for the other commands.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LastRun {
    /// The address that it served.
    pub url: String,
    /// The configuration file, or `None` for the demo sources.
    pub config: Option<PathBuf>,
}

/// The folder's paths.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
}

/// Keeps the folder ours as long as it lives.
#[derive(Debug)]
pub struct Owner {
    _lock: File,
}

impl DataDir {
    /// Names a folder, which need not exist.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Makes the folder, if need be, for its owner only.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn make(&self) -> Result<(), DataDirError> {
        let mut folders = DirBuilder::new();
        let made = folders.recursive(true).mode(0o700).create(&self.path);
        made.map_err(self.io())
    }

    /// Makes the folder, if need be, and takes it over.
    ///
    /// # Errors
    ///
    /// When another program owns it or it cannot be written.
    pub fn own(&self) -> Result<Owner, DataDirError> {
        self.make()?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.lock())
            .map_err(self.io())?;
        let locked = file.try_lock().or_else(|_| {
            thread::sleep(LOOK);
            file.try_lock()
        });
        if locked.is_err() {
            let mut owner = String::new();
            file.read_to_string(&mut owner).map_err(self.io())?;
            let owner = owner.trim().to_owned();
            return Err(DataDirError::InUse {
                path: self.path.clone(),
                owner,
            });
        }
        file.set_len(0).map_err(self.io())?;
        writeln!(file, "{}", std::process::id()).map_err(self.io())?;
        self.check_format()?;
        self.make_private()?;
        Ok(Owner { _lock: file })
    }

    /// Tells whether a `local` runs with this folder.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        File::open(self.lock())
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Takes a folder of this format, or one that has none yet.
    fn check_format(&self) -> Result<(), DataDirError> {
        let path = self.format();
        match fs::read_to_string(&path) {
            Ok(found) if found.trim() == FORMAT => Ok(()),
            Ok(found) => {
                let found = found.trim().to_owned();
                Err(DataDirError::Format {
                    path: self.path.clone(),
                    found,
                })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.write_private(&path, FORMAT)
            }
            Err(error) => Err(self.io()(error)),
        }
    }

    fn format(&self) -> PathBuf {
        self.path.join("format")
    }

    /// Checks that the folder was used before: for commands that only look.
    ///
    /// # Errors
    ///
    /// When it was not, or by another version.
    pub fn existing(&self) -> Result<(), DataDirError> {
        if self.format().exists() && self.ledger().exists() {
            self.check_format()
        } else {
            Err(DataDirError::Absent(self.path.clone()))
        }
    }

    /// Returns the ledger's file.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.path.join("ledger.sqlite")
    }

    /// Returns the queues' file.
    #[must_use]
    pub fn queue(&self) -> PathBuf {
        self.path.join("queue.sqlite")
    }

    /// Returns the file of counted deliveries.
    #[must_use]
    pub fn counts(&self) -> PathBuf {
        self.path.join("counts.sqlite")
    }

    /// Returns the folder of large bodies.
    #[must_use]
    pub fn bodies(&self) -> PathBuf {
        self.path.join("bodies")
    }

    /// Returns the file of the demo sources.
    #[must_use]
    pub fn demo_sources(&self) -> PathBuf {
        self.path.join("demo.toml")
    }

    /// Returns the file of the secret that forwarded events are signed with.
    #[must_use]
    pub fn forward_secret(&self) -> PathBuf {
        self.path.join("forward-secret")
    }

    /// Returns the file that lists forwarded events.
    #[must_use]
    pub fn forward_list(&self) -> PathBuf {
        self.path.join("forward.sqlite")
    }

    /// Writes a file that only its owner may read, whole or not at all.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write_private(&self, path: &Path, text: &str) -> Result<(), DataDirError> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = options.open(&unfinished).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written
            .and_then(|()| fs::rename(&unfinished, path))
            .map_err(self.io())
    }

    /// Makes the databases' files readable by their owner only; SQLite gives its others the same.
    fn make_private(&self) -> Result<(), DataDirError> {
        for path in [self.ledger(), self.queue(), self.counts()] {
            self.make_private_file(&path)?;
        }
        Ok(())
    }

    /// Makes a file, if need be, that only its owner may read.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn make_private_file(&self, path: &Path) -> Result<(), DataDirError> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path);
        file.map(drop).map_err(self.io())
    }

    /// Notes what this run serves.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn note_run(&self, run: &LastRun) -> Result<(), DataDirError> {
        let json = serde_json::to_string_pretty(run).map_err(|e| self.io()(e.into()))?;
        self.write_private(&self.path.join("last-run.json"), &json)
    }

    /// Returns what `local` last ran with.
    ///
    /// # Errors
    ///
    /// When it never ran with this folder.
    pub fn last_run(&self) -> Result<LastRun, DataDirError> {
        let Ok(text) = fs::read_to_string(self.path.join("last-run.json")) else {
            return Err(DataDirError::Absent(self.path.clone()));
        };
        serde_json::from_str(&text).map_err(|error| self.io()(error.into()))
    }

    fn io(&self) -> impl Fn(io::Error) -> DataDirError + '_ {
        |source| DataDirError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path().join("data"));
        assert!(!data.is_owned());
        let owner = data.own().unwrap();
        assert!(data.is_owned());
        assert!(
            matches!(data.own(), Err(DataDirError::InUse { owner, .. }) if owner == std::process::id().to_string())
        );
        drop(owner);
        assert!(!data.is_owned());
        data.own().unwrap();
    }

    #[test]
    fn another_format_is_refused() {
        // The first version's time index had a partition for each hour.
        for format in ["1", "99"] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("format"), format).unwrap();
            fs::write(folder.path().join("ledger.sqlite"), "").unwrap();
            let data = DataDir::new(folder.path().to_owned());
            for refused in [data.own().map(drop), data.existing()] {
                let refused = refused.unwrap_err();
                assert!(matches!(refused, DataDirError::Format { .. }), "{refused}");
                assert!(refused.to_string().contains("--data"), "{refused}");
            }
        }
    }
}
