//! A headless Chromium, driven over WebDriver (W3C): plain JSON over HTTP to its driver.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LONG, until};

/// What an element is known by (W3C WebDriver, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A window of its own browser. Closed on drop.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
    /// Kept open: the driver may have more to say.
    _said: Lines<BufReader<ChildStdout>>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser, then itself: killed, it would leave the browser behind.
        if self.http("GET", "/shutdown", None).is_err() {
            let _ = self.driver.kill();
        }
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// None, loudly, where Chromium or its driver is not installed.
    pub fn start() -> Option<Self> {
        let spawned = Command::new("chromedriver").arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut driver = match spawned {
            Ok(driver) if installed("chromium") => driver,
            other => {
                eprintln!("LEFT OUT: no chromium or no chromedriver (.ci/packages)");
                if let Ok(mut driver) = other {
                    driver.kill().unwrap();
                    driver.wait().unwrap();
                }
                return None;
            }
        };
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = said.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, port: port.unwrap(), session: String::new(), profile, _said: said };
        browser.open_session();
        Some(browser)
    }

    fn open_session(&mut self) {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        // No sandbox: it opens nothing but the page of the node under test, and tests may run as root.
        let args = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-crash-reporter",
            "--window-size=1280,900",
            profile
        ]);
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let opened = self.http("POST", "/session", Some(&wanted)).expect("a session");
        self.session = opened["sessionId"].as_str().unwrap().to_owned();
    }

    /// One command; what it gives, or what the driver said against it.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        self.http(method, &format!("/session/{}{path}", self.session), body)
    }

    #[track_caller]
    fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.ask(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn http(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let port = self.port;
        let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(LONG * 2)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).map_err(|error| error.to_string())?;
        // The driver keeps connections open: its length tells where a reply ends.
        let mut reply = BufReader::new(stream);
        let (mut status, mut length) = (String::new(), 0);
        reply.read_line(&mut status).map_err(|error| error.to_string())?;
        for line in reply.by_ref().lines() {
            let line = line.map_err(|error| error.to_string())?.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| line.clone())?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reply.read_exact(&mut body).map_err(|error| error.to_string())?;
        let mut value: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        let value = value["value"].take();
        if status.starts_with("HTTP/1.1 200") { Ok(value) } else { Err(value["message"].to_string()) }
    }

    pub fn open(&self, url: &str) {
        self.must("POST", "/url", Some(&json!({ "url": url })));
    }

    /// What the body of a function gives.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.must("POST", "/execute/sync", Some(&json!({ "script": script, "args": [] })))
    }

    fn find(&self, css: &str) -> Result<String, String> {
        let found = self.ask("POST", "/element", Some(&json!({ "using": "css selector", "value": css })))?;
        Ok(found[ELEMENT].as_str().unwrap().to_owned())
    }

    /// What can be read at the first element that fits; empty where there is none, or it is hidden.
    pub fn text(&self, css: &str) -> String {
        let Ok(element) = self.find(css) else { return String::new() };
        let text = self.ask("GET", &format!("/element/{element}/text"), None);
        text.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    pub fn count(&self, css: &str) -> u64 {
        self.run(&format!("return document.querySelectorAll({css:?}).length")).as_u64().unwrap()
    }

    /// Waits for a text there.
    #[track_caller]
    pub fn wait(&self, css: &str, text: &str) {
        let mut last = String::new();
        let began = tokio::time::Instant::now();
        while began.elapsed() < LONG {
            last = self.text(css);
            if last.contains(text) {
                return;
            }
            super::pause(Duration::from_millis(20));
        }
        self.shoot("failed");
        panic!("{css} does not say {text:?}, it says {last:?}; console: {:#?}", self.log());
    }

    /// Waits until nothing fits.
    #[track_caller]
    pub fn wait_gone(&self, css: &str) {
        until(&format!("{css} goes away"), || self.count(css) == 0);
    }

    /// A click by the mouse at its middle, as soon as it can be clicked.
    #[track_caller]
    pub fn click(&self, css: &str) {
        let mut last = String::new();
        let began = tokio::time::Instant::now();
        while began.elapsed() < LONG {
            match self.find(css).and_then(|it| self.ask("POST", &format!("/element/{it}/click"), Some(&json!({})))) {
                Ok(_) => return,
                Err(error) => last = error,
            }
            super::pause(Duration::from_millis(20));
        }
        panic!("{css} cannot be clicked: {last}");
    }

    /// Takes one of a select's values; its list is a window of the system, which a headless browser lacks.
    pub fn choose(&self, css: &str, value: &str) {
        self.run(&format!(
            "const it = document.querySelector({css:?}); it.value = {value:?}; \
             it.dispatchEvent(new Event('input', {{ bubbles: true }})); \
             it.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        ));
    }

    /// Types into an element; `\u{e00c}` is Escape, `\u{e004}` Tab, `\u{e007}` Enter.
    #[track_caller]
    pub fn keys(&self, css: &str, text: &str) {
        let element = self.find(css).unwrap_or_else(|error| panic!("{css}: {error}"));
        self.must("POST", &format!("/element/{element}/value"), Some(&json!({ "text": text })));
    }

    /// A command of Chromium's own protocol.
    fn devtools(&self, command: &str, params: &Value) {
        self.must("POST", "/goog/cdp/execute", Some(&json!({ "cmd": command, "params": params })));
    }

    /// The size of the screen, in CSS pixels; a phone's is one to touch.
    pub fn screen(&self, width: u32, height: u32, phone: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// `light` or `dark`.
    pub fn scheme(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// What came on the console since the last time: errors, and what the content policy refused.
    pub fn log(&self) -> Vec<String> {
        let lines = self.must("POST", "/se/log", Some(&json!({ "type": "browser" })));
        lines.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// A picture of what can be seen, kept beside the build.
    pub fn shoot(&self, name: &str) -> PathBuf {
        let picture = self.must("GET", "/screenshot", None);
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, BASE64.decode(picture.as_str().unwrap().as_bytes()).unwrap()).unwrap();
        path
    }
}

fn installed(command: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(command).exists()))
}
