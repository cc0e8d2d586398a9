//! The binary itself: a server on a file, and the other subcommands next to it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use shop_core::clock::{Random as _, SystemRandom};

use crate::support::{PASSWORD, TestResponse, send_to};

/// An empty folder that is removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let number = u64::from_be_bytes(*SystemRandom.seed().first_chunk().unwrap());
        let path = std::env::temp_dir().join(format!("shop-command-{number:016x}"));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shop-server"));
        command.args(arguments).current_dir(&self.0).env_clear().env("BIND", "127.0.0.1:0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str], password: Option<&str>) -> Output {
        let mut command = self.command(arguments);
        if let Some(password) = password {
            command.env("SUPERUSER_PASSWORD", password);
        }
        command.output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server in its own process; killed when dropped.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Running {
    fn start(folder: &Folder) -> Self {
        Self::start_as(folder, &[])
    }

    fn start_as(folder: &Folder, arguments: &[&str]) -> Self {
        let mut child = folder.command(arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the server ended").unwrap();
            let entry: Value = serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
            if entry["message"] == "listening" {
                break entry["address"].as_str().unwrap().parse().unwrap();
            }
        };
        // Drain the log, so that the server never blocks on writing it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    /// Sends SIGTERM; returns whether the server exited successfully.
    fn stop(mut self) -> bool {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        asked.success() && self.child.wait().unwrap().success()
    }

    async fn login(&self, email: &str) -> TestResponse {
        let body = json!({"email": email, "password": PASSWORD}).to_string();
        send_to(self.address, "POST", "/accounts/login/", &[("Content-Type", "application/json")], &body).await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn error(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn a_superuser_is_made_beside_a_running_server_and_signs_in() {
    let folder = Folder::new();
    let server = Running::start(&folder);
    let made = folder.run(&["createsuperuser", "--email", "boss@example.com", "--noinput"], Some(PASSWORD));
    assert!(made.status.success(), "{made:?}");
    let login = server.login("boss@example.com").await;
    assert_eq!((login.status, &login.json()["user"]["is_superuser"]), (200, &json!(true)));

    let again = folder.run(&["createsuperuser", "--email", "BOSS@example.com", "--noinput"], Some(PASSWORD));
    assert!(error(&again).contains("email"), "{again:?}");
    let weak = folder.run(&["createsuperuser", "--email", "other", "--noinput"], Some("password"));
    let weak = error(&weak);
    assert!(weak.contains("email: ") && weak.contains("password: ") && !weak.contains("\"password\""), "{weak}");
    assert!(error(&folder.run(&["createsuperuser", "--noinput"], Some(PASSWORD))).contains("--email"));
    let unset = folder.run(&["createsuperuser", "--email", "a@example.com", "--noinput"], None);
    assert!(error(&unset).contains("SUPERUSER_PASSWORD"));
    assert!(server.stop());
}

#[tokio::test]
async fn a_server_keeps_what_it_acknowledged_and_ends_well() {
    let folder = Folder::new();
    assert!(folder.run(&["migrate"], None).status.success());
    let server = Running::start(&folder);
    let made = folder.run(&["createsuperuser", "--email", "boss@example.com", "--noinput"], Some(PASSWORD));
    assert!(made.status.success(), "{made:?}");
    assert!(error(&folder.run(&["serve"], None)).contains("db.sqlite3"), "one server per file");
    let copy = folder.run(&["backup", "copy.sqlite3"], None);
    assert!(copy.status.success(), "{copy:?}");
    assert!(server.stop());

    let server = Running::start(&folder);
    assert_eq!(server.login("boss@example.com").await.status, 200);
    assert!(server.stop());
    let checked = folder.run(&["check"], None);
    assert!(checked.status.success(), "{checked:?}");
    assert!(Path::new(&folder.0).join("copy.sqlite3").exists());
}

#[tokio::test]
async fn a_demo_is_filled_once_and_prints_who_runs_it() {
    let folder = Folder::new();
    let mut server = Running::start_as(&folder, &["demo"]);
    let count = async |server: &Running| {
        send_to(server.address, "GET", "/catalog/products/?page_size=1", &[], "").await.json()["count"].clone()
    };
    assert_eq!(count(&server).await, 50);
    let mut said = String::new();
    BufReader::new(server.child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let password = said.trim().rsplit(' ').next().unwrap();
    let body = json!({"email": "staff@example.com", "password": password}).to_string();
    let headers = [("Content-Type", "application/json")];
    let login = send_to(server.address, "POST", "/accounts/login/", &headers, &body).await;
    assert_eq!((login.status, &login.json()["user"]["is_staff"]), (200, &json!(true)), "{said}");
    assert!(server.stop());

    let server = Running::start_as(&folder, &["demo"]);
    assert_eq!(count(&server).await, 50);
    assert!(server.stop());
}

#[test]
fn a_wrong_value_stops_the_start_with_a_line_that_names_it() {
    let folder = Folder::new();
    for (name, value) in [("CURRENCY", "dollars"), ("DB_ENGINE", "mysql"), ("ACCESS_TOKEN_LIFETIME", "-1")] {
        let output = folder.command(&["serve"]).env(name, value).output().unwrap();
        let said = error(&output);
        assert!(said.contains(name) && said.lines().count() == 1, "{said}");
    }
    assert!(error(&folder.run(&["check"], None)).contains("db.sqlite3"), "there is nothing to check yet");
}
