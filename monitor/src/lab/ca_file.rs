//! The authority's certificate in a file, where clients find it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use socklab::errors::cause;

use super::Lab;
use super::services::Service;

/// The file with the authority's certificate. If nobody asked for it by name
/// it is removed at the end: the next lab has another authority.
pub struct CaFile {
    pub path: PathBuf,
    remove: bool,
}

impl CaFile {
    /// Writes it to `wanted`, or else to `lab-ca-PORT.pem` in the folder for
    /// temporary files, PORT being that of https.
    ///
    /// # Errors
    /// One line for a person: the file, why, and the mend.
    pub fn write(lab: &Lab, wanted: Option<&Path>) -> Result<CaFile, String> {
        let path = wanted.map_or_else(
            || {
                let port = lab.address(Service::Https).port();
                std::env::temp_dir().join(format!("lab-ca-{port}.pem"))
            },
            Path::to_path_buf,
        );
        replace(&path, lab.authority_pem()).map_err(|why| {
            let why = cause(&why);
            format!("cannot write {}: {why}; name another with --ca-file", path.display())
        })?;
        Ok(CaFile { path, remove: wanted.is_none() })
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        if self.remove {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Writes a new file and gives it the name: whoever reads sees the old one or
/// the new one, and a link that somebody left there is not followed.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(new);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&new)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}
