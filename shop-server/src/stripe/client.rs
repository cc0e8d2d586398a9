//! Requests to Stripe's API, and what their failures mean.
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
use super::objects::{ErrorBody, Failure};

/// The version of Stripe's API that this adapter was written for. Pinned, so that what an account is upgraded to
/// changes nothing here. (Events come in the version of their endpoint; only their ids are read.)
pub const API_VERSION: &str = "2026-02-25.clover";
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one request may take in all. A call of the port makes at most a few of them.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(90);
/// The largest answer that is read. A page of a hundred refunds, each with fifty metadata, is smaller.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Said to buyers when Stripe's own words are for programmers.
pub(super) const GENERIC_REFUSAL: &str = "The payment could not be processed.";
/// Said to buyers of every decline that must not say more ("Decline codes": to tell a thief that the card was reported
/// stolen helps nobody else).
pub(super) const GENERIC_DECLINE: &str = "Your card was declined.";
const UNSPOKEN: [&str; 6] =
    ["fraudulent", "lost_card", "merchant_blacklist", "pickup_card", "restricted_card", "stolen_card"];

/// An answer of Stripe.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) object: T,
    /// It is the answer that the first request with this key got; the object may be different by now.
    pub(super) replayed: bool,
}

/// Speaks with Stripe, over kept connections.
#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The other field knows the key.
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// Speaks with the API at this address, without a slash at its end. Connects at the first request, not now.
    ///
    /// # Errors
    /// When the key cannot stand in a header.
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
            // Whoever redirects us would get the key.
            .redirect(redirect::Policy::none())
            // Kept connections break now and then; each call has its key, so the shop itself asks again.
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        Ok(Self { http, base: base.to_owned() })
    }

    /// Changes something, at most once for this key.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        form: &Form,
        key: &str,
    ) -> Result<Answer<T>, GatewayError> {
        self.send(self.request(Method::POST, path).header("Idempotency-Key", key).form(form.pairs())).await
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, form: &Form) -> Result<T, GatewayError> {
        Ok(self.send(self.request(Method::GET, path).query(form.pairs())).await?.object)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Answer<T>, GatewayError> {
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let replayed = response.headers().get("Idempotent-Replayed").is_some_and(|value| value == "true");
        let request_id = response.headers().get("Request-Id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body = read(response).await?;
        if status.is_success() {
            let object = serde_json::from_slice(&body).map_err(|why| unknown(format!("unreadable answer: {why}")))?;
            return Ok(Answer { object, replayed });
        }
        let error = serde_json::from_slice::<Failure>(&body).ok().map(|failure| failure.error);
        let failure = failed(status, error.as_ref());
        let (kind, code) =
            error.as_ref().map_or(("", ""), |error| (error.kind.as_str(), error.code.as_deref().unwrap_or_default()));
        tracing::debug!(%status, kind, code, request_id, "Stripe answered no");
        Err(failure)
    }
}

/// Reads the body, as far as it is bounded.
async fn read(mut response: Response) -> Result<Vec<u8>, GatewayError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(unknown("the answer is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an answer that is none means for the caller.
fn failed(status: StatusCode, error: Option<&ErrorBody>) -> GatewayError {
    // A twin that is still under way; a dependency of theirs; too many requests; their own fault; no answer of an API at
    // all. Nothing of it says whether the payment was touched.
    if matches!(status.as_u16(), 409 | 424 | 429) || !status.is_client_error() {
        return unknown(format!("Stripe answered {status}"));
    }
    match (status.as_u16(), error) {
        // 401: a wrong key; 403: a restricted key that may not do this. Stripe's sentence may show parts of the key.
        (401 | 403, _) => {
            GatewayError::Misconfigured(format!("Stripe does not accept the secret key ({status})").into())
        }
        // The first request with this key is what counts, and it was another: nobody may guess.
        (_, Some(error)) if error.kind == "idempotency_error" => {
            GatewayError::Misconfigured("the idempotency key was used for another request".into())
        }
        (_, Some(error)) => {
            let code = error.code.clone().unwrap_or_else(|| error.kind.clone());
            GatewayError::Refused { code, message: for_buyers(error) }
        }
        // No error of Stripe's: something else answers at this address.
        (_, None) => GatewayError::Misconfigured(format!("what answered {status} does not seem to be Stripe").into()),
    }
}

/// What a buyer may read of an error. "For card errors, these messages can be shown to your users", and no others.
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

/// The connection failed or took too long. The address stays out of it: a look-up has ids in its own.
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
        let error = serde_json::from_str::<Failure>(body).ok().map(|failure| failure.error);
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
