//! What the client waits for and accepts at most. Nothing limits the time of a whole download: files are large and
//! networks slow; but each piece of it has a limit.

use std::time::Duration;

/// Bounds of a download; [`Limits::default`] is what the program uses.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For the name of a server to be found, and again for the connection to it.
    pub connect: Duration,
    /// From the request to the end of the last answer's headers, over all redirects.
    pub answer: Duration,
    /// A body that brings less than [`Limits::idle_bytes`] in this time has stalled.
    pub idle: Duration,
    /// See [`Limits::idle`].
    pub idle_bytes: u64,
    /// Redirects of one request.
    pub redirects: usize,
    /// Attempts that bring next to nothing, before a request is given up.
    pub tries: u32,
    /// An attempt that brings so many bytes was worth it: attempts are counted from one again.
    pub gain: u64,
    /// Copies of a file with the wrong content, before the file is given up.
    pub bad_copies: u32,
    /// Pause after the first attempt; it doubles with each.
    pub pause: Duration,
    /// Longest pause, also when the server asks for more.
    pub longest_pause: Duration,
    /// How often a lock that another process holds is asked for.
    pub poll: Duration,
    /// Bytes of the list of a model's files.
    pub listing_bytes: u64,
    /// Files in that list.
    pub listed_files: usize,
    /// Bytes of a file that is not weights, and of one whose size the server does not tell.
    pub text_bytes: u64,
    /// Bytes of a file of weights.
    pub weight_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            idle_bytes: 16 << 10,
            redirects: 10,
            tries: 5,
            gain: 8 << 20,
            bad_copies: 3,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(120),
            poll: Duration::from_millis(250),
            listing_bytes: 16 << 20,
            listed_files: 50_000,
            text_bytes: 64 << 20,
            weight_bytes: 200_000_000_000,
        }
    }
}
