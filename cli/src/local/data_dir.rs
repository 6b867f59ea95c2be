//! The folder that `switchhook local` keeps everything in, and the lock that makes one program its
//! owner.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::files;

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
    /// It is another user's, who could have put anything there.
    #[error("the data folder `{}` belongs to another user: choose another folder with `--data`", .0.display())]
    Foreign(PathBuf),
    /// Others could put anything there.
    #[error(
        "others than its owner may write to the data folder `{path}` (mode {mode:03o}): `chmod go-w {path}` if nobody else put anything there, or choose another folder with `--data`",
        path = path.display()
    )]
    Writable {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is a symbolic link, or holds one.
    #[error("`{}` is a symbolic link, and none is followed: remove it, or choose another folder with `--data`", .0.display())]
    Link(PathBuf),
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

    /// Makes the folder, if need be, for its owner only, and checks that it is ours alone.
    ///
    /// # Errors
    ///
    /// When it cannot be made, or others may have put something there.
    pub fn make(&self) -> Result<(), DataDirError> {
        check_link(&self.path)?;
        files::make_private_folder(&self.path).map_err(self.io())?;
        self.check()
    }

    /// Checks that the folder is ours alone, and leads nowhere else.
    fn check(&self) -> Result<(), DataDirError> {
        check_link(&self.path)?;
        let folder = fs::symlink_metadata(&self.path).map_err(self.io())?;
        let user = rustix::process::geteuid().as_raw();
        self.check_owner(folder.uid(), folder.mode() & 0o777, user)?;
        self.check_links(&self.path)?;
        let bodies = self.bodies();
        if bodies.exists() {
            self.check_links(&bodies)?;
        }
        Ok(())
    }

    fn check_owner(&self, owner: u32, mode: u32, user: u32) -> Result<(), DataDirError> {
        let path = self.path.clone();
        if owner != user {
            Err(DataDirError::Foreign(path))
        } else if mode & 0o022 != 0 {
            Err(DataDirError::Writable { path, mode })
        } else {
            Ok(())
        }
    }

    fn check_links(&self, folder: &Path) -> Result<(), DataDirError> {
        for entry in fs::read_dir(folder).map_err(self.io())? {
            check_link(&entry.map_err(self.io())?.path())?;
        }
        Ok(())
    }

    /// Makes the folder, if need be, and takes it over.
    ///
    /// # Errors
    ///
    /// When another program owns it or it cannot be written.
    pub fn own(&self) -> Result<Owner, DataDirError> {
        let is_ours = !self.path.exists() || self.format().exists() || self.is_empty();
        self.make()?;
        if is_ours {
            files::set_private_folder(&self.path).map_err(self.io())?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = files::open_private(&mut options, &self.lock()).map_err(self.io())?;
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

    fn is_empty(&self) -> bool {
        fs::read_dir(&self.path).is_ok_and(|mut entries| entries.next().is_none())
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
            self.check()?;
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
        let unfinished = with_ending(path, ".unfinished");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let written = files::open_private(&mut options, &unfinished).and_then(|mut file| {
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
        // Those that are there already, from before.
        let others = [
            self.demo_sources(),
            self.forward_secret(),
            self.forward_list(),
        ];
        let sqlite = [self.ledger(), self.queue(), self.forward_list()];
        let sqlite = sqlite
            .iter()
            .flat_map(|path| ["-wal", "-shm", "-journal"].map(|ending| with_ending(path, ending)));
        for path in others.into_iter().chain(sqlite) {
            if path.exists() {
                self.make_private_file(&path)?;
            }
        }
        if self.bodies().exists() {
            files::set_private_folder(&self.bodies()).map_err(self.io())?;
        }
        Ok(())
    }

    /// Makes a file, if need be, that only its owner may read.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn make_private_file(&self, path: &Path) -> Result<(), DataDirError> {
        let file = files::open_private(OpenOptions::new().append(true).create(true), path);
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
        self.check()?;
        serde_json::from_str(&text).map_err(|error| self.io()(error.into()))
    }

    fn io(&self) -> impl Fn(io::Error) -> DataDirError + '_ {
        |source| DataDirError::Io {
            path: self.path.clone(),
            source,
        }
    }
}

/// Refuses a symbolic link.
fn check_link(path: &Path) -> Result<(), DataDirError> {
    // A slash at the end would follow the link.
    let path: PathBuf = path.components().collect();
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_symlink() => Err(DataDirError::Link(path)),
        _ => Ok(()), // what is absent or unreadable shows when it is used
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn folder_with_mode(path: &Path, mode: u32) {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn folder_that_others_may_write_or_own_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o777, 0o1777, 0o775, 0o720, 0o702] {
            let path = folder.path().join(format!("{mode:o}"));
            folder_with_mode(&path, mode);
            let data = DataDir::new(path.clone());
            assert!(
                matches!(data.own(), Err(DataDirError::Writable { .. })),
                "{mode:o}"
            );
            assert_eq!(
                fs::read_dir(&path).unwrap().count(),
                0,
                "nothing is written"
            );
        }
        let data = DataDir::new(folder.path().to_owned());
        assert!(matches!(
            data.check_owner(1, 0o700, 2),
            Err(DataDirError::Foreign(_))
        ));
        assert!(matches!(
            data.check_owner(1, 0o777, 2),
            Err(DataDirError::Foreign(_))
        ));
        data.check_owner(1, 0o755, 1).unwrap();
    }

    #[test]
    fn folder_of_ours_becomes_private_and_one_with_other_things_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for (name, other, wanted) in [("empty", false, 0o700), ("shared", true, 0o755)] {
            let path = folder.path().join(name);
            folder_with_mode(&path, 0o755);
            if other {
                fs::write(path.join("notes.txt"), "").unwrap();
            }
            drop(DataDir::new(path.clone()).own().unwrap());
            assert_eq!(
                fs::metadata(&path).unwrap().mode() & 0o777,
                wanted,
                "{name}"
            );
        }
    }

    #[test]
    fn no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::create_dir(&target).unwrap();
        symlink(&target, &link).unwrap();
        for path in [link.clone(), link.join(""), link.join(".")] {
            let refused = DataDir::new(path).own();
            assert!(matches!(refused, Err(DataDirError::Link(_))), "{refused:?}");
        }
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
        for name in [
            "lock",
            "format",
            "format.unfinished",
            "ledger.sqlite",
            "queue.sqlite-wal",
            "bodies",
            "demo.toml",
            "last-run.json.unfinished",
        ] {
            let data = folder.path().join(format!("with-{name}"));
            let target = folder.path().join(format!("target-of-{name}"));
            fs::create_dir(&data).unwrap();
            symlink(&target, data.join(name)).unwrap();
            let refused = DataDir::new(data).own();
            assert!(
                matches!(refused, Err(DataDirError::Link(_))),
                "{name}: {refused:?}"
            );
            assert!(!target.exists(), "{name}");
        }
        let data = folder.path().join("with-bodies-of-a-source");
        fs::create_dir_all(data.join("bodies")).unwrap();
        symlink(&target, data.join("bodies/voice")).unwrap();
        let refused = DataDir::new(data).own();
        assert!(matches!(refused, Err(DataDirError::Link(_))), "{refused:?}");
    }

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
