//! URLs of the endpoint and of redirects, and which of them are the same place.

use ureq::http::Uri;

/// An `http` or `https` URL without name, password and fragment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Url {
    secure: bool,
    /// In small letters.
    host: String,
    port: u16,
    /// With the query; begins with a slash.
    path: String,
}

/// The query is left out: in a signed URL it is a key.
impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.origin(), self.path.split('?').next().unwrap_or_default())
    }
}

impl Url {
    /// Reads a whole URL.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.bytes().any(|b| !(0x21..0x7f).contains(&b) || b == b'\\') {
            return Err("it has a space, a control character, a backslash or a letter beyond ASCII");
        }
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|_| "it is not a URL")?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) => return Err("it is neither http:// nor https://"),
            None => return Err("it does not begin with http:// or https://"),
        };
        let authority = uri.authority().ok_or("it names no host")?;
        if authority.as_str().contains('@') {
            return Err("it has a name or password in it");
        }
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => Some(if secure { 443 } else { 80 }),
            Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()).filter(|port| *port != 0),
            None => None,
        };
        let port = port.ok_or("its port is not a number from 1 to 65535")?;
        if host.is_empty() {
            return Err("it names no host");
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { secure, host: host.to_ascii_lowercase(), port, path })
    }

    /// The URL a `Location` header means here.
    pub(super) fn join(&self, location: &str) -> Result<Self, &'static str> {
        let location = location.trim();
        let scheme = location.split(['/', '?', '#']).next().is_some_and(|start| start.contains(':'));
        let path = self.path.split('?').next().unwrap_or("/");
        let whole = match location {
            "" => return Err("it is empty"),
            _ if scheme => location.to_owned(),
            _ if location.starts_with("//") => {
                format!("{}:{location}", if self.secure { "https" } else { "http" })
            }
            _ if location.starts_with('/') => format!("{}{location}", self.origin()),
            _ if location.starts_with('?') => format!("{}{path}{location}", self.origin()),
            _ => format!("{}{}{location}", self.origin(), &path[..=path.rfind('/').unwrap_or(0)]),
        };
        Self::parse(&whole)
    }

    /// The URL with `more`, which begins with a slash, behind its path.
    pub(super) fn below(&self, more: &str) -> Self {
        let path = format!("{}{more}", self.path.trim_end_matches('/'));
        Self { path, ..self.clone() }
    }

    /// Scheme, host and port, as one writes them.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        match (self.secure, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{}", self.host),
            (_, port) => format!("{scheme}://{}:{port}", self.host),
        }
    }

    /// Whether both are of one scheme, host and port.
    pub(super) fn same_origin(&self, other: &Self) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }

    /// Whether the way there is encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether this is the machine itself.
    pub(super) fn is_local(&self) -> bool {
        self.host == "localhost" || self.host == "[::1]" || self.host.starts_with("127.")
    }

    /// Whether there is a query.
    pub(super) fn has_query(&self) -> bool {
        self.path.contains('?')
    }

    /// All of it, for a request and for no message.
    pub(super) fn whole(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_same_place_is_scheme_host_and_port() {
        let hub = url("https://Hub.example/prefix");
        for same in ["https://hub.example", "https://hub.example:443/x?y", "https://HUB.EXAMPLE/#f"] {
            assert!(hub.same_origin(&url(same)), "{same}");
        }
        for other in [
            "http://hub.example",
            "https://hub.example:8443",
            "https://hub.example.",
            "https://hub.example.evil",
            "https://evil/hub.example",
            "http://hub.example:443",
        ] {
            assert!(!hub.same_origin(&url(other)), "{other}");
        }
        assert_eq!(hub.below("/api/x").whole(), "https://hub.example/prefix/api/x");
        assert_eq!(format!("{:?}", url("https://a/b?Signature=secret")), "https://a/b");
    }

    #[test]
    fn locations_are_joined() {
        let at = url("http://hub:81/a/b?c");
        for (location, whole) in [
            ("/x?y", "http://hub:81/x?y"),
            ("x", "http://hub:81/a/x"),
            ("?z", "http://hub:81/a/b?z"),
            ("//other/x", "http://other/x"),
            ("https://other:444/x#y", "https://other:444/x"),
            ("HTTP://other", "http://other/"),
            ("/x?u=http://y", "http://hub:81/x?u=http://y"),
            ("http://[::1]:5/x", "http://[::1]:5/x"),
        ] {
            assert_eq!(at.join(location).map(|url| url.whole()), Ok(whole.to_owned()), "{location}");
        }
    }

    #[test]
    fn what_is_no_plain_url_is_refused() {
        for text in [
            "",
            "hub.example",
            "ftp://a/",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://u:p@a/",
            "https://u@a/",
            "https://a:0/",
            "https://a:99999/",
            "https://a:x/",
            "https://a\\b/",
            "https://a b/",
            "https://ä/",
            "javascript:alert(1)",
            "https://a/\u{7f}",
            "http:/a",
            "//a/b",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        let at = url("http://hub/a");
        for text in ["", "http://u:p@hub/", "data:x", "file:/etc/passwd", "//u@x/", "//", "x y"] {
            assert!(at.join(text).is_err(), "{text}");
        }
    }
}
