//! The HTTP side of the stub: authentication, idempotency keys and planned failures.

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::http::{HeaderMap, Method, StatusCode, uri::Scheme};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Request, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::bank::Refusal;
use super::faults::{Call, Fault, Held, Point, Trouble};
use super::params::Params;
use super::{SECRET_KEY, Shared, lock};
use crate::stripe::API_VERSION;

/// The maximum body size; the shop's requests are much smaller.
const MAX_BODY: usize = 64 * 1024;

/// The first request with an idempotency key, and its response.
#[derive(Debug)]
pub(super) struct Kept {
    path: String,
    params: Params,
    /// `None` while the first request is in progress.
    answer: Option<(u16, Value)>,
}

/// Makes the connection end without a response.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends here")]
struct Cut;

/// The parts of a request.
struct Asked {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let shared = Arc::clone(&shared);
            let nobody = Addr::Custom("tcp", "unknown".into());
            let request: Request = (request, LocalAddr(nobody.clone()), RemoteAddr(nobody), Scheme::HTTP).into();
            async move {
                let asked = read(request).await.ok_or(Cut)?;
                // In its own task: a request that has arrived is executed even if the client has gone.
                let answered = tokio::spawn(async move { answer(&shared, &asked).await }).await;
                let response = answered.unwrap_or(Err(Cut))?;
                Ok::<_, Cut>(hyper::Response::from(response))
            }
        });
        tokio::spawn(async move {
            // Tests break connections on purpose.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

async fn read(request: Request) -> Option<Asked> {
    let (parts, body) = request.into_parts();
    let body = body.into_bytes_limit(MAX_BODY).await.ok()?;
    Some(Asked {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.into(),
    })
}

async fn answer(shared: &Shared, asked: &Asked) -> Result<Response, Cut> {
    let Some(call) = kind(asked) else {
        return Ok(refused(&Refusal::new(404, "invalid_request_error", "", "Unrecognized request URL.")));
    };
    lock(&shared.calls).push(call);
    let trouble = lock(&shared.faults).take(call);
    match trouble {
        None => Ok(answer_once(shared, call, asked)),
        Some(Trouble::Fault(Fault::LoseRequest)) => Err(Cut),
        Some(Trouble::Fault(Fault::Response(status))) => {
            Ok(refused(&Refusal::new(status, "api_error", "", "Something went wrong on our end.")))
        }
        Some(Trouble::Fault(Fault::LoseReply)) => {
            answer_once(shared, call, asked);
            Err(Cut)
        }
        Some(Trouble::Held(held)) => answer_held(shared, call, asked, held).await,
    }
}

async fn answer_held(shared: &Shared, call: Call, asked: &Asked, held: Held) -> Result<Response, Cut> {
    match held.at {
        Point::Before => {
            let _ = held.reached.send(());
            held.released.await.map_err(|_| Cut)?;
            Ok(answer_once(shared, call, asked))
        }
        Point::After => {
            let begun = begin(shared, call, asked);
            let _ = held.reached.send(());
            let released = held.released.await;
            let response = begun.map_or_else(|response| *response, |done| finish(shared, done));
            released.map_err(|_| Cut)?;
            Ok(response)
        }
    }
}

fn kind(asked: &Asked) -> Option<Call> {
    let steps: Vec<_> = asked.path.trim_start_matches('/').split('/').collect();
    match (asked.method.as_str(), steps.as_slice()) {
        ("POST", ["v1", "payment_intents"]) => Some(Call::Create),
        ("GET", ["v1", "payment_intents", "search"]) => Some(Call::Search),
        ("GET", ["v1", "payment_intents", _]) => Some(Call::Retrieve),
        ("POST", ["v1", "payment_intents", _, "capture"]) => Some(Call::Capture),
        ("POST", ["v1", "payment_intents", _, "cancel"]) => Some(Call::Cancel),
        ("POST", ["v1", "refunds"]) => Some(Call::Refund),
        ("GET", ["v1", "refunds"]) => Some(Call::ListRefunds),
        _ => None,
    }
}

/// An executed call without its response.
struct Done {
    key: Option<String>,
    outcome: Result<Value, Refusal>,
}

fn answer_once(shared: &Shared, call: Call, asked: &Asked) -> Response {
    begin(shared, call, asked).map_or_else(|response| *response, |done| finish(shared, done))
}

/// Validates the request, looks up its key, and executes it. Returns `Err` with a response if there is nothing to
/// execute.
fn begin(shared: &Shared, call: Call, asked: &Asked) -> Result<Done, Box<Response>> {
    let (params, key) = judged(asked).map_err(|refusal| Box::new(refused(&refusal)))?;
    if let Some(key) = &key {
        let mut keys = lock(&shared.keys);
        if let Some(kept) = keys.get(key) {
            return Err(Box::new(repeated(kept, &asked.path, &params)));
        }
        keys.insert(key.clone(), Kept { path: asked.path.clone(), params: params.clone(), answer: None });
    }
    Ok(Done { key, outcome: perform(shared, call, &asked.path, params) })
}

/// Stores the response under its key, unless the request was refused before execution.
fn finish(shared: &Shared, done: Done) -> Response {
    let (status, body, keep) = match done.outcome {
        Ok(object) => (200, object, true),
        Err(refusal) => (refusal.status, json!({"error": refusal.error}), !refusal.before_execution),
    };
    if let Some(key) = done.key {
        let mut keys = lock(&shared.keys);
        if !keep {
            keys.remove(&key);
        } else if let Some(kept) = keys.get_mut(&key) {
            kept.answer = Some((status, body.clone()));
        }
    }
    response(status, &body)
}

fn repeated(kept: &Kept, path: &str, params: &Params) -> Response {
    if kept.path != path || &kept.params != params {
        let message =
            "Keys for idempotent requests can only be used with the same parameters they were first used with.";
        return refused(&Refusal::new(400, "idempotency_error", "", message));
    }
    match &kept.answer {
        None => {
            let code = "idempotency_key_in_use";
            refused(&Refusal::new(409, "invalid_request_error", code, "There is another request with this key."))
        }
        Some((status, body)) => {
            let mut response = response(*status, body);
            response.headers_mut().insert("Idempotent-Replayed", poem::http::HeaderValue::from_static("true"));
            response
        }
    }
}

/// Validates the request and returns its parameters, and the idempotency key of a write request.
fn judged(asked: &Asked) -> Result<(Params, Option<String>), Refusal> {
    let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
    if header("Authorization") != Some(&format!("Bearer {SECRET_KEY}")) {
        return Err(Refusal::new(401, "invalid_request_error", "", "Invalid API Key provided: sk_test_****"));
    }
    if header("Stripe-Version") != Some(API_VERSION) {
        return Err(Refusal::invalid("", "Invalid Stripe API version."));
    }
    if asked.method == Method::GET {
        return match (header("Idempotency-Key"), asked.body.is_empty()) {
            (None, true) => Ok((Params::parse(&asked.query)?, None)),
            _ => Err(Refusal::invalid("", "A GET request has neither key nor body.")),
        };
    }
    if header("Content-Type") != Some("application/x-www-form-urlencoded") && !asked.body.is_empty() {
        return Err(Refusal::invalid("", "Invalid content type."));
    }
    let key = header("Idempotency-Key").filter(|key| !key.is_empty() && key.len() <= 255);
    let key = key.ok_or_else(|| Refusal::invalid("", "A request that changes something has a key."))?;
    let body = std::str::from_utf8(&asked.body).map_err(|_| Refusal::invalid("", "Not UTF-8."))?;
    Ok((Params::parse(body)?, Some(key.to_owned())))
}

fn perform(shared: &Shared, call: Call, path: &str, params: Params) -> Result<Value, Refusal> {
    let id = path.split('/').nth(3).unwrap_or_default();
    let mut bank = shared.bank();
    match call {
        Call::Create => bank.create(params),
        Call::Retrieve => params.finish().and_then(|()| bank.intent(id)),
        Call::Capture => bank.capture(id, params),
        Call::Cancel => bank.cancel(id, params),
        Call::Refund => bank.refund(params),
        Call::ListRefunds => bank.refunds(params),
        Call::Search => bank.search(params),
    }
}

fn refused(refusal: &Refusal) -> Response {
    response(refusal.status, &json!({"error": refusal.error}))
}

fn response(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Response::builder()
        .status(status)
        .header("Request-Id", "req_stub")
        .content_type("application/json")
        .body(format!("{body:#}"))
}
