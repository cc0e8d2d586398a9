//! Runs the configurations of `docs/proxies.md`: the text is taken from the page, with only addresses, ports and
//! certificates replaced.
//!
//! Needs nginx, haproxy, caddy, apache2, curl and openssl, which `scripts/test` installs.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::{Value, json};

use crate::support::{Folder, TestShop};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/proxies.md");
const NAME: &str = "api.shop.example";
/// The timeout for a proxy to start; other tests may load the machine.
const TIMEOUT: Duration = Duration::from_mins(1);
/// The folder of Apache's modules on Debian.
const MODULES: &str = "/usr/lib/apache2/modules";

/// The configuration of this kind from the page, with the test's replacements. Each replacement must find its text.
fn configuration(kind: &str, changes: &[(&str, &str)]) -> String {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (_, rest) = page.split_once(&format!("\n```{kind}\n")).unwrap_or_else(|| panic!("no {kind} in {PAGE}"));
    let (block, _) = rest.split_once("\n```\n").unwrap();
    changes.iter().fold(format!("{block}\n"), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in the configuration of {kind}");
        text.replace(from, to)
    })
}

/// A running proxy; asked to stop when dropped.
struct Proxy {
    child: Child,
    address: SocketAddr,
    folder: Folder,
}

impl Proxy {
    /// Starts a proxy whose configuration and command `make` creates for a folder and a free address.
    fn start(make: impl FnOnce(&Folder, SocketAddr) -> Command) -> Self {
        let folder = Folder::new();
        certificate(&folder);
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = make(&folder, address);
        let log = std::fs::File::create(folder.file("output.log")).unwrap();
        command.current_dir(folder.path()).env("HOME", folder.path()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}; scripts/test installs it"));
        let mut proxy = Self { child, address, folder };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = proxy.child.try_wait().unwrap();
            assert!(ended.is_none() && started.elapsed() < TIMEOUT, "{ended:?}: {}", proxy.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        proxy
    }

    fn log(&self) -> String {
        let read = |name| std::fs::read_to_string(self.folder.file(name)).unwrap_or_default();
        [read("output.log"), read("error.log")].concat()
    }

    fn base(&self) -> String {
        format!("https://{NAME}:{}", self.address.port())
    }

    /// Sends one request from this loopback address.
    fn send(&self, from: &str, path: &str, arguments: &[&str]) -> TestResponse {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--include", "--http1.1", "--max-time", "30", "--interface", from])
            .arg("--cacert")
            .arg(self.folder.file("fullchain.pem"))
            .args(["--resolve", &format!("{NAME}:{}:127.0.0.1", self.address.port())])
            .args(arguments)
            .arg(self.base() + path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}: {}", self.log());
        TestResponse::read(&output)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

struct TestResponse {
    status: u16,
    head: String,
    body: String,
}

impl TestResponse {
    fn read(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }
}

/// Creates a certificate for the name, its key, and both in one file.
fn certificate(folder: &Folder) {
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={NAME}"), "-addext", &format!("subjectAltName=DNS:{NAME}")])
        .args(["-keyout", "privkey.pem", "-out", "fullchain.pem"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let read = |name| std::fs::read_to_string(folder.file(name)).unwrap();
    let both = read("fullchain.pem") + &read("privkey.pem");
    std::fs::write(folder.file("combined.pem"), both).unwrap();
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn nginx(shop: SocketAddr) -> Proxy {
    Proxy::start(|folder, address| {
        let own = path(folder.path());
        let server = configuration(
            "nginx",
            &[
                ("127.0.0.1:8000", &shop.to_string()),
                ("listen 443 ssl", &format!("listen {address} ssl")),
                ("/etc/ssl/shop", own),
            ],
        );
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {own}/{kind};\n"))
            .concat();
        let whole = format!(
            "daemon off;\nmaster_process off;\npid {own}/nginx.pid;\nerror_log {own}/error.log;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{server}}}\n"
        );
        std::fs::write(folder.file("nginx.conf"), whole).unwrap();
        let mut command = program("nginx");
        command.args(["-p", own, "-e", "error.log", "-c", "nginx.conf"]);
        command
    })
}

fn haproxy(shop: SocketAddr) -> Proxy {
    Proxy::start(|folder, address| {
        let whole = configuration(
            "haproxy",
            &[
                ("127.0.0.1:8000", &shop.to_string()),
                ("bind :443", &format!("bind {address}")),
                ("/etc/ssl/shop", path(folder.path())),
            ],
        );
        std::fs::write(folder.file("haproxy.cfg"), whole).unwrap();
        let mut command = program("haproxy");
        command.args(["-db", "-f", "haproxy.cfg"]);
        command
    })
}

fn caddy(shop: SocketAddr) -> Proxy {
    Proxy::start(|folder, address| {
        let target = shop.to_string();
        let own = path(folder.path());
        let site = format!(
            "https://{NAME}:{} {{\n    bind 127.0.0.1\n    tls {own}/fullchain.pem {own}/privkey.pem",
            address.port()
        );
        let changes = [("127.0.0.1:8000", target.as_str()), ("api.shop.example {", &site)];
        let whole =
            format!("{{\n    admin off\n    auto_https disable_redirects\n}}\n{}", configuration("caddy", &changes));
        std::fs::write(folder.file("Caddyfile"), whole).unwrap();
        let mut command = program("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"]);
        command
    })
}

fn apache(shop: SocketAddr) -> Proxy {
    Proxy::start(|folder, address| {
        let own = path(folder.path());
        let host = configuration(
            "apache",
            &[
                ("127.0.0.1:8000", &shop.to_string()),
                ("<VirtualHost *:443>", &format!("<VirtualHost {address}>")),
                ("/etc/ssl/shop", own),
            ],
        );
        let modules: String = ["mpm_event", "authz_core", "ssl", "headers", "proxy", "proxy_http"]
            .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
            .concat();
        // Apache does not serve as root.
        let user = if geteuid().is_root() { "User www-data\nGroup www-data\n" } else { "" };
        let whole = format!(
            "{modules}{user}ServerRoot {own}\nDefaultRuntimeDir {own}\nPidFile {own}/apache.pid\nErrorLog {own}/error.log\n\
             ServerName {NAME}\nListen {address}\n{host}"
        );
        std::fs::write(folder.file("apache.conf"), whole).unwrap();
        let mut command = program("apache2");
        command.arg("-f").arg(folder.file("apache.conf")).arg("-DFOREGROUND");
        command
    })
}

/// Finds a program; Debian installs servers in folders that only root's PATH contains.
fn program(name: &str) -> Command {
    let known =
        ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map(|folder| Path::new(folder).join(name));
    Command::new(known.into_iter().find(|path| path.exists()).unwrap_or_else(|| name.into()))
}

/// Headers that a client forges to hide its address and to redirect links.
fn forged(number: usize) -> [String; 8] {
    [
        "--header".to_owned(),
        format!("X-Forwarded-For: 198.51.100.{number}"),
        "--header".to_owned(),
        format!("Forwarded: for=198.51.100.{number};proto=http;host=evil.example"),
        "--header".to_owned(),
        "X-Forwarded-Host: evil.example".to_owned(),
        "--header".to_owned(),
        "X-Forwarded-Proto: http".to_owned(),
    ]
}

fn sees_clients_and_public_links(start: impl FnOnce(SocketAddr) -> Proxy) {
    let shop = TestShop::open_with(&[("RATE_LIMIT", "on"), ("TRUSTED_PROXIES", "127.0.0.1/32")]);
    for sku in ["A", "B", "C"] {
        shop.product(sku, 1);
    }
    let proxy = start(shop.process.address);
    for arguments in [vec![], forged(1).to_vec()] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let page = proxy.send("127.0.0.2", "/catalog/products/?page_size=1&page=2", &arguments);
        assert_eq!(page.status, 200, "{}", page.body);
        for link in ["next", "previous"] {
            let link = page.json()[link].as_str().unwrap().to_owned();
            assert!(link.starts_with(&(proxy.base() + "/catalog/products/?")), "{link}");
        }
        assert!(page.head.contains("strict-transport-security: max-age=31536000"), "{}", page.head);
    }
    // Each attempt has other forged headers, but all count as one client's.
    let attempt = |from: &str, number: usize| {
        let body = json!({"email": format!("{from}-{number}@example.com"), "otp": "123456"}).to_string();
        let forged = forged(number % 250);
        let mut arguments = vec!["--header", "Content-Type: application/json", "--data", &body];
        arguments.extend(forged.iter().map(String::as_str));
        proxy.send(from, "/accounts/verify-otp/", &arguments).status
    };
    let mut tries = 0;
    while attempt("127.0.0.2", tries) != 429 {
        tries += 1;
        assert!(tries < 500, "nobody stops it");
    }
    assert!(tries >= 60, "{tries}");
    assert_eq!(attempt("127.0.0.3", 0), 400);
    let (_, log) = shop.process.stop();
    let told = log.iter().find(|line| line.contains("\"throttled\"")).unwrap_or_else(|| panic!("{log:?}"));
    assert!(told.contains("\"127.0.0.2\""), "{told}");
}

#[test]
fn nginx_as_the_page_says() {
    sees_clients_and_public_links(nginx);
}

#[test]
fn haproxy_as_the_page_says() {
    sees_clients_and_public_links(haproxy);
}

#[test]
fn caddy_as_the_page_says() {
    sees_clients_and_public_links(caddy);
}

#[test]
fn apache_as_the_page_says() {
    sees_clients_and_public_links(apache);
}
