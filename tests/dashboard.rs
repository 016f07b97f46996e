//! The dashboard in a real browser, on a real node: what it shows moves by itself, and what is clicked
//! happens.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fmt::Write;
use std::net::Ipv4Addr;

use support::browser::Browser;
use support::endpoint::{Behaviour, Endpoint};
use support::folder::Folder;
use support::node::Node;
use support::until;

const NAME: &str = "app.example.com.";
const EAST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const WEST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 20);

const ESCAPE: &str = "\u{e00c}";
const CHECK: &str = "[check.web]\ntype = \"http\"\npath = \"/healthz\"\ninterval = \"400ms\"\ntimeout = \"400ms\"\n\
                     recheck = \"100ms\"\nfall = 3\nrise = 2\n";

const POOL: &str = "details[data-pool=\"app.example.com/app\"]";
const US_EAST: &str = "[data-endpoint=\"app.example.com/app/us-east\"]";
const ANSWER: &str = "details[data-pool=\"app.example.com/app\"] .answers .addresses";

/// Two regions, the node before them, and the page of it.
struct Scene {
    east: Endpoint,
    west: Endpoint,
    browser: Browser,
    node: Node,
    folder: Folder,
}

impl Scene {
    /// None where there is no browser. `node` is added to `pharos.toml`.
    fn start(more: impl Fn(&Folder) -> String) -> Option<Self> {
        let browser = Browser::start()?;
        let east = Endpoint::new(Behaviour::healthy("us-east"));
        let west = Endpoint::new(Behaviour::healthy("eu-west"));
        let mut steering = format!(
            "{CHECK}[pool.app]\nnames = [\"@\"]\npolicy = [\"priority\"]\ncheck = \"web\"\nttl = 10\n\
             failback = {{ hold = \"0s\" }}\n"
        );
        for (name, ip, at, priority) in [("us-east", EAST, &east, 1), ("eu-west", WEST, &west, 2)] {
            steering += &endpoint("app", name, ip, at, priority);
        }
        let folder = Folder::steered(&steering);
        folder.node(&format!("{}\n[node]\nname = \"ns1\"", more(&folder)));
        let node = Node::start(&folder);
        browser.open(&format!("http://{}/", node.admin[0]));
        Some(Self { east, west, browser, node, folder })
    }

    fn answers(&self, ip: Ipv4Addr) -> bool {
        self.node.client().one(NAME) == ip
    }
}

fn endpoint(pool: &str, name: &str, ip: Ipv4Addr, at: &Endpoint, priority: u32) -> String {
    format!(
        "[[pool.{pool}.endpoint]]\nname = {name:?}\nregion = {name:?}\naddress = [\"{ip}\"]\n\
         check_address = \"{}\"\npriority = {priority}\n",
        at.address
    )
}

/// Nothing went wrong in the page, and it tried nothing that its policy forbids.
#[track_caller]
fn assert_clean(browser: &Browser) {
    let log = browser.log();
    assert!(log.is_empty(), "the console says: {log:#?}");
}

/// Nothing went wrong but requests that the node refused with this code.
#[track_caller]
fn assert_only(browser: &Browser, code: &str) {
    let log = browser.log();
    let told = |line: &String| line.contains(&format!("status of {code} "));
    assert!(log.iter().all(told), "the console says: {log:#?}");
}

#[track_caller]
fn assert_fits(browser: &Browser) {
    let over = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(over, 0, "the page is wider than the screen");
}

