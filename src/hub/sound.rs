//! Whether a file of the cache is what it should be, as far as that can be known without the network and without
//! reading gigabytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::digest::Digest;

/// Larger files are not read to compare their checksum.
const SMALL: u64 = 16 << 20;
/// Longest header of a safetensors file that is read.
const LONGEST_HEADER: u64 = 64 << 20;

/// What is wrong with a file of a snapshot; `None` if nothing is seen.
pub(super) fn fault(path: &Path) -> Option<&'static str> {
    let Ok(link) = std::fs::symlink_metadata(path) else { return Some("missing") };
    let Ok(meta) = std::fs::metadata(path) else { return Some("its link leads nowhere") };
    if !meta.is_file() {
        return Some("not a file");
    }
    if meta.len() == 0 {
        return Some("empty");
    }
    // The name of the file behind the link is its checksum.
    let blob = if link.is_symlink() { std::fs::read_link(path).ok() } else { None };
    let name = blob.as_ref().and_then(|blob| blob.file_name()?.to_str()).unwrap_or_default();
    if meta.len() <= SMALL && !Digest::of_name(name).fits(path, &|| false).unwrap_or(false) {
        return Some("its content does not fit its checksum");
    }
    if path.extension().is_some_and(|e| e == "safetensors") && length_by_header(path) != Some(meta.len()) {
        return Some("its length is not what its header says");
    }
    None
}

/// The length a safetensors file has by its own header.
fn length_by_header(path: &Path) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let header = u64::from_le_bytes(length);
    if header > LONGEST_HEADER {
        return None;
    }
    let tensors: serde_json::Map<String, serde_json::Value> = serde_json::from_reader(file.take(header)).ok()?;
    let ends = tensors.values().filter_map(|tensor| tensor.get("data_offsets")?.get(1)?.as_u64());
    ends.max().unwrap_or(0).checked_add(8 + header)
}

/// The shards a list of shards names: plain names in its own folder, sorted.
pub(super) fn shards(list: &Path) -> Option<Vec<String>> {
    let text = std::fs::read(list).ok()?;
    let list: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let names = list.get("weight_map")?.as_object()?.values().map(|name| name.as_str().map(str::to_owned));
    let names: std::collections::BTreeSet<String> = names.collect::<Option<_>>()?;
    Some(names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(data: &[u8]) -> Vec<u8> {
        let header = br#"{"__metadata__":{"a":"b"},"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#;
        [&(header.len() as u64).to_le_bytes()[..], header, data].concat()
    }

    #[test]
    fn weights_have_the_length_of_their_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n".to_vec();
        for (bytes, fine) in [
            (weights(b"abcd"), true),
            (weights(b"abc"), false),
            (weights(b"abcde"), false),
            (weights(b"")[..20].to_vec(), false),
            (b"abc".to_vec(), false),
            (pointer, false),
            (Vec::new(), false),
        ] {
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(fault(&path).is_none(), fine, "{bytes:?}");
        }
        assert_eq!(fault(folder.path()), Some("not a file"));
        assert_eq!(fault(&folder.path().join("none")), Some("missing"));
    }

    #[cfg(unix)]
    #[test]
    fn small_files_fit_the_name_behind_the_link() {
        let folder = tempfile::tempdir().unwrap();
        let blob = folder.path().join("ce013625030ba8dba906f756967f9e9ca394464a");
        let path = folder.path().join("config.json");
        std::os::unix::fs::symlink(blob.file_name().unwrap(), &path).unwrap();
        assert_eq!(fault(&path), Some("its link leads nowhere"));
        std::fs::write(&blob, "hello\n").unwrap();
        assert_eq!(fault(&path), None);
        std::fs::write(&blob, "hellp\n").unwrap();
        assert_eq!(fault(&path), Some("its content does not fit its checksum"));
    }

    #[test]
    fn shards_are_read_from_their_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.json");
        std::fs::write(&path, r#"{"weight_map":{"a":"x-2.safetensors","b":"x-1.safetensors","c":"x-1.safetensors"}}"#)
            .unwrap();
        assert_eq!(shards(&path).unwrap(), ["x-1.safetensors", "x-2.safetensors"]);
        std::fs::write(&path, r#"{"weight_map":{"a":1}}"#).unwrap();
        assert_eq!(shards(&path), None);
    }
}
