//! Sends webhooks over HTTP: the adapter of the core's [`WebhookSender`] port.
//!
//! URLs come from staff and responses from anyone, so neither is trusted. The sender connects only to public addresses
//! (`guard.rs`), without a proxy, and follows no redirect. It reads only the head of a response, which hyper limits (to
//! about 400 KiB), and everything ends within the core's time limit.

mod guard;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use shop_core::error::BoxError;
use shop_core::webhooks::{WebhookMessage, WebhookSender};

use guard::Guard;

/// The number of idle connections kept per receiver, and for how long.
const IDLE_CONNECTIONS: usize = 2;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Sends messages over HTTPS, or also over HTTP if private addresses are allowed.
#[derive(Debug, Clone)]
pub struct HttpSender {
    client: Client,
    guard: Guard,
}

impl HttpSender {
    /// Creates a sender that connects to public addresses only, unless `allow_private`.
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
    async fn send(&self, message: &WebhookMessage, limit: Duration) -> Result<u16, BoxError> {
        let url = Url::parse(&message.url).map_err(|_| "the address cannot be read")?;
        self.guard.judge(&url)?;
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(ID, message.id.to_string())
            .header(TIMESTAMP, message.timestamp)
            .header(SIGNATURE, &message.signature)
            .timeout(limit)
            .body(message.body.clone());
        // The response body is dropped unread, and with it the connection unless the body has already arrived.
        let answer = request.send().await.map_err(|error| describe(error, limit))?;
        Ok(answer.status().as_u16())
    }
}

/// Describes an error in one line, without the URL.
fn describe(error: reqwest::Error, limit: Duration) -> BoxError {
    if error.is_timeout() {
        return format!("no answer within {} seconds", limit.as_secs_f32()).into();
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat the text of their cause.
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text.into()
}

#[cfg(test)]
mod tests;