#[test]
fn what_fails_is_seen_to_fail_and_to_come_back() {
    let Some(Scene { east, west, browser, mut node, folder: _folder }) = Scene::start(|_| String::new()) else {
        return;
    };
    browser.wait(&format!("{US_EAST} .verdict"), "up");
    browser.wait(ANSWER, "192.0.2.10");
    browser.wait("#facts", "ready");
    browser.wait("#contact-text", "live");
    browser.wait("[data-region=us-east]", "endpoint: 1 up");
    browser.run("window.same = true");

    east.set(Behaviour::status(503));
    browser.wait(&format!("{US_EAST} .verdict"), "down");
    browser.wait(&format!("{US_EAST} .error"), "503");
    browser.wait(ANSWER, "198.51.100.20");
    browser.wait(POOL, "partly down");
    browser.wait("[data-region=us-east]", "endpoint: 1 down");
    browser.wait("#event-list [data-kind=endpoint-down]", "us-east");
    browser.wait("#event-list [data-kind=answer-changed]", "198.51.100.20");
    until("the line of its checks shows failures", || browser.count(&format!("{US_EAST} .fails[d*=V]")) == 1);
    browser.shoot("one-down-light");

    // Why: the steps of the decision.
    browser.click(&format!("{POOL} button[aria-expanded]"));
    browser.wait(&format!("{POOL} .why"), "us-east 192.0.2.10");
    browser.shoot("why");

    west.set(Behaviour::Close);
    browser.wait(POOL, "nothing is healthy: the last good answer is kept");
    browser.wait("#event-list [data-kind=pool-down]", "critical");
    // What was asked for is told anew.
    browser.wait(&format!("{POOL} .why"), "last-good");
    until("the title tells", || browser.run("return document.title") == "2 not well · ns1 · pharos");
    for scheme in ["light", "dark"] {
        browser.scheme(scheme);
        browser.shoot(&format!("all-down-{scheme}"));
    }
    browser.screen(390, 844, true);
    assert_fits(&browser);
    browser.shoot("all-down-phone");

    east.set(Behaviour::healthy("us-east"));
    west.set(Behaviour::healthy("eu-west"));
    browser.wait(&format!("{US_EAST} .verdict"), "up");
    browser.wait(ANSWER, "192.0.2.10");
    assert_eq!(browser.run("return window.same"), true, "the page was loaded again");
    assert_clean(&browser);

    // What is no longer known is not shown as if it were.
    node.stop();
    browser.wait("[data-banner=lost]", "No contact since");
    browser.wait("#contact-text", "no contact for");
    assert_eq!(browser.count("body.lost"), 1);
    browser.shoot("no-contact");
}

#[test]
fn an_endpoint_is_drained_and_cleared_by_click() {
    let Some(scene) = Scene::start(|_| String::new()) else { return };
    let Scene { browser, node, .. } = &scene;
    let open = format!("{US_EAST} button[aria-label^=override]");
    browser.wait(ANSWER, "192.0.2.10");

    // Escape changes nothing, nor does what has no reason.
    browser.click(&open);
    browser.wait("dialog .told", "New answers of app.example.com/app will not hold 1 endpoint (us-east)");
    browser.keys("dialog input[name=author]", ESCAPE);
    browser.wait_gone("dialog[open]");
    browser.click(&open);
    browser.keys("dialog input[name=author]", "ana");
    browser.keys("dialog textarea", "  ");
    browser.click("dialog .go");
    browser.wait("dialog .fault", "A reason and your name are needed.");
    assert_eq!(node.status()["overrides"], serde_json::json!([]));

    // Markup in a reason is text.
    let reason = "<img src=x onerror=\"document.title='run'\"> upgrade & reboot";
    browser.keys("dialog textarea", reason);
    browser.shoot("drain");
    browser.click("dialog .go");
    browser.wait_gone("dialog[open]");
    browser.wait("#override-list", "endpoint us-east of app.example.com/app: drained");
    browser.wait("#override-list q", reason);
    browser.wait(&format!("{US_EAST} .badge.order"), "drained: <img");
    browser.wait(ANSWER, "198.51.100.20");
    browser.wait("#event-list [data-kind=override-set]", "us-east");
    assert_eq!(browser.count("img"), 0);
    until("the answer moves", || scene.answers(WEST));
    let (_, body) = node.get("/v1/overrides");
    let list: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(list[0]["force"], "drain");
    assert_eq!(list[0]["author"], "ana");
    assert_eq!(list[0]["reason"], reason.trim());
    assert_eq!(list[0]["expires"], serde_json::Value::Null);

    // The last one: it warns first. The name is remembered.
    browser.click("[data-endpoint=\"app.example.com/app/eu-west\"] button[aria-label^=override]");
    browser.wait("dialog .warning", "Nothing healthy would be left in app.example.com/app");
    assert_eq!(browser.run("return document.querySelector('dialog input[name=author]').value"), "ana");
    browser.click("dialog input[value=up]");
    browser.wait("dialog .go", "Hold it up");
    browser.wait_gone("dialog .warning");
    browser.keys("dialog textarea", ESCAPE);

    browser.click("#override-list button");
    browser.wait("dialog .told", "It was drained by ana");
    browser.keys("dialog textarea", "done");
    browser.click("dialog .go");
    browser.wait_gone("#override-list li");
    browser.wait(ANSWER, "192.0.2.10");
    until("the answer returns", || scene.answers(EAST));

    // A region and a pool, with an end.
    browser.click("[data-region=us-east] button[aria-label^=override]");
    browser.click("dialog input[value=down]");
    browser.choose("dialog select", "3600000");
    browser.wait("dialog .told", "It ends by itself after 60 min.");
    browser.keys("dialog textarea", "cable cut");
    browser.click("dialog .go");
    browser.wait("#override-list", "region us-east: held down");
    browser.wait("#override-list time[data-form=left]", "left");
    browser.wait(&format!("{US_EAST} .badge.order"), "held down with region us-east");
    until("the answer moves", || scene.answers(WEST));
    assert_clean(browser);
}

