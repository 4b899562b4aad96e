//! Reading a file that somebody else may have put there: an ordinary one, and no more of it than it may have.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::Path,
};

/// Opens an ordinary file, links followed. A pipe would let us wait for ever, a device has no end.
///
/// # Errors
/// What the system says, or that it is no ordinary file.
pub fn open(path: &Path) -> io::Result<File> {
    check(&std::fs::metadata(path)?)?;
    File::open(path)
}

/// The whole content of an ordinary file of at most `limit` bytes.
///
/// # Errors
/// As [`open()`], and a file that is larger.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes"));
    let file = open(path)?;
    if file.metadata()?.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // Once more: the file may grow meanwhile, and files of the system tell no length.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

fn check(metadata: &Metadata) -> io::Result<()> {
    let what = match metadata {
        meta if meta.is_file() => return Ok(()),
        meta if meta.is_dir() => "it is a folder",
        _ => "it is a pipe, a device or something else that is no ordinary file",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"1234").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"1234");
        assert_eq!(read(&path, 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read(folder.path(), 3).unwrap_err().to_string().contains("folder"));
        assert_eq!(read(&folder.path().join("none"), 3).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    #[cfg(unix)]
    fn pipes_and_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            assert!(read(path, 3).unwrap_err().to_string().contains("no ordinary file"), "{}", path.display());
        }
    }
}
