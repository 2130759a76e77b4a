//! Replacing a file so that whoever looks, whenever, finds the old one whole or
//! the new one whole; and keeping it to one program at a time.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use socklab::errors::cause;

/// Writes a temporary file beside `path`, syncs it, and gives it the name. A
/// crash before leaves the old file, and perhaps the temporary one, which the
/// next call overwrites; after an error it is gone, for it may have filled the
/// disk.
///
/// The file keeps its mode; a new one is its owner's alone, for it can hold
/// secrets. Where `path` is a symbolic link, it stays one, and the file that it
/// leads to is replaced.
///
/// # Errors
/// Those of the file system; the old file stays.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = &followed(path)?;
    let temporary = beside(path, ".new");
    let mode = fs::metadata(path).ok().map(|old| old.permissions());
    let written = write(&temporary, content, mode).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The error that counts is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The name itself stands in the folder.
    sync_folder(path)
}

fn write(path: &Path, content: &[u8], mode: Option<Permissions>) -> io::Result<()> {
    // One that a crash left behind could have any mode, or be a link.
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    if let Some(mode) = mode {
        file.set_permissions(mode)?;
    }
    file.write_all(content)?;
    // Without it, a power cut could leave the new name with no content.
    file.sync_all()
}

/// Keeps `path` to this program until the result is dropped, by a lock on an
/// empty file beside it: the file itself is replaced now and then.
///
/// # Errors
/// One line: another program has it, or the file cannot be made.
pub fn lock(path: &Path) -> Result<File, String> {
    let file =
        followed(path).map_err(|why| format!("cannot use {}: {}", path.display(), cause(&why)))?;
    take(&beside(&file, ".lock"), path, "file")
}

/// The same for a folder, which it makes if need be. The lock is inside, so
/// that it is one under whatever name the folder is called by.
///
/// # Errors
/// One line: another program has it, or the folder cannot be used.
pub fn lock_folder(folder: &Path) -> Result<File, String> {
    fs::create_dir_all(folder)
        .map_err(|why| format!("cannot use {}: {}", folder.display(), cause(&why)))?;
    take(&folder.join(".lock"), folder, "folder")
}

fn take(lock: &Path, path: &Path, what: &str) -> Result<File, String> {
    let failed = |why: io::Error| format!("cannot use {}: {}", lock.display(), cause(&why));
    let file = File::create(lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let path = path.display();
            Err(format!("another program is using {path}; end it, or give another {what}"))
        }
        Err(TryLockError::Error(why)) => Err(failed(why)),
    }
}

/// Where a path leads in the end, if it is a symbolic link; whether or not a
/// file stands there.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::read_link(&path) {
            Ok(target) => path = path.with_file_name("").join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("its symbolic links lead in a circle"))
}

/// The path with `ending` behind its file name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Other systems do not open folders.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        for content in ["one", "two, longer", "3"] {
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_file_is_kept_to_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let first = lock(&path).unwrap();
        assert!(lock(&path).unwrap_err().contains("another program is using"));
        drop(first);
        lock(&path).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_stays_and_a_new_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        replace(&path, b"1").unwrap();
        assert_eq!(mode(), 0o600);
        for kept in [0o640, 0o444, 0o600] {
            fs::set_permissions(&path, Permissions::from_mode(kept)).unwrap();
            // As a crash might have left it.
            fs::write(beside(&path, ".new"), b"half").unwrap();
            replace(&path, b"2").unwrap();
            assert_eq!(mode(), kept);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_one_and_is_locked_where_it_leads() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("disk")).unwrap();
        let (link, file) = (folder.path().join("data.json"), folder.path().join("disk/kept.json"));
        symlink("middle.json", &link).unwrap();
        symlink("disk/kept.json", folder.path().join("middle.json")).unwrap();
        // The file need not be there yet.
        for content in ["1", "2"] {
            replace(&link, content.as_bytes()).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&file).unwrap(), content);
        }
        let _lock = lock(&link).unwrap();
        assert!(lock(&file).is_err());
        let round = folder.path().join("round");
        symlink("round", &round).unwrap();
        assert!(replace(&round, b"1").is_err() && lock(&round).is_err());
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        replace(&path, b"old").unwrap();
        // A folder stands where the temporary file should go.
        fs::create_dir(beside(&path, ".new")).unwrap();
        assert!(replace(&path, b"new").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    }
}
