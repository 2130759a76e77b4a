//! Replacing a file so that whoever looks, whenever, finds the old one whole or
//! the new one whole; and keeping it to one program at a time.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use socklab::endpoint::cause;

/// Writes a temporary file beside `path`, syncs it, and gives it the name. A
/// crash before leaves the old file, and perhaps the temporary one, which the
/// next call overwrites; after an error it is gone, for it may have filled the
/// disk.
///
/// # Errors
/// Those of the file system; the old file stays.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = beside(path, ".new");
    let written = write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The error that counts is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The name itself stands in the folder.
    sync_folder(path)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
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
    take(&beside(path, ".lock"), path, "file")
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
