//! The way out for webhooks: the adapter of the core's [`WebhookSender`] port, over HTTP.
//!
//! Addresses come from staff, and answers from anybody, so nothing of either is trusted: only public addresses are
//! connected to (`guard.rs`), through no proxy; no redirect is followed; of an answer only the head is read, which hyper
//! bounds (some 400 KiB), and everything ends within the time that the core allows.

mod guard;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use shop_core::error::BoxError;
use shop_core::outbox::{WebhookMessage, WebhookSender};

use guard::Guard;

/// Connections that are kept open to one receiver for the next message, and for how long.
const IDLE_CONNECTIONS: usize = 2;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Sends messages over HTTPS, or over HTTP too where private addresses are allowed.
#[derive(Debug, Clone)]
pub struct HttpSender {
    client: Client,
    guard: Guard,
}

impl HttpSender {
    /// A sender that connects to public addresses only, unless `allow_private`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(allow_private: bool) -> Result<Self, BoxError> {
        let guard = Guard::new(allow_private);
        let client = Client::builder()
            .user_agent(concat!("shop-server/", env!("CARGO_PKG_VERSION")))
            .https_only(!allow_private)
            .http1_only()
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(guard))
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()?;
        Ok(Self { client, guard })
    }
}

#[async_trait]
impl WebhookSender for HttpSender {
    async fn send(&self, message: &WebhookMessage, patience: Duration) -> Result<u16, BoxError> {
        let url = Url::parse(&message.url).map_err(|_| "the address cannot be read")?;
        self.guard.judge(&url)?;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ID, message.id.to_string())
            .header(TIMESTAMP, message.timestamp)
            .header(SIGNATURE, &message.signature)
            .timeout(patience)
            .body(message.body.clone());
        // The body of the answer is dropped unread, and the connection with it unless it was there already.
        let answer = request.send().await.map_err(|error| describe(error, patience))?;
        Ok(answer.status().as_u16())
    }
}

/// What went wrong, in one line, without the address.
fn describe(error: reqwest::Error, patience: Duration) -> BoxError {
    if error.is_timeout() {
        return format!("no answer within {} seconds", patience.as_secs_f32()).into();
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some repeat what their own cause says.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.into()
}

#[cfg(test)]
mod tests;