/// An edit is taken up by itself, but for one that is wrong or takes too much away.
#[test]
fn a_reload_is_shown_before_it_is_forced() {
    let Some(scene) = Scene::start(|_| String::new()) else { return };
    let Scene { browser, folder, west, .. } = &scene;
    browser.wait(ANSWER, "192.0.2.10");
    let path = format!("zones/{}.toml", support::folder::ZONE);
    let steering = folder.read(&path);
    let reload = || {
        browser.click("#acts button[aria-label^=reload]");
        browser.keys("dialog textarea", "east is no more");
        if browser.run("return document.querySelector('dialog input[name=author]').value") == "" {
            browser.keys("dialog input[name=author]", "ana");
        }
        browser.click("dialog .go");
    };
    folder.write(&path, &steering.replace("check = \"web\"", "check = \"wbe\""));
    reload();
    browser.wait("dialog .fault", "did you mean \"web\"?");
    browser.shoot("reload-wrong");
    browser.keys("dialog textarea", ESCAPE);
    // The refusal is the API's answer to a request, which Chromium tells on the console.
    assert_only(browser, "422");

    west.set(Behaviour::Close);
    browser.wait(POOL, "partly down");
    let (before, east) = steering.split_once("[[pool.app.endpoint]]").unwrap();
    let (_, west) = east.split_once("[[pool.app.endpoint]]").unwrap();
    let mark = scene.node.mark();
    folder.write(&path, &format!("{before}[[pool.app.endpoint]]{west}"));
    scene.node.wait_log_from(mark, "reload", support::LONG);
    reload();
    browser.wait("dialog .diff", "removed endpoint app.example.com/app/us-east");
    browser.click("dialog .go");
    browser.wait("dialog .fault", "app.example.com/app");
    browser.shoot("reload-refused");
    browser.click("dialog input[name=force]");
    browser.click("dialog .go");
    browser.wait_gone("dialog[open]");
    browser.wait_gone(US_EAST);
    assert_only(browser, "409");
}

#[test]
fn a_drill_is_begun_watched_and_ended_by_click() {
    let Some(scene) = Scene::start(|_| String::new()) else { return };
    let Scene { browser, west, .. } = &scene;
    browser.wait(ANSWER, "192.0.2.10");
    let begin = || {
        browser.click("[data-region=us-east] button[aria-label^=drill]");
        browser.keys("dialog textarea", "do we notice");
    };
    begin();
    browser.choose("dialog select[name=for]", "60000");
    browser.wait("dialog .told", "For 60 s this node treats the checks of 1 endpoint in us-east as failed.");
    browser.wait("dialog .go", "Fail us-east for 60 s");
    browser.keys("dialog input[name=author]", "ana");
    browser.shoot("drill-asked");
    browser.click("dialog .go");
    browser.wait_gone("dialog[open]");
    browser.wait("[data-banner=drill]", "Drill: us-east is failed on purpose until");
    browser.wait("[data-region=us-east] .badge.drill", "drill running");
    browser.wait("#drill-now", "left");
    until("its progress is drawn", || browser.count("#drill-now progress[value]") == 1);
    browser.wait(ANSWER, "198.51.100.20");
    until("the answer moves", || scene.answers(WEST));
    browser.shoot("drill");

    browser.click("#drill-now button");
    browser.keys("dialog textarea", "seen enough");
    browser.click("dialog .go");
    browser.wait("#drill-list li", "cut short");
    browser.wait_gone("[data-banner=drill]");
    browser.wait(ANSWER, "192.0.2.10");
    until("the answer returns", || scene.answers(EAST));
    browser.click("#drill-list a");
    browser.wait("dialog pre", "us-east");
    browser.shoot("drill-report");
    browser.click("dialog .report button");
    assert_clean(browser);

    // Nobody else is left: it warns, and the node refuses.
    west.set(Behaviour::Close);
    browser.wait(POOL, "partly down");
    begin();
    browser.wait("dialog .warning", "Nothing healthy would be left in app.example.com/app: the node will refuse.");
    browser.click("dialog .go");
    until("the node refuses", || !browser.text("dialog .fault").is_empty());
    assert_only(browser, "409");
}

