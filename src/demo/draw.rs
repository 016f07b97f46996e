//! The scene as text: whole for a terminal, note by note for a log.

use std::fmt::Display;

use crossterm::style::Stylize;

use super::scene::{Mood, Note, RegionRow, Scene};

/// Whether escapes may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colours(pub(super) bool);

impl Colours {
    fn mood(self, text: impl Display, mood: Mood) -> String {
        match mood {
            Mood::Plain => text.to_string(),
            Mood::Good => self.apply(text, |t| t.green().to_string()),
            Mood::Bad => self.apply(text, |t| t.red().to_string()),
        }
    }

    fn bold(self, text: impl Display) -> String {
        self.apply(text, |t| t.bold().to_string())
    }

    fn dim(self, text: impl Display) -> String {
        self.apply(text, |t| t.dark_grey().to_string())
    }

    fn apply(self, text: impl Display, paint: impl FnOnce(String) -> String) -> String {
        let text = text.to_string();
        if self.0 { paint(text) } else { text }
    }
}

/// The head: what runs, and what to try.
pub(super) fn head(scene: &Scene, colours: Colours) -> Vec<String> {
    let title = format!("pharos demo: {} in two regions, DNS on {}", scene.name, scene.dns);
    let mut lines = vec![colours.bold(title), String::new(), "Try, in another terminal:".to_owned()];
    lines.extend(scene.to_try().into_iter().map(|line| format!("  {line}")));
    lines.push(format!("  $EDITOR {}", scene.steering));
    lines.push(String::new());
    lines
}

/// One note as a line.
pub(super) fn note(note: &Note, colours: Colours) -> String {
    let at = colours.dim(format!("{:>8.2}s", note.at.as_secs_f64()));
    let about = colours.bold(format!("{:<8}", note.about));
    format!("{at}  {about}  {}", colours.mood(&note.text, note.mood))
}

/// The whole screen, at most `height` lines; the newest notes win.
pub(super) fn screen(scene: &Scene, height: usize, colours: Colours) -> Vec<String> {
    let mut lines = head(scene, colours);
    lines.push(colours.dim(format!("  {:<10} {:<17} {:<10} {}", "region", "http", "verdict", "last check")));
    lines.extend(scene.regions.iter().enumerate().map(|(i, row)| region(i, row, colours)));
    lines.push(String::new());
    lines.push(match &scene.answer {
        Some(answer) => {
            let region = scene.region_of(answer.ip);
            let record = format!("{}. {} IN A {}", scene.name, answer.ttl.as_secs(), answer.ip);
            format!("  {:<10} {}  ({region})", "answer", colours.bold(record))
        }
        None => format!("  {:<10} {}", "answer", colours.mood("no address", Mood::Bad)),
    });
    lines.push(String::new());
    let keys = keys(scene);
    let room = height.saturating_sub(lines.len() + 2);
    let skip = scene.notes.len().saturating_sub(room);
    lines.extend(scene.notes.iter().skip(skip).map(|n| note(n, colours)));
    while lines.len() + 1 < height {
        lines.push(String::new());
    }
    lines.truncate(height.saturating_sub(1));
    lines.push(colours.bold(keys));
    lines
}

fn region(index: usize, row: &RegionRow, colours: Colours) -> String {
    let mood = match row.verdict.as_str() {
        "up" => Mood::Good,
        "down" => Mood::Bad,
        _ => Mood::Plain,
    };
    let verdict = colours.mood(format!("{:<10}", row.verdict), mood);
    format!("{} {:<10} {:<17} {verdict} {}", index + 1, row.name, row.http.to_string(), row.evidence)
}

fn keys(scene: &Scene) -> String {
    let mut text = String::new();
    for (i, row) in scene.regions.iter().enumerate() {
        let verb = if row.working { "fail" } else { "restore" };
        text.push_str(&format!("[{}] {verb} {}   ", i + 1, row.name));
    }
    text.push_str("[q] quit");
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::resolver::Answer;
    use super::*;

    fn scene() -> Scene {
        let row = |name, http: &str, working, verdict: &str| RegionRow {
            name,
            http: http.parse().unwrap(),
            working,
            verdict: verdict.to_owned(),
            evidence: "status 200".to_owned(),
        };
        Scene {
            name: "app.example.com".to_owned(),
            dns: "127.0.0.1:5300".parse().unwrap(),
            admin: "127.0.0.1:8053".to_owned(),
            steering: "/tmp/x.toml".to_owned(),
            regions: vec![row("us-east", "127.0.0.1:81", false, "down"), row("eu-west", "127.0.0.2:81", true, "up")],
            answer: Some(Answer { ip: [127, 0, 0, 2].into(), ttl: std::time::Duration::from_secs(5) }),
            notes: (0..50)
                .map(|i| Note {
                    at: Duration::from_millis(i * 100),
                    about: "answer".to_owned(),
                    text: format!("note {i}"),
                    mood: Mood::Good,
                })
                .collect(),
        }
    }

    #[test]
    fn the_screen_fits_and_ends_with_the_keys() {
        for height in [3, 10, 24, 60] {
            let lines = screen(&scene(), height, Colours(false));
            assert_eq!(lines.len(), height);
            assert_eq!(lines.last().unwrap(), "[1] restore us-east   [2] fail eu-west   [q] quit");
        }
        let text = screen(&scene(), 24, Colours(false)).join("\n");
        assert!(text.contains("app.example.com. 5 IN A 127.0.0.2  (eu-west)"), "{text}");
        assert!(text.contains("note 49") && !text.contains("note 2\n"), "{text}");
        assert!(text.contains("dig @127.0.0.1 -p 5300 app.example.com A"), "{text}");
    }

    #[test]
    fn escapes_only_where_wanted() {
        assert!(!screen(&scene(), 24, Colours(false)).join("").contains('\x1b'));
        assert!(screen(&scene(), 24, Colours(true)).join("").contains('\x1b'));
    }
}
