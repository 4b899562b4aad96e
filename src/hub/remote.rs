//! What the Hub says of a file: its checksum and size. It says so itself, in the headers of its own answer, before
//! it redirects to where large files are stored.

use super::digest::Digest;
use super::fault::{Fault, Kind};
use super::http::{Answer, Hop};
use super::limits::Limits;
use super::names;

/// A file on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// Name of the content in the cache; the checksum, if the server has one.
    pub(super) etag: String,
    pub(super) digest: Digest,
    /// Bytes, if the server says.
    pub(super) size: Option<u64>,
}

/// The part of a file that an answer brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it begins.
    pub(super) start: u64,
    /// Bytes of the whole file, if the answer says.
    pub(super) total: Option<u64>,
}

impl Remote {
    /// Reads the headers of an answer for `name` at `commit`.
    pub(super) fn read(answer: &Answer, commit: &str, name: &str, limits: &Limits) -> Result<Self, Fault> {
        let host = answer.hops.first().map(|hop| hop.url.origin()).unwrap_or_default();
        let hostile = |what: &str| Fault::new(Kind::Hostile, format!("{host} {what} for {name}"));
        let all: Vec<&Hop> = answer.hops.iter().collect();
        let header = |hops: &[&Hop], key| one(hops, key).map_err(|what| hostile(&format!("sends {what} {key}")));
        match header(&all, "X-Repo-Commit")? {
            None => return Err(hostile("sends no X-Repo-Commit, as a Hub does,")),
            Some(found) if found != commit => return Err(hostile("sends another commit than asked for")),
            Some(_) => {}
        }
        // The ETag of a store is of another kind: without a linked one only that of the Hub itself counts.
        let own: Vec<&Hop> = all.iter().copied().filter(|hop| hop.headers.contains_key("x-repo-commit")).collect();
        let etag = header(&all, "X-Linked-ETag")?.map_or_else(|| header(&own, "ETag"), |etag| Ok(Some(etag)))?;
        let etag = etag.ok_or_else(|| hostile("sends no ETag, so nothing can be checked,"))?;
        let etag = names::from_etag(&etag).ok_or_else(|| hostile("sends an ETag that cannot be the name of a file"))?;
        let number = |text: String| text.parse().map_err(|_| hostile("sends a size that is no number"));
        let linked: Option<u64> = header(&all, "X-Linked-Size")?.map(number).transpose()?;
        let total = Part::read(answer, name)?.and_then(|part| part.total);
        let most = if name.ends_with(".safetensors") { limits.weight_bytes } else { limits.text_bytes };
        let size = linked.or(total);
        if let Some(size) = size.filter(|size| *size > most) {
            return Err(hostile(&format!("announces {size} bytes, more than the {most} this program accepts,")));
        }
        if let (Some(linked), Some(total)) = (linked, total)
            && linked != total
        {
            let what = format!("{} announces {total} bytes for {name} where {host} says {linked}", answer.host());
            return Err(Fault::new(Kind::Broken, what));
        }
        Ok(Self { digest: Digest::of_name(&etag), etag, size })
    }

    /// Most bytes the file can have.
    pub(super) fn most(&self, limits: &Limits) -> u64 {
        self.size.unwrap_or(limits.text_bytes)
    }
}

impl Part {
    /// Which part of the file the body is; `None` if there is none.
    pub(super) fn read(answer: &Answer, name: &str) -> Result<Option<Self>, Fault> {
        let broken = |what: &str| Fault::new(Kind::Broken, format!("{} {what} for {name}", answer.host()));
        if let Some(coding) = answer.header("content-encoding")
            && !coding.eq_ignore_ascii_case("identity")
        {
            return Err(Fault::new(
                Kind::Hostile,
                format!("{} sends {name} compressed, although it was asked not to", answer.host()),
            ));
        }
        let length: Option<u64> = answer.header("content-length").and_then(|length| length.trim().parse().ok());
        match answer.status {
            200 => Ok(Some(Self { start: 0, total: length })),
            206 => {
                let range = answer.header("content-range").and_then(content_range);
                let (start, end, total) = range.ok_or_else(|| broken("sends a part without a Content-Range"))?;
                // A part must go to the end of the file and be as long as it says.
                if end.checked_add(1) != Some(total) || length.is_some_and(|length| length != total - start) {
                    return Err(broken("sends another part than it was asked"));
                }
                Ok(Some(Self { start, total: Some(total) }))
            }
            _ => Ok(None),
        }
    }
}

/// `bytes 5-9/10` → (5, 9, 10), each in order.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end, total) = (start.trim().parse().ok()?, end.trim().parse().ok()?, total.trim().parse().ok()?);
    (start <= end && end < total).then_some((start, end, total))
}

/// The value of a header in the first answer that has it, or what is wrong with it.
fn one(hops: &[&Hop], name: &str) -> Result<Option<String>, &'static str> {
    let Some(hop) = hops.iter().find(|hop| hop.headers.contains_key(name)) else { return Ok(None) };
    let mut values = hop.headers.get_all(name).iter();
    let first = values.next();
    if values.any(|value| Some(value) != first) {
        return Err("two different values of");
    }
    match first.map(|value| value.to_str()) {
        Some(Ok(value)) => Ok(Some(value.trim().to_owned())),
        Some(Err(_)) => Err("a value that is no text of"),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_strictly() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, 9, 10)));
        for text in ["", "bytes */10", "bytes 5-9/*", "bytes 9-5/10", "bytes 5-10/10", "items 5-9/10", "bytes -5-9/10"]
        {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
