//! The service as a process: found, killed, started again, ended, and refused.

use crate::binary::{TINY, command, done, failed, signal};
use crate::flow::shop;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const ITEMS: &str = "item_id,title\na,Apple\nb,Bread\nc,Cheese\n";
const EVENTS: &str = "user_id,item_id,timestamp\nu,a,1\nu,b,2\nv,a,3\nv,c,4\n";

/// A place with a bundle that needs no encoder.
fn place() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    std::fs::write(at.join("items.csv"), ITEMS).unwrap();
    std::fs::write(at.join("events.csv"), EVENTS).unwrap();
    done(
        at,
        &[
            "import",
            "--items",
            "items.csv",
            "--interactions",
            "events.csv",
            "--out",
            "shop",
        ],
    );
    done(
        at,
        &[
            "train",
            "shop",
            "--model",
            "item-knn",
            "--encoder",
            "none",
            "--out",
            "bundle",
        ],
    );
    home
}

struct Running {
    child: Child,
    address: String,
    said: BufReader<ChildStdout>,
}

/// Starts the service on a free port.
fn started(home: &Path) -> Running {
    started_with(home, &[])
}

fn started_with(home: &Path, flags: &[&str]) -> Running {
    let args = [&["serve", "bundle", "--listen", "127.0.0.1:0"], flags].concat();
    let mut command = command(home, &args);
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let address = line
        .strip_prefix("http://")
        .and_then(|l| l.split(' ').next());
    let address = address
        .unwrap_or_else(|| panic!("no address in '{line}'"))
        .to_owned();
    Running {
        child,
        address,
        said,
    }
}

