//! Checksums as the Hub has them: SHA-256 of files in large-file storage, Git's hash of all others.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::names::is_hex;

/// What is known of a file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Digest {
    /// SHA-256 of the content.
    Sha256(String),
    /// SHA-1 of `blob`, the length and the content. Git's choice: weak against forgery, fine against damage; files
    /// of weights are in large-file storage and have SHA-256.
    Git(String),
    /// The name is no checksum.
    Unknown,
}

impl Digest {
    /// The checksum a file in the cache has by its name.
    pub(super) fn of_name(name: &str) -> Self {
        match name {
            _ if is_hex(name, 64) => Self::Sha256(name.to_owned()),
            _ if is_hex(name, 40) => Self::Git(name.to_owned()),
            _ => Self::Unknown,
        }
    }

    /// Whether the file on disk has this content; one without a known checksum has.
    pub(super) fn fits(&self, path: &Path, stop: &dyn Fn() -> bool) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let (mut context, wanted) = match self {
            Self::Sha256(wanted) => (Context::new(&SHA256), wanted),
            Self::Git(wanted) => {
                let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
                context.update(format!("blob {}\0", file.metadata()?.len()).as_bytes());
                (context, wanted)
            }
            Self::Unknown => return Ok(true),
        };
        let mut buffer = vec![0; 1 << 20];
        loop {
            if stop() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => context.update(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let found: String = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(found == *wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_git_and_sha256sum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "hello\n").unwrap();
        // git hash-object a; sha256sum a
        for name in [
            "ce013625030ba8dba906f756967f9e9ca394464a",
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        ] {
            let digest = Digest::of_name(name);
            assert_ne!(digest, Digest::Unknown);
            std::fs::write(&path, "hello\n").unwrap();
            assert!(digest.fits(&path, &|| false).unwrap());
            assert_eq!(digest.fits(&path, &|| true).unwrap_err().kind(), io::ErrorKind::Interrupted);
            std::fs::write(&path, "hellp\n").unwrap();
            assert!(!digest.fits(&path, &|| false).unwrap());
        }
        assert!(Digest::of_name("etag").fits(&path, &|| false).unwrap());
    }
}
