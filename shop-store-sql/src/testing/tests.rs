//! Tests of the facilities that the other tests use.

use std::process::Command;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn databases_are_new_and_apart() {
    let cluster = Cluster::shared().unwrap();
    let (one, other) = (cluster.database().unwrap(), cluster.database().unwrap());
    assert_ne!(one, other);
    execute(&one, "CREATE TABLE things (id int)").unwrap();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(texts(&one, tables).unwrap(), ["things"]);
    assert!(texts(&other, tables).unwrap().is_empty());
    let error = execute(&one, "SELECT nonsense").unwrap_err().to_string();
    assert!(error.contains("nonsense"), "{error}");
}

#[test]
fn it_works_inside_a_runtime_too() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let url = Cluster::shared().unwrap().database().unwrap();
        assert_eq!(texts(&url, "VALUES ('a'), (NULL), ('b')").unwrap(), ["a", "b"]);
    });
}

#[test]
fn what_was_committed_survives_restart_and_crash_and_the_log_tells() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.database().unwrap();
    execute(&url, "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('kept')").unwrap();
    cluster.restart().unwrap();
    cluster.stop_hard().unwrap();
    assert!(execute(&url, "SELECT 1").is_err());
    cluster.start_again().unwrap();
    assert_eq!(texts(&url, "SELECT text FROM notes").unwrap(), ["kept"]);
    assert!(cluster.log().unwrap().contains("automatic recovery"));
}

#[test]
fn a_standby_follows_and_can_be_promoted() {
    let primary = Cluster::start().unwrap();
    let url = primary.database().unwrap();
    let standby = primary.standby().unwrap();
    primary.set("synchronous_standby_names", "*").unwrap();
    wait_until(primary.admin_url(), "SELECT (sync_state = 'sync')::text FROM pg_stat_replication").unwrap();
    execute(&url, "CREATE TABLE notes (text text); INSERT INTO notes VALUES ('kept')").unwrap();
    primary.stop_hard().unwrap();
    standby.promote().unwrap();
    let database = url.rsplit('/').next().unwrap();
    let url = standby.url_of(database);
    standby.set("synchronous_standby_names", "").unwrap();
    execute(&url, "INSERT INTO notes VALUES ('new')").unwrap();
    assert_eq!(texts(&url, "SELECT text FROM notes ORDER BY text").unwrap(), ["kept", "new"]);
}

#[test]
fn a_cluster_goes_with_its_owner() {
    let cluster = Cluster::start().unwrap();
    let folder = cluster.socket_folder().unwrap().to_owned();
    let port = cluster.port().unwrap();
    assert!(folder.is_dir());
    drop(cluster);
    assert!(!folder.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn the_proxy_cuts_where_it_is_told() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    execute(&url, "CREATE TABLE notes (text text)").unwrap();
    let proxy = Proxy::start(&url).unwrap();
    let through = proxy.url(&url);
    let note = |text: &str| execute(&through, &format!("INSERT INTO notes VALUES ('{text}')"));
    let is_insert = |message: &Message<'_>| message.sql.is_some_and(|sql| sql.starts_with("INSERT"));
    note("passed").unwrap();
    for (verdict, text) in
        [(Verdict::CutBefore, "cut before"), (Verdict::CutWithin, "cut within"), (Verdict::CutAfter, "cut after")]
    {
        proxy.judge(move |message| if is_insert(message) { verdict } else { Verdict::Pass });
        note(text).unwrap_err();
    }
    proxy.judge(|message| if message.kind == 'C' { Verdict::CutBefore } else { Verdict::Pass });
    note("answer lost").unwrap_err();
    proxy.close();
    note("nobody there").unwrap_err();
    proxy.pass();
    proxy.switch_to(&url).unwrap();
    note("passed again").unwrap();
    // A statement sent before the cut still completes in its own time.
    wait_until(&url, "SELECT (count(*) = 4)::text FROM notes").unwrap();
    let notes = texts(&url, "SELECT text FROM notes ORDER BY text").unwrap();
    assert_eq!(notes, ["answer lost", "cut after", "passed", "passed again"]);
}

#[test]
fn a_bouncer_is_as_strict_as_untold() {
    let cluster = Cluster::shared().unwrap();
    let url = cluster.database().unwrap();
    let bouncer = Bouncer::start(cluster, 1).unwrap();
    // sqlx sends a startup parameter that pgbouncer refuses, unless configured otherwise.
    let refused = execute(&bouncer.url(&url), "SELECT 1").unwrap_err().to_string();
    assert!(refused.contains("extra_float_digits"), "{refused}");
}

/// Runs this test's own program again, as the process that is killed with a cluster running.
const VICTIM: &str = "SHOP_TESTING_VICTIM";

#[test]
fn a_cluster_goes_when_its_process_is_killed() {
    if let Ok(file) = std::env::var(VICTIM) {
        let cluster = Cluster::start().unwrap();
        std::fs::write(format!("{file}.draft"), cluster.socket_folder().unwrap().to_str().unwrap()).unwrap();
        std::fs::rename(format!("{file}.draft"), &file).unwrap();
        // Waits until it is killed.
        std::thread::park_timeout(Duration::from_mins(1));
        return;
    }
    let told = std::env::temp_dir().join(format!("shop-victim-{}", std::process::id()));
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "testing::tests::a_cluster_goes_when_its_process_is_killed"])
        .env(VICTIM, &told)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    until(|| told.exists());
    let folder = std::path::PathBuf::from(std::fs::read_to_string(&told).unwrap());
    std::fs::remove_file(&told).unwrap();
    assert!(folder.is_dir());
    victim.kill().unwrap();
    victim.wait().unwrap();
    until(|| !folder.exists());
}

fn until(is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_mins(1));
        std::thread::sleep(Duration::from_millis(20));
    }
}
