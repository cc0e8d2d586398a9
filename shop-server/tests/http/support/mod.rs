//! A server in this process on its own port, and a client that sends exactly what a test specifies.

mod clock;
mod products;
mod receiver;
mod users;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use poem_openapi::OpenApi;
use shop_core::Shop;
use shop_core::memory::MemoryStore;
use shop_core::shop::ShopBuilder;
use shop_core::store::Store;
use shop_server::client::Proxies;
use shop_server::config::Config;
use shop_server::health::{Health, Ping};
use shop_server::limits::Limits;
use shop_server::middleware::{Cors, Metrics};
use shop_server::router::{self, router};
use shop_server::serve::{ConnectionLimits, serve};
use shop_server::start;
use shop_store_sql::testing::Cluster;
use shop_store_sql::{PostgresOptions, PostgresStore};
use shop_store_sqlite::SqliteStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use clock::Forward;
pub(crate) use products::{TestProduct, order};
pub(crate) use receiver::{Received, Receiver, Reply};
pub(crate) use users::{PASSWORD, Person, TestShop};

/// Completes when a test asks its server to stop.
type Stop = BoxFuture<'static, ()>;

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    done: JoinHandle<()>,
}

/// A parsed response.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl TestResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body, after checking the status.
    pub(crate) fn expect(&self, status: u16) -> serde_json::Value {
        assert_eq!(self.status, status, "{self:?}");
        if self.body.is_empty() { serde_json::Value::Null } else { self.json() }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }

    /// The code of a problem, after checking that it is complete.
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert!(self.header("x-request-id").is_some(), "{self:?}");
        let body = self.json();
        assert_eq!(body["status"], self.status);
        assert!(body["title"].is_string() && body["detail"].is_string() && body["type"].is_string());
        body["code"].as_str().unwrap().to_owned()
    }
}

/// The variable that selects the store for tests of the whole server.
const STORE: &str = "TEST_STORE";

pub(crate) async fn empty_store() -> Arc<dyn Store> {
    match std::env::var(STORE).as_deref() {
        Err(_) | Ok("" | "memory") => Arc::new(MemoryStore::new()),
        Ok("sqlite") => Arc::new(SqliteStore::temporary().unwrap()),
        Ok("postgres") => {
            let url = Cluster::shared().unwrap().migrated().unwrap();
            // Many tests run at once; together they must stay within the cluster's connection limit.
            let options = PostgresOptions::parse(&url).unwrap().max_connections(6);
            Arc::new(PostgresStore::connect(options).await.unwrap())
        }
        Ok(other) => panic!("{STORE} must be memory, sqlite or postgres, not {other}"),
    }
}

impl Server {
    pub(crate) async fn start<A: OpenApi + 'static>(api: A) -> Self {
        Self::start_with(api, Box::new(|| Box::pin(async { Ok(()) }))).await
    }

    /// The whole server on an empty shop, as the binary starts it, without rate limits. The shop is in memory, or, with
    /// `TEST_STORE`, in its own SQLite file or Postgres database.
    pub(crate) async fn start_shop() -> (Self, Shop) {
        Self::start_shop_over(empty_store().await, &[], |builder| builder).await
    }

    /// Like [`Server::start_shop`], with further variables, a changed builder, and a store that may be shared with
    /// another server.
    pub(crate) async fn start_shop_over(
        store: Arc<dyn Store>,
        variables: &[(&str, &str)],
        change: impl FnOnce(ShopBuilder) -> ShopBuilder,
    ) -> (Self, Shop) {
        let usual = [("SECRET_KEY", "a key for tests, and for tests only"), ("RATE_LIMIT", "off")];
        let variables = usual.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config::from_variables(&variables.collect()).unwrap();
        let shop = change(start::builder(&config, store).unwrap()).open().await.unwrap();
        let clone = shop.clone();
        let server = Self::spawn(|listener, stop| async move {
            let limits = Limits::new(config.rate_limit);
            start::serve_on(listener, &config, &clone, limits, stop).await;
        });
        (server.await, shop)
    }

    /// A small API that a test defines.
    pub(crate) async fn start_with<A: OpenApi + 'static>(api: A, ping: Ping) -> Self {
        Self::start_site(api, ping, None, ConnectionLimits::default()).await
    }

    /// The same with lower connection limits.
    pub(crate) async fn start_with_places<A: OpenApi + 'static>(api: A, limits: ConnectionLimits) -> Self {
        Self::start_site(api, Box::new(|| Box::pin(async { Ok(()) })), None, limits).await
    }

    /// A small API that a test defines, on an empty shop in memory.
    pub(crate) async fn start_over_shop<A: OpenApi + 'static>(api: A) -> Self {
        let builder = Shop::builder(Arc::new(MemoryStore::new()), b"a key for tests, and for tests only");
        let shop = builder.open().await.unwrap();
        let ping: Ping = Box::new(|| Box::pin(async { Ok(()) }));
        Self::start_site(api, ping, Some(shop), ConnectionLimits::default()).await
    }

    async fn start_site<A: OpenApi + 'static>(
        api: A,
        ping: Ping,
        shop: Option<Shop>,
        limits: ConnectionLimits,
    ) -> Self {
        let health = Arc::new(Health::new(ping));
        let options = router::RouterOptions {
            cors: Cors::new(vec!["http://shop.example".to_owned()], false),
            health: Arc::clone(&health),
            metrics: Metrics::install(),
            shop,
            cookies: None,
            proxies: Proxies::default(),
            docs: true,
        };
        let endpoint = router(api, options);
        Self::spawn(|listener, stop| serve(listener, endpoint, health, limits, stop)).await
    }

    async fn spawn<F>(run: impl FnOnce(TcpListener, Stop) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stop_asked: Stop = Box::pin(async {
            let _ = stopped.await;
        });
        Self { address, stop: Some(stop), done: tokio::spawn(run(listener, stop_asked)) }
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Sends one request on its own connection.
    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TestResponse {
        send_to(self.address, method, path, headers, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.send("GET", path, &[], "").await
    }

    /// Asks the server to stop, as a signal would.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn stopped(&mut self) {
        (&mut self.done).await.unwrap();
    }
}

/// Sends one request to any server on its own connection.
pub(crate) async fn send_to(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> TestResponse {
    let mut connection = Connection::open(address).await;
    connection.request(method, path, headers, body).await;
    connection.answer(method == "HEAD").await
}

/// A raw connection.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    pub(crate) async fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: shop.test\r\n");
        for &(name, value) in headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if !body.is_empty() {
            text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.raw(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Reads one response: the head, then a body by its length (the server always sends one, except to HEAD and with a
    /// 304).
    pub(crate) async fn answer(&mut self, head_only: bool) -> TestResponse {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.more().await > 0, "closed without an answer: {:?}", String::from_utf8_lossy(&self.read));
        };
        let head = String::from_utf8(self.read.drain(..end).collect()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse::<usize>().unwrap());
        let length = if head_only || status == 304 { 0 } else { length };
        while self.read.len() < length {
            assert!(self.more().await > 0, "closed inside a body");
        }
        let body = String::from_utf8(self.read.drain(..length).collect()).unwrap();
        TestResponse { status, headers, body }
    }

    /// Whether the server closes the connection without sending another byte.
    pub(crate) async fn closed(&mut self) -> bool {
        self.read.is_empty() && self.more().await == 0
    }

    async fn more(&mut self) -> usize {
        let mut buffer = vec![0; 16 * 1024];
        let count = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.read.extend_from_slice(&buffer[..count]);
        count
    }
}