#[test]
fn a_read_token_shows_and_a_write_token_acts() {
    let started = Scene::start(|folder| {
        folder.write("read.token", "the-token-to-read\n").write("write.token", "the-token-to-write\n");
        let file = |name: &str| folder.path(name).display().to_string();
        format!(
            "[admin]\nread_token = {{ file = {:?} }}\nwrite_token = {{ file = {:?} }}",
            file("read.token"),
            file("write.token")
        )
    });
    let Some(Scene { browser, .. }) = &started else { return };
    let give = |token: &str| {
        browser.keys("dialog input[name=token]", token);
        browser.click("dialog .go");
    };
    browser.wait("dialog h2", "A token is needed");
    assert_eq!(browser.count("details.pool"), 0);
    give("guessed");
    browser.wait("dialog .warning", "The node does not know this token.");
    give("the-token-to-read");
    browser.wait(ANSWER, "192.0.2.10");
    browser.wait("#access", "read only: actions need the write token");
    browser.wait("#contact-text", "live");
    let buttons = browser.count("button[data-act]");
    assert!(buttons >= 8, "{buttons} buttons");
    assert_eq!(browser.count("button[data-act]:disabled[title*='write token']"), buttons);
    browser.shoot("read-only");

    browser.click("#token");
    browser.wait("dialog h2", "A token is needed");
    give("the-token-to-write");
    browser.wait("#access", "read and write");
    assert_eq!(browser.count("button[data-act]:disabled"), 0);
    assert_clean(browser);
}

/// Fifty pools of four endpoints, one of them failing: it stands first, the others are folded.
#[test]
fn of_many_the_broken_come_first() {
    let Some(browser) = Browser::start() else { return };
    let well = Endpoint::new(Behaviour::healthy("well"));
    let ill = Endpoint::new(Behaviour::status(500));
    let mut steering = CHECK.to_owned();
    for pool in 0..50 {
        let name = format!("p{pool:02}");
        write!(steering, "[pool.{name}]\nnames = [\"{name}\"]\npolicy = [\"weight\"]\ncheck = \"web\"\n").unwrap();
        for (i, region) in ["us-east", "us-west", "eu-west", "ap-south"].into_iter().enumerate() {
            let at = if pool == 37 && i == 2 { &ill } else { &well };
            let ip = Ipv4Addr::new(198, 18, pool, u8::try_from(i).unwrap());
            steering += &endpoint(&name, region, ip, at, 1);
        }
    }
    let folder = Folder::steered(&steering);
    let node = Node::start(&folder);
    browser.open(&format!("http://{}/", node.admin[0]));
    browser.wait("#counts", "200 endpoints: 199 up, 1 down");
    browser.wait("details.pool:first-child", "app.example.com/p37");
    assert_eq!(browser.count("details.pool"), 50);
    assert_eq!(browser.count("details.pool[open]"), 1);
    browser.wait(".endpoint:first-child", "eu-west");

    // Folded ones are not made before they are looked at; once open they stay so.
    assert_eq!(browser.count(".endpoint"), 4);
    browser.click("details[data-pool$=p03] summary");
    browser.wait("details[data-pool$=p03] [data-endpoint$=us-east] .verdict", "up");
    browser.keys("#find", "p12 ap-south");
    browser.wait("#found", "1 of 50 pools");
    browser.wait("details.pool", "198.18.12.3");
    assert_eq!(browser.count(".endpoint"), 1);
    browser.run("const f = document.getElementById('find'); f.value = ''; f.dispatchEvent(new Event('input'))");
    browser.wait("details[data-pool$=p03] [data-endpoint$=us-east] .verdict", "up");
    browser.click("#broken");
    browser.wait("#found", "1 of 50 pools");
    browser.click("#broken");

    for (scheme, width, phone) in [("light", 1280, false), ("dark", 1280, false), ("light", 390, true)] {
        browser.scheme(scheme);
        browser.screen(width, 844, phone);
        assert_fits(&browser);
        browser.shoot(&format!("many-{scheme}-{width}"));
    }
    let lightness = |scheme: &str| {
        browser.scheme(scheme);
        browser.run("return getComputedStyle(document.body).backgroundColor")
    };
    assert_eq!(lightness("light"), "rgb(244, 246, 248)");
    assert_eq!(lightness("dark"), "rgb(14, 19, 23)");
    assert_clean(&browser);
}
