//! A headless Chromium with one page in it, driven through its own pipe: no port, no WebDriver, no further crate.
//!
//! With `--remote-debugging-pipe` Chromium reads commands from file descriptor 3 and writes answers to 4, as JSON, each
//! ended by a zero byte (<https://chromedevtools.github.io/devtools-protocol/>). It ends when the pipe is closed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The environment variable that names the browser.
const VARIABLE: &str = "CHROME";
/// Its names on the usual systems.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Nothing that the browser is asked for takes so long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The browser; its window has one page.
pub(crate) struct Chrome {
    child: Child,
    commands: ChildStdin,
    answers: Receiver<Value>,
    /// What the page told between two answers.
    events: Vec<Value>,
    last: u64,
    /// The session of the page; empty until it is attached.
    session: String,
    /// Cookies, storage and caches of this browser alone; removed at the end.
    profile: tempfile::TempDir,
}

/// The browser of this machine.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(PathBuf::from(named));
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}

impl Chrome {
    /// Starts the browser; `None` if this machine has none.
    pub(crate) fn start() -> Option<Self> {
        if !cfg!(unix) {
            return None;
        }
        let program = program()?;
        let profile = tempfile::tempdir().unwrap();
        // The shell moves the pipes from 0 and 1, where Rust puts them, to 3 and 4.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null"])
            .arg(&program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-extensions"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut from = BufReader::new(child.stdout.take().unwrap());
        let (to, answers) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while from.read_until(0, &mut message).is_ok_and(|length| length > 1) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if to.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut chrome =
            Self { child, commands, answers, events: Vec::new(), last: 0, session: String::new(), profile };
        chrome.attach();
        Some(chrome)
    }

    /// Goes into the first page.
    fn attach(&mut self) {
        let targets = self.call("Target.getTargets", &json!({}));
        let page = targets["targetInfos"].as_array().unwrap().iter().find(|target| target["type"] == "page");
        let id = match page {
            Some(page) => page["targetId"].clone(),
            None => self.call("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone(),
        };
        let attached = self.call("Target.attachToTarget", &json!({"targetId": id, "flatten": true}));
        attached["sessionId"].as_str().unwrap().clone_into(&mut self.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Sends one command and gives its result.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).expect("the browser is alive");
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.next(end).unwrap_or_else(|| panic!("{method}: no answer"));
            if answer["id"] == json!(id) {
                assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    fn next(&self, end: Instant) -> Option<Value> {
        self.answers.recv_timeout(end.saturating_duration_since(Instant::now())).ok()
    }

    /// Waits until the page has told this event since the last [`Chrome::forget`].
    #[track_caller]
    pub(crate) fn wait(&mut self, method: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.events.iter().any(|event| event["method"] == method) {
            let event = self.next(end).unwrap_or_else(|| panic!("{method} never happened"));
            self.events.push(event);
        }
    }

    /// What the page told of this kind since the last [`Chrome::forget`].
    pub(crate) fn told(&self, method: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["method"] == method).map(|event| &event["params"]).collect()
    }

    /// Forgets what the page told.
    pub(crate) fn forget(&mut self) {
        self.events.clear();
    }

    /// Where the browser may keep files for a test.
    pub(crate) fn folder(&self) -> &Path {
        self.profile.path()
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        // The profile can be removed only when nobody writes to it any more.
        let _ = self.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