impl Running {
    /// Status and body of an answer; none where the service is gone.
    fn ask(&self, line: &str, headers: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: s\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        stream.write_all((head + body).as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        Some((status, body.to_owned()))
    }

    fn event(&self, number: usize) -> Option<(u16, String)> {
        let body =
            format!("{{\"user_id\": \"w\", \"item_id\": \"a\", \"event_id\": \"e{number}\"}}");
        self.ask("POST /v1/events", "", &body)
    }

    /// Has it train anew; what came of it.
    fn refit(&self) -> Value {
        assert_eq!(self.ask("POST /v1/refit", "", "").unwrap().0, 202);
        loop {
            let (_, text) = self.ask("GET /v1/refit", "", "").unwrap();
            let status: Value = serde_json::from_str(&text).unwrap();
            if status["made"][0].is_object() {
                return status;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Killed in the middle of a stream of events, again and again, the service loses none that it has
/// acknowledged.
#[test]
fn what_was_acknowledged_survives_a_kill() {
    let home = place();
    let (mut sent, mut acknowledged) = (0, Vec::new());
    for after in [3, 1, 7] {
        let mut running = started(home.path());
        for &number in &acknowledged {
            let (_, body) = running.event(number).unwrap();
            assert!(
                body.contains("\"duplicates\":1"),
                "event {number} is lost: {body}"
            );
        }
        // One thread sends as fast as it can; the kill comes while it does.
        let enough = acknowledged.len() + after;
        std::thread::scope(|scope| {
            let (told, tells) = std::sync::mpsc::channel();
            let asked = &running;
            scope.spawn(move || {
                for number in sent.. {
                    let answer = asked.event(number);
                    let done = answer.is_some_and(|(status, _)| status == 200);
                    if told.send((number, done)).is_err() || !done {
                        break;
                    }
                }
            });
            let mut killed = false;
            for (number, done) in tells {
                sent = number + 1;
                if done {
                    acknowledged.push(number);
                }
                if acknowledged.len() >= enough && !killed {
                    signal(&running.child, "-KILL");
                    killed = true;
                }
            }
        });
        running.child.wait().unwrap();
    }
    assert!(acknowledged.len() >= 11);
    let running = started(home.path());
    for number in acknowledged {
        assert!(
            running
                .event(number)
                .unwrap()
                .1
                .contains("\"duplicates\":1")
        );
    }
}

#[test]
fn it_answers_what_is_open_and_ends() {
    let home = place();
    let mut running = started(home.path());
    let (status, body) = running
        .ask("GET /v1/users/u/recommendations?k=1", "", "")
        .unwrap();
    assert_eq!(status, 200);
    assert!(
        body.contains("\"item\":\"c\"") && body.contains("\"source\":\"item-knn\""),
        "{body}"
    );
    // Its first half, before the signal; its second, after it.
    let mut open = TcpStream::connect(&running.address).unwrap();
    let body = "{\"user_id\": \"w\", \"item_id\": \"a\"}";
    write!(
        open,
        "POST /v1/events HTTP/1.1\r\nHost: s\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    // A whole request on another connection: by its answer, the service has read the half one.
    running.ask("GET /health/live", "", "").unwrap();
    signal(&running.child, "-TERM");
    open.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(running.child.wait().unwrap().success());
    let mut rest = String::new();
    running.said.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "all requests are answered; ended\n");
}

/// `up` takes a free port where its own is taken, serves what it made, and prints lines that work.
#[test]
fn up_ends_in_a_service_that_answers_the_lines_it_prints() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    shop(at);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let words =
        "up items.csv events.csv --out out --models popularity,content --split leave-one-out";
    let mut args: Vec<&str> = words.split(' ').collect();
    args.extend(["--encoder", TINY, "--listen", &address]);
    let mut child = command(at, &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut lines: Vec<String> = Vec::new();
    while lines
        .last()
        .is_none_or(|line| line != "Ctrl-C ends the service")
    {
        let mut line = String::new();
        assert!(said.read_line(&mut line).unwrap() > 0, "{lines:?}");
        lines.push(line.trim_end().to_owned());
    }
    let page = lines.iter().find_map(|l| l.strip_prefix("dashboard: "));
    let page = page.unwrap();
    assert!(
        page.starts_with("http://127.0.0.1:") && !page.contains(&address),
        "{page}"
    );
    let examples: Vec<&str> = lines
        .iter()
        .filter_map(|l| l.strip_prefix("  curl "))
        .collect();
    assert_eq!(examples.len(), 3, "{lines:?}");
    for example in examples {
        let answer = Command::new("sh")
            .args(["-c", &format!("curl {example}")])
            .output();
        let answer: Value = serde_json::from_slice(&answer.unwrap().stdout).unwrap();
        assert_eq!(
            answer["items"].as_array().unwrap().len(),
            3,
            "{example}: {answer}"
        );
    }
    let bundle = format!("curl -s {page}v1/bundle");
    let bundle = Command::new("sh").args(["-c", &bundle]).output().unwrap();
    let bundle: Value = serde_json::from_slice(&bundle.stdout).unwrap();
    assert_eq!(bundle["results"]["protocol"]["split"], "leave-one-out");
    signal(&child, "-INT");
    assert!(child.wait().unwrap().success());
    let mut noted = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut noted)
        .unwrap();
    assert!(
        noted.contains(&format!("{address} is taken by another program")),
        "{noted}"
    );
}

#[test]
fn beyond_this_machine_a_key_is_needed() {
    let home = place();
    let at = home.path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = failed(at, &["serve", "bundle", "--listen", &address]);
    assert!(
        said.contains(&format!("{address} cannot be listened on; choose another")),
        "{said}"
    );
    let said = failed(at, &["serve", "bundle", "--listen", "0.0.0.0:0"]);
    assert!(
        said.contains("0.0.0.0:0 is beyond this machine, and the store has no key"),
        "{said}"
    );
    let key = |args: &[&str]| {
        done(
            at,
            &[&["key"], args, &["--store", "sqlite:bundle.db"]].concat(),
        )
    };
    let secret = key(&["add", "shop", "--scope", "write"]);
    assert_eq!(key(&["list"]), "shop  write\n");
    let said = failed(at, &["key", "add", "shop", "--store", "sqlite:bundle.db"]);
    assert!(said.contains("a key is called 'shop' already"), "{said}");
    let store = std::fs::read(at.join("bundle.db")).unwrap();
    let secret = secret.trim();
    assert!(!store.windows(secret.len()).any(|w| w == secret.as_bytes()));
    let running = started(at);
    let event = "{\"user_id\": \"w\", \"item_id\": \"a\"}";
    let with = |headers: &str| running.ask("POST /v1/events", headers, event).unwrap().0;
    assert_eq!(with(""), 401);
    let header = format!("Authorization: Bearer {secret}\r\n");
    assert_eq!(with(&header), 200);
    key(&["remove", "shop"]);
    assert_eq!(with(&header), 401);
}

/// The data base's certificate is checked, by default too (see `scripts/with-postgres.sh`).
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how the test script tells where it is"
)]
fn a_data_base_is_reached_by_tls() {
    let said = |name| std::env::var(name).ok();
    let (Some(url), Some(authority)) = (
        said("SEMREC_TEST_POSTGRES"),
        said("SEMREC_TEST_POSTGRES_AUTHORITY"),
    ) else {
        return;
    };
    let home = tempfile::tempdir().unwrap();
    // An authority that signed something else.
    let other = home.path().join("other.pem");
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&other, made.cert.pem()).unwrap();
    for mode in ["prefer", "require"] {
        let url = url.replace("sslmode=disable", &format!("sslmode={mode}&schema=tls"));
        let with = |authority: &str| {
            let mut command = command(home.path(), &["key", "list", "--store", &url]);
            command.env("SSL_CERT_FILE", authority).output().unwrap()
        };
        let reached = with(&authority);
        let said = String::from_utf8_lossy(&reached.stderr);
        assert!(reached.status.success(), "{mode}: {said}");
        let refused = with(other.to_str().unwrap());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{mode}: {said}");
        assert!(said.contains("certificate"), "{mode}: {said}");
        assert!(said.contains("SSL_CERT_FILE"), "{mode}: {said}");
    }
}

#[test]
fn a_wrong_store_is_refused() {
    let home = place();
    let at = home.path();
    std::fs::write(at.join("text"), "no data base at all ".repeat(300)).unwrap();
    let said = failed(at, &["serve", "bundle", "--store", "sqlite:text"]);
    assert!(said.contains("text: is no data base"), "{said}");
    let output = command(at, &["serve", "bundle", "--store", "postgres"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("'postgres' is no store; expected sqlite:FILE"),
        "{said}"
    );
}

#[test]
fn flags_reach_the_service() {
    let home = place();
    let at = home.path();
    std::fs::write(at.join("secret"), "s".repeat(32)).unwrap();
    let flags = [
        "--log",
        "json",
        "--rate",
        "1",
        "--burst",
        "2",
        "--mask",
        "--pseudonyms",
        "secret",
    ];
    let mut running = started_with(at, &flags);
    let item = "{\"title\": \"ask ann@example.org\"}";
    assert_eq!(running.ask("PUT /v1/items/d", "", item).unwrap().0, 201);
    let (_, body) = running.ask("GET /v1/items/d", "", "").unwrap();
    assert!(body.contains("ask [email]"), "{body}");
    while running.event(1).unwrap().0 != 429 {}
    signal(&running.child, "-TERM");
    let mut log = String::new();
    let stderr = running.child.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    let last = log.lines().last().unwrap();
    assert!(
        last.contains("\"route\":\"/v1/events\",\"status\":429"),
        "{log}"
    );
    assert!(running.child.wait().unwrap().success());
    let said = failed(at, &["serve", "bundle"]);
    assert!(
        said.contains("the store holds pseudonyms, and no key was given"),
        "{said}"
    );
    let tls = [
        "serve",
        "bundle",
        "--tls-cert",
        "items.csv",
        "--tls-key",
        "secret",
    ];
    let said = failed(at, &tls);
    assert!(said.contains("items.csv: has no certificate"), "{said}");
}

/// The service trains in a process of its own, and takes the new bundle into service.
#[test]
fn a_service_learns_on() {
    let home = place();
    let service = started(home.path());
    for number in 0..60 {
        for item in ["b", "c"] {
            let body = format!("{{\"user_id\": \"w{number}\", \"item_id\": \"{item}\"}}");
            assert_eq!(service.ask("POST /v1/events", "", &body).unwrap().0, 200);
        }
    }
    let status = service.refit();
    assert_eq!(status["made"][0]["outcome"], "swapped", "{status}");
    let (_, text) = service
        .ask("POST /v1/recommend", "", "{\"history\": [\"b\"], \"k\": 1}")
        .unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["items"][0]["item"], "c", "{answer}");
    let made = home.path().join("bundle.db.bundles/1/bundle.json");
    let info: Value = serde_json::from_slice(&std::fs::read(made).unwrap()).unwrap();
    assert_eq!(info["model"], "item-knn");
}

/// The service tunes its encoder on what people chose one after the other, and it is the tuned one
/// that serves.
#[test]
fn a_service_tunes_its_encoder() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path();
    let mut items = "item_id,title\n".to_owned();
    let mut events = "user_id,item_id,timestamp\n".to_owned();
    let words = ["lamp", "kettle", "chair", "towel", "spoon", "candle"];
    for (number, word) in words.iter().enumerate() {
        for kind in ["red", "blue", "green", "small", "tall", "old"] {
            writeln!(items, "{kind}-{word},a {kind} {word}").unwrap();
        }
        writeln!(events, "u{number},red-{word},1\nu{number},blue-{word},2").unwrap();
    }
    std::fs::write(at.join("items.csv"), items).unwrap();
    std::fs::write(at.join("events.csv"), events).unwrap();
    let (data, encoder) = (
        ["--items", "items.csv", "--interactions"],
        ["--encoder", TINY],
    );
    done(
        at,
        &[&["import"], &data[..], &["events.csv", "--out", "shop"]].concat(),
    );
    let train = ["train", "shop", "--model", "content", "--out", "bundle"];
    done(at, &[&train[..], &encoder].concat());
    let service = started_with(at, &["--refit-tune", "2"]);
    // Red lamps lead to old lamps and tall kettles, red kettles to old kettles and tall chairs.
    for number in 0..240 {
        let (first, then) = (words[number % 6], words[(number + 1) % 6]);
        let touched = [("red", first), ("old", first), ("tall", then)];
        for (kind, word) in touched {
            let item = format!("{kind}-{word}");
            let body = format!("{{\"user_id\": \"w{number}\", \"item_id\": \"{item}\"}}");
            assert_eq!(service.ask("POST /v1/events", "", &body).unwrap().0, 200);
        }
    }
    let read = |service: &Running| -> Value {
        let body = "{\"input\": \"a red lamp\"}";
        let (status, text) = service.ask("POST /v1/embeddings", "", body).unwrap();
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        answer["data"][0]["embedding"].clone()
    };
    let before = read(&service);
    let status = service.refit();
    assert_eq!(status["made"][0]["outcome"], "swapped", "{status}");
    let verdict = &status["made"][0]["verdict"];
    assert!(
        verdict["ndcg_new"].as_f64() > verdict["ndcg_in_service"].as_f64(),
        "{status}"
    );
    let info = |path: &str| -> Value {
        serde_json::from_slice(&std::fs::read(at.join(path)).unwrap()).unwrap()
    };
    let made = "bundle.db.bundles/1";
    let (first, second) = (
        info("bundle/bundle.json"),
        info(&format!("{made}/bundle.json")),
    );
    assert_ne!(
        second["encoder"]["fingerprint"],
        first["encoder"]["fingerprint"]
    );
    let after = read(&service);
    assert!(after.is_array() && after != before, "{after}");
    // Nothing but the bundle and what it knows is left of the work.
    let mut left: Vec<_> = std::fs::read_dir(at.join("bundle.db.bundles"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["1", "1.json"]);
}

/// The store of one service is that of another by way of Parquet files.
#[test]
fn a_store_moves_by_way_of_parquet() {
    let home = place();
    let at = home.path();
    let mut service = started(at);
    for number in 0..3 {
        assert_eq!(service.event(number).unwrap().0, 200);
    }
    let store = ["--store", "sqlite:bundle.db"];
    let said = done(
        at,
        &[&["store", "export", "--out", "archive"], &store[..]].concat(),
    );
    assert!(said.contains("3 items"), "{said}");
    signal(&service.child, "-TERM");
    assert!(service.child.wait().unwrap().success());
    std::fs::remove_file(at.join("bundle.db")).unwrap();
    let import = ["store", "import", "--from", "archive"];
    done(at, &[&import[..], &store].concat());
    let again = failed(at, &[&import[..], &store].concat());
    assert!(again.contains("expected an empty one"), "{again}");
    let service = started(at);
    let (_, answer) = service.event(2).unwrap();
    assert!(answer.contains("\"duplicates\":1"), "{answer}");
}
