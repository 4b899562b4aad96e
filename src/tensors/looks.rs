//! Files that are something else than their name says, told by how they begin.

use std::path::Path;

use crate::files::pickle::convert_file;

/// What people have instead of a model file or a configuration, and what to do about it; `None` if `bytes`, the
/// beginning of `file`, look like none of these.
pub(crate) fn looks_like(bytes: &[u8], file: &Path) -> Option<String> {
    let starts = |magics: &[&[u8]]| magics.iter().any(|magic| bytes.starts_with(magic));
    let text: String = bytes.iter().take(512).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || "\u{ef}\u{bb}\u{bf}".contains(c));
    let again = "download it again";
    let pickle = || format!("which can run any code when it is opened: {}", convert_file(file));
    Some(if bytes.is_empty() {
        format!("it is empty; {again}")
    } else if bytes.len() >= 8 && bytes.iter().take(64).all(|byte| *byte == 0) {
        format!("it begins with zeros: the download or copy is incomplete; {again}")
    } else if text.starts_with("version https://git-lfs") || text.starts_with("version https://hawser") {
        "it is a Git LFS pointer, which only names the real file: run `git lfs install` and `git lfs pull` in the \
         folder of the model, or download the file from the website it comes from"
            .to_owned()
    } else if text.starts_with("/annex/objects/") || text.contains(".git/annex/objects/") && text.len() < 400 {
        "it is a git-annex pointer, which only names the real file: run `git annex get` on it".to_owned()
    } else if ["<!doctype html", "<html", "<head", "<!--"].iter().any(|tag| text.starts_with(tag)) {
        format!("it is a web page, probably an error or a login instead of the file: {again}, and check the address")
    } else if text.starts_with("<?xml") || text.starts_with("<error>") {
        format!("it is an XML text, probably an error message of a server instead of the file: {again}")
    } else if let Some(message) = server_message(bytes) {
        format!("it is the message of a server instead of the file (\"{message}\"): check the address and {again}")
    } else if starts(&[b"PK\x03\x04", b"PK\x05\x06"]) {
        format!("it is a ZIP archive, or a PyTorch file (a pickle), {}", pickle())
    } else if bytes.len() > 2
        && bytes[0] == 0x80
        && (2..=5).contains(&bytes[1])
        && bytes[2..].iter().take(6).any(|b| *b != 0)
    {
        format!("it is a Python pickle (.ckpt, .pt, .bin), {}", pickle())
    } else if starts(&[b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"7z\xbc\xaf\x27\x1c", b"BZh", b"Rar!"])
        || bytes.get(257..262) == Some(b"ustar")
    {
        "it is a compressed file or an archive: unpack it first".to_owned()
    } else if starts(&[b"GGUF", b"tjgg", b"lmgg", b"fmgg", b"algg"]) {
        "it is a GGUF or GGML file, whose quantised weights are not supported: take the .safetensors version of the \
         model"
            .to_owned()
    } else if starts(&[b"\x89HDF", b"\x93NUMPY"]) {
        "it is an HDF5 or NumPy file, which is not read: take the .safetensors version of the model".to_owned()
    } else if starts(&[b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"%PDF", b"\x7fELF", b"MZ"]) {
        format!("it is a picture, a document or a program: {again}")
    } else {
        return None;
    })
}

/// The short texts that the Hub and others send with an error.
fn server_message(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes.get(..bytes.len().min(200))?).ok()?.trim();
    let known = [
        "Entry not found",
        "Invalid username or password",
        "Invalid credentials",
        "Repository not found",
        "Access to model",
        "Access denied",
        "Unauthorized",
        "Forbidden",
        "Not Found",
        "404: Not Found",
        "{\"error\"",
        "{\"message\"",
    ];
    let line = text.lines().next().unwrap_or_default();
    known
        .iter()
        .any(|start| text.starts_with(start))
        .then(|| line.chars().take(80).filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_are_called_by_name() {
        let cases: [(&[u8], &str); 16] = [
            (b"", "empty"),
            (&[0; 100], "zeros"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n", "Git LFS"),
            (b"/annex/objects/SHA256E-s1--aa.safetensors\n", "git-annex"),
            (b"\n <!DOCTYPE html><html>", "web page"),
            (b"\xef\xbb\xbf<html>", "web page"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>", "XML"),
            (b"Entry not found", "Entry not found"),
            (b"{\"error\":\"Repository not found\"}", "message of a server"),
            (b"PK\x03\x04\x00\x00\x08\x08archive/data.pkl", "pickle"),
            (b"\x80\x02}q\x00X\x0a", "pickle"),
            (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "unpack"),
            (b"GGUF\x03\0\0\0", "GGUF"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"\x89PNG\r\n\x1a\n", "picture"),
            (b"\x28\xb5\x2f\xfd\0\0\0\0", "unpack"),
        ];
        for (bytes, what) in cases {
            let said = looks_like(bytes, Path::new("model.ckpt")).unwrap_or_else(|| panic!("{what}"));
            assert!(said.contains(what), "{what}: {said}");
        }
    }

    #[test]
    fn good_files_pass() {
        let mut weights = 0x0280_u64.to_le_bytes().to_vec();
        weights.extend(b"{\"__metadata__\":{\"format\":\"pt\"}");
        let texts: [&[u8]; 4] = [b"{}", b"{\n  \"_class_name\": \"x\"", b"#version: 0.2\ni n\n", b"{\"vocab\": {}"];
        for good in texts.into_iter().chain([weights.as_slice()]) {
            assert_eq!(looks_like(good, Path::new("model.safetensors")), None);
        }
    }
}
