//! Files that nobody but their owner may read, whatever the umask, written through no symbolic link.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Lets this program make files for its user only, those that libraries make too.
pub fn set_private_umask() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Opens a file for writing, made if need be, that only its owner may read.
///
/// # Errors
///
/// When it cannot be opened, a symbolic link among it.
pub(crate) fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let opened = options.mode(FILE_MODE).custom_flags(no_link).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => is_link(path),
        _ => error,
    })?;
    if file.metadata()?.permissions().mode() & 0o777 != FILE_MODE {
        // An older file, or a umask that takes from its owner.
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    Ok(file)
}

/// Makes a folder, if need be, and those above it, for its owner only; a link to one is refused.
///
/// # Errors
///
/// When it cannot be made, or is something else.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let made = DirBuilder::new().mode(FOLDER_MODE).create(path);
    match made {
        Ok(()) => set_private_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = path.parent().filter(|above| !above.as_os_str().is_empty());
            let above = above.ok_or(error)?;
            if above.exists() {
                return Err(io::ErrorKind::NotFound.into());
            }
            make_private_folder(above)?;
            make_private_folder(path)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match fs::symlink_metadata(path)?.file_type() {
                found if found.is_dir() => Ok(()),
                found if found.is_symlink() => Err(is_link(path)),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Lets nobody but its owner into a folder.
///
/// # Errors
///
/// When it belongs to somebody else.
pub(crate) fn set_private_folder(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
}

fn is_link(path: &Path) -> io::Error {
    let reason = format!(
        "`{}` is a symbolic link, and none is followed",
        path.display()
    );
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        for kind_of in ["file", "folder", "nothing"] {
            let _ = fs::remove_file(&link);
            match kind_of {
                "file" => fs::write(&target, "kept").unwrap(),
                "folder" => {
                    fs::remove_file(&target).unwrap();
                    fs::create_dir(&target).unwrap();
                }
                _ => fs::remove_dir(&target).unwrap(),
            }
            symlink(&target, &link).unwrap();
            let options = || {
                OpenOptions::new()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .clone()
            };
            let refused = open_private(&mut options(), &link).unwrap_err();
            assert!(refused.to_string().contains("symbolic link"), "{refused}");
            assert!(make_private_folder(&link).is_err(), "{kind_of}");
            if kind_of == "file" {
                assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
            }
        }
    }

    #[test]
    fn older_files_become_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "a").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        let mut file = open_private(OpenOptions::new().append(true), &path).unwrap();
        file.write_all(b"b").unwrap();
        assert_eq!(
            (mode(&path), fs::read_to_string(&path).unwrap()),
            (0o600, "ab".to_owned())
        );
    }

    #[test]
    fn folders_are_made_private_with_those_above_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        make_private_folder(&path).unwrap();
        make_private_folder(&path).unwrap();
        assert_eq!(
            (mode(&path), mode(&folder.path().join("a"))),
            (0o700, 0o700)
        );
        fs::write(path.join("file"), "").unwrap();
        assert!(make_private_folder(&path.join("file")).is_err());
        assert!(make_private_folder(&path.join("file/c")).is_err());
    }
}
