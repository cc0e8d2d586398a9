//! Sends requests to Stripe's API, and maps its errors.
//!
//! "API Reference", pages "Authentication", "Versioning", "Idempotent requests" and "Errors".

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use serde::de::DeserializeOwned;
use shop_core::error::BoxError;
use shop_core::payments::GatewayError;
use shop_core::secret::Secret;

use super::form::Form;
use super::objects::{ErrorBody, ErrorResponse};

/// The version of Stripe's API that this adapter supports. It is pinned, so that upgrading the account changes nothing
/// here. (Events have the version of their endpoint; only their ids are read.)
pub const API_VERSION: &str = "2026-02-25.clover";
/// The time limit for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit for a whole request. A gateway call makes at most a few requests.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// The maximum size of a response. A page of 100 refunds with 50 metadata entries each is smaller.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// The message for buyers when Stripe's own is meant for programmers.
pub(super) const GENERIC_REFUSAL: &str = "The payment could not be processed.";
/// The message for buyers after a decline whose reason must stay hidden ("Decline codes": do not tell a thief that the
/// card was reported stolen).
pub(super) const GENERIC_DECLINE: &str = "Your card was declined.";
const UNSPOKEN: [&str; 6] =
    ["fraudulent", "lost_card", "merchant_blacklist", "pickup_card", "restricted_card", "stolen_card"];

/// A response from Stripe.
#[derive(Debug)]
pub(super) struct StripeResponse<T> {
    pub(super) object: T,
    /// Whether this repeats the response to the first request with this key; the object may have changed since.
    pub(super) replayed: bool,
}

/// An HTTP client for Stripe with a connection pool.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The other field contains the key.
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client for the API at `base`, without a trailing slash. It connects at the first request.
    ///
    /// # Errors
    /// When the key is not valid in a header.
    pub(super) fn new(key: &Secret, base: &str) -> Result<Self, BoxError> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", key.expose()))
            .map_err(|_| "the secret key holds what no header may")?;
        authorization.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert("Authorization", authorization);
        headers.insert("Stripe-Version", HeaderValue::from_static(API_VERSION));
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("shop-server/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .pool_idle_timeout(IDLE)
            // A redirect would send the key to another host.
            .redirect(redirect::Policy::none())
            // The shop itself retries, because each call has an idempotency key.
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        Ok(Self { http, base: base.to_owned() })
    }

    /// Sends a write request; Stripe executes it at most once per idempotency key.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &Form,
        key: &str,
    ) -> Result<StripeResponse<T>, GatewayError> {
        self.send(self.request(Method::POST, path).header("Idempotency-Key", key).form(form.pairs())).await
    }

    /// Sends a read request.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, form: &Form) -> Result<T, GatewayError> {
        Ok(self.send(self.request(Method::GET, path).query(form.pairs())).await?.object)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<StripeResponse<T>, GatewayError> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let replayed = response.headers().get("Idempotent-Replayed").is_some_and(|value| value == "true");
        let request_id = response.headers().get("Request-Id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body = read(response).await?;
        if status.is_success() {
            let object = serde_json::from_slice(&body).map_err(|why| unknown(format!("invalid response: {why}")))?;
            return Ok(StripeResponse { object, replayed });
        }
        let error = serde_json::from_slice::<ErrorResponse>(&body).ok().map(|response| response.error);
        let failure = failed(status, error.as_ref());
        let (kind, code) =
            error.as_ref().map_or(("", ""), |error| (error.kind.as_str(), error.code.as_deref().unwrap_or_default()));
        tracing::debug!(%status, kind, code, request_id, "Stripe answered no");
        Err(failure)
    }
}

