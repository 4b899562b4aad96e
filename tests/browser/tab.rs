//! The page under test, as a user has it: opened from disk, looked at, driven by keys.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::chrome::Chrome;

/// A window with a report in it.
pub(crate) struct Tab {
    chrome: Chrome,
    /// Whether the page may run scripts.
    scripts: bool,
}

/// What a page's window is like, in CSS pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// The four windows that a page is looked at in: desktop, small laptop, tablet, phone.
pub(crate) const WINDOWS: [Window; 4] = [
    Window { width: 1400, height: 1050 },
    Window { width: 1024, height: 768 },
    Window { width: 768, height: 1024 },
    Window { width: 420, height: 900 },
];

impl Tab {
    /// A desktop window; `None`, and a word about it, if this machine has no browser.
    pub(crate) fn new() -> Option<Self> {
        let Some(chrome) = Chrome::start() else {
            crate::skipped("there is no Chromium or Chrome (the variable CHROME may name one)");
            return None;
        };
        let mut tab = Self { chrome, scripts: true };
        tab.resize(WINDOWS[0]);
        Some(tab)
    }

    /// The browser under the tab.
    pub(crate) fn chrome(&mut self) -> &mut Chrome {
        &mut self.chrome
    }

    /// Makes the window this large.
    pub(crate) fn resize(&mut self, window: Window) {
        let mobile = window.width < 600;
        let (width, height) = (window.width, window.height);
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.chrome.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Opens `index.html` of a report's folder from disk and waits until it is there. `after` is what follows the
    /// file's name in the address, as `#numbers`.
    pub(crate) fn open(&mut self, report: &Path, after: &str) {
        // The same address with another end would only jump.
        self.go("about:blank");
        self.chrome.forget();
        self.go(&format!("{}{after}", address(&report.join("index.html"))));
    }

    fn go(&mut self, url: &str) {
        self.chrome.forget();
        let answer = self.chrome.call("Page.navigate", &json!({"url": url}));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        self.chrome.wait("Page.loadEventFired");
        self.settle();
    }

    /// Waits until the page has drawn twice: what an event starts is then done.
    pub(crate) fn settle(&mut self) {
        // Without scripts no frame tells that it was drawn, and nothing happens after the page is loaded.
        if self.scripts {
            self.eval("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))");
        }
    }

    /// Loads every picture, also those far down.
    pub(crate) fn load_all(&mut self) {
        self.eval(
            "Promise.all([...document.images].map((i) => { i.loading = 'eager'; \
             return i.complete ? 0 : new Promise((done) => { i.onload = i.onerror = done; }); })).then(() => 0)",
        );
    }

    /// The value of an expression, which may be a promise.
    #[track_caller]
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.chrome.call("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}\n{}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// The texts of an array of strings.
    #[track_caller]
    pub(crate) fn texts(&mut self, expression: &str) -> Vec<String> {
        let value = self.eval(expression);
        let list = value.as_array().unwrap_or_else(|| panic!("{expression} is {value}"));
        list.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    /// Presses and lets go one key: a letter, or a name as `ArrowLeft`.
    pub(crate) fn press(&mut self, key: &str) {
        let code = match key {
            "Backspace" => 8,
            "Enter" => 13,
            "Escape" => 27,
            " " => 32,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            "Tab" => 9,
            "." => 190,
            "," => 188,
            "=" => 187,
            letter => u32::from(letter.as_bytes()[0].to_ascii_uppercase()),
        };
        let text = match key {
            "Enter" => "\r",
            key if key.len() == 1 => key,
            _ => "",
        };
        let mut event = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
        if !text.is_empty() {
            event["text"] = json!(text);
        }
        self.chrome.call("Input.dispatchKeyEvent", &event);
        event["type"] = json!("keyUp");
        self.chrome.call("Input.dispatchKeyEvent", &event);
        self.settle();
    }

    /// Colours and medium, e.g. `("print", "light")`; an empty medium is the screen.
    pub(crate) fn emulate(&mut self, medium: &str, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.chrome.call("Emulation.setEmulatedMedia", &json!({"media": medium, "features": features}));
    }

    /// Switches the scripts of the pages opened from now on.
    pub(crate) fn scripts(&mut self, on: bool) {
        self.chrome.call("Emulation.setScriptExecutionDisabled", &json!({"value": !on}));
        self.scripts = on;
    }

    /// What the page wrote to the console and what the browser complained about.
    pub(crate) fn messages(&mut self) -> Vec<String> {
        // An answer to a question that is asked now comes after all that was told before.
        self.eval("0");
        let kinds = ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"];
        kinds.iter().flat_map(|kind| self.chrome.told(kind)).map(Value::to_string).collect()
    }

    /// Every address that the page asked for.
    pub(crate) fn requests(&mut self) -> Vec<String> {
        self.eval("0");
        let asked = self.chrome.told("Network.requestWillBeSent");
        asked.iter().map(|event| event["request"]["url"].as_str().unwrap().to_owned()).collect()
    }

    /// The page as a PDF of A4 pages, as the page itself wants them.
    pub(crate) fn print(&mut self) -> Vec<u8> {
        let wishes = json!({"preferCSSPageSize": true, "paperWidth": 8.27, "paperHeight": 11.69});
        let answer = self.chrome.call("Page.printToPDF", &wishes);
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    /// What the window shows, to look at when a test fails.
    pub(crate) fn picture(&mut self, name: &str) -> PathBuf {
        let answer = self.chrome.call("Page.captureScreenshot", &json!({}));
        let bytes = base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.png"));
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// The `file:` address of a path.
pub(crate) fn address(path: &Path) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte);
    let bytes = path.to_str().unwrap().as_bytes();
    let text = bytes.iter().map(|b| if plain(b) { char::from(*b).to_string() } else { format!("%{b:02X}") });
    format!("file://{}", text.collect::<String>())
}