/// Reads the body up to the size limit.
async fn read(mut response: Response) -> Result<Vec<u8>, GatewayError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(unknown("the response is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Maps an error response to the caller's error.
fn failed(status: StatusCode, error: Option<&ErrorBody>) -> GatewayError {
    // A concurrent request with the same key, a failed dependency, too many requests, a server error, or no API
    // response at all. None of these tells whether the payment changed.
    if matches!(status.as_u16(), 409 | 424 | 429) || !status.is_client_error() {
        return unknown(format!("Stripe answered {status}"));
    }
    match (status.as_u16(), error) {
        // 401: a wrong key; 403: a restricted key without this permission. Stripe's message may show parts of the key.
        (401 | 403, _) => {
            GatewayError::Misconfigured(format!("Stripe does not accept the secret key ({status})").into())
        }
        // The first request with this key had other parameters, so its outcome is not the one asked for.
        (_, Some(error)) if error.kind == "idempotency_error" => {
            GatewayError::Misconfigured("the idempotency key was used for another request".into())
        }
        (_, Some(error)) => {
            let code = error.code.clone().unwrap_or_else(|| error.kind.clone());
            GatewayError::Refused { code, message: for_buyers(error) }
        }
        // Not a Stripe error: something else responds at this address.
        (_, None) => GatewayError::Misconfigured(format!("what answered {status} does not seem to be Stripe").into()),
    }
}

/// The error message for buyers. "For card errors, these messages can be shown to your users", and no others.
pub(super) fn for_buyers(error: &ErrorBody) -> String {
    let unspoken = error.decline_code.as_deref().is_some_and(|code| UNSPOKEN.contains(&code));
    let is_decline = error.kind == "card_error" || error.code.as_deref() == Some("card_declined");
    match (&error.message, error.code.as_deref()) {
        _ if unspoken => GENERIC_DECLINE.to_owned(),
        (Some(message), _) if is_decline && !message.is_empty() => message.clone(),
        (_, Some("payment_intent_authentication_failure")) => "Your bank could not confirm the payment.".to_owned(),
        _ => GENERIC_REFUSAL.to_owned(),
    }
}

/// The connection failed or timed out. The URL is removed, because it may contain ids.
fn unreachable(why: reqwest::Error) -> GatewayError {
    GatewayError::Unavailable(why.without_url().into())
}

pub(super) fn unknown(why: impl Into<String>) -> GatewayError {
    GatewayError::Unavailable(why.into().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    fn answer(status: u16, body: &str) -> GatewayError {
        let error = serde_json::from_str::<ErrorResponse>(body).ok().map(|response| response.error);
        failed(StatusCode::from_u16(status).unwrap(), error.as_ref())
    }

    #[test]
    fn an_error_says_what_the_shop_can_do() {
        for status in [409, 424, 429, 500, 502, 503, 504, 302, 599] {
            let error = r#"{"error": {"type": "api_error", "message": "x"}}"#;
            for body in [error, "<html>"] {
                assert!(matches!(answer(status, body), GatewayError::Unavailable(_)), "{status} {body}");
            }
        }
        let wrong_key = answer(401, r#"{"error": {"type": "invalid_request_error", "message": "sk_test_abc"}}"#);
        assert!(matches!(&wrong_key, GatewayError::Misconfigured(_)), "{wrong_key:?}");
        assert!(!format!("{wrong_key} {wrong_key:?} {:?}", wrong_key.source()).contains("sk_test"));
        for (status, body) in [(404, "Not Found"), (400, "{}"), (400, r#"{"error": {"type": "idempotency_error"}}"#)] {
            assert!(matches!(answer(status, body), GatewayError::Misconfigured(_)), "{status} {body}");
        }
    }

    #[track_caller]
    fn refusal(status: u16, body: &str) -> (String, String) {
        match answer(status, body) {
            GatewayError::Refused { code, message } => (code, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn buyers_read_what_is_meant_for_them() {
        let declined = |decline: &str, message: &str| {
            let body = serde_json::json!({"error": {
                "type": "card_error", "code": "card_declined", "decline_code": decline, "message": message}});
            refusal(402, &body.to_string())
        };
        let code = "card_declined".to_owned();
        let funds = "Your card has insufficient funds.";
        assert_eq!(declined("insufficient_funds", funds), (code.clone(), funds.to_owned()));
        assert_eq!(declined("stolen_card", "Your card was stolen."), (code, GENERIC_DECLINE.to_owned()));
        let body = r#"{"error": {"type": "invalid_request_error", "code": "amount_too_small", "message": "pi_1 …"}}"#;
        assert_eq!(refusal(400, body), ("amount_too_small".to_owned(), GENERIC_REFUSAL.to_owned()));
        let body = r#"{"error": {"type": "invalid_request_error", "message": "No such thing"}}"#;
        assert_eq!(refusal(404, body), ("invalid_request_error".to_owned(), GENERIC_REFUSAL.to_owned()));
    }

    #[test]
    fn the_key_stays_out_of_sight() {
        let client = Client::new(&Secret::from("sk_test_hidden"), "http://127.0.0.1:1").unwrap();
        assert!(!format!("{client:?} {:?}", client.http).contains("hidden"));
        let why = Client::new(&Secret::from("sk_test_hidden\r\nX: y"), "http://127.0.0.1:1").unwrap_err();
        assert!(!format!("{why} {why:?}").contains("hidden"));
    }
}
