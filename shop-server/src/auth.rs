//! Authentication: turns a request's tokens into the core's [`Actor`] before anything else of the request is read.
//!
//! | handler argument | who passes | otherwise |
//! | --- | --- | --- |
//! | [`Caller`] | anyone | 401 for an invalid token |
//! | [`Guest`] | anyone; only a cart token identifies them | |
//! | [`Buyer`] | signed-in users, and guests with an order token | 401 |
//! | [`User`] | signed-in users | 401 |
//! | [`Staff`] | staff | 401, 403 |
//!
//! Make it the **first** argument: arguments are read in order, so that identity and role are checked before the body.
//! The core checks again with the same errors; the check here avoids reading the body.
//!
//! An access token is in `Authorization: Bearer`, a guest's token in `X-Cart-Token` or `X-Order-Token`. An
//! `Authorization` header without a bearer token is refused, not treated as anonymous. In cookie mode
//! ([`crate::cookies`]) a cookie replaces a missing header.

use std::ops::Deref;
use std::sync::Arc;

use poem::http::{HeaderMap, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use shop_core::orders::operations::identified;
use shop_core::shop::Tokens;
use shop_core::{Actor, Error, Shop};

use crate::cookies::CookieMode;
use crate::openapi::{BEARER, CART_TOKEN, ORDER_TOKEN, STAFF};
use crate::problem::{Problem, Result};
use crate::security::KnownUser;

/// Any caller, anonymous or not, with the guest tokens that they sent.
#[derive(Debug, Clone)]
pub struct Caller(pub Actor);

/// The holder of a guest's cart, for routes whose body identifies the user. Ignores `Authorization` and cookies.
#[derive(Debug, Clone)]
pub struct Guest(pub Actor);

/// A caller who may own an order: a signed-in user, or a guest with an order token.
#[derive(Debug, Clone)]
pub struct Buyer(pub Actor);

/// A signed-in user.
#[derive(Debug, Clone)]
pub struct User(pub Actor);

/// A member of the shop's staff.
#[derive(Debug, Clone)]
pub struct Staff(pub Actor);

macro_rules! extractors {
    ($($name:ident, schemes: $schemes:expr, public: $public:literal, identify: $identify:ident, judge: $judge:expr;)+) => {$(
        impl Deref for $name {
            type Target = Actor;

            fn deref(&self) -> &Actor {
                &self.0
            }
        }

        impl<'a> ApiExtractor<'a> for $name {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                for name in $schemes {
                    registry.create_security_scheme(name, scheme(name));
                }
            }

            fn security_schemes() -> Vec<&'static str> {
                $schemes.to_vec()
            }

            fn has_security_fallback() -> bool {
                $public
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let actor = $identify(request).await?;
                let judge: fn(&Actor) -> shop_core::Result<()> = $judge;
                judge(&actor).map_err(Problem::from)?;
                Ok(Self(actor))
            }
        }
    )+};
}

extractors! {
    Caller, schemes: [BEARER, CART_TOKEN, ORDER_TOKEN], public: true, identify: anybody, judge: |_| Ok(());
    Guest, schemes: [CART_TOKEN], public: true, identify: guest, judge: |_| Ok(());
    Buyer, schemes: [BEARER, ORDER_TOKEN], public: false, identify: anybody, judge: identified;
    User, schemes: [BEARER], public: false, identify: somebody, judge: |actor| actor.require_user().map(drop);
    Staff, schemes: [STAFF], public: false, identify: somebody, judge: Actor::require_staff;
}

/// Returns the shop, which every request's data holds (see [`crate::router`]).
fn shop(request: &Request) -> Result<&Shop> {
    request.data::<Shop>().ok_or_else(|| Problem::fault("the request has no shop"))
}

/// Identifies the holder of a cart token.
async fn guest(request: &Request) -> Result<Actor> {
    let tokens = Tokens { cart: text(request.headers(), "x-cart-token"), ..Tokens::default() };
    Ok(shop(request)?.identify(tokens).await?)
}

/// Identifies a caller who may be anonymous. An expired cookie counts as none, since the page cannot avoid sending it.
async fn anybody(request: &Request) -> Result<Actor> {
    identify(request, true).await
}

/// Identifies a caller who must be signed in.
async fn somebody(request: &Request) -> Result<Actor> {
    identify(request, false).await
}

async fn identify(request: &Request, pardons_cookies: bool) -> Result<Actor> {
    let shop = shop(request)?;
    let headers = request.headers();
    let tokens =
        Tokens { access: bearer(headers)?, cart: text(headers, "x-cart-token"), order: text(headers, "x-order-token") };
    let cookie_mode = request.data::<Arc<CookieMode>>().filter(|_| tokens.access.is_none());
    let Some((mode, access)) = cookie_mode.and_then(|mode| Some((mode, mode.access(request)?))) else {
        let actor = shop.identify(tokens).await?;
        KnownUser::note(request, &actor);
        return Ok(actor);
    };
    match shop.identify(Tokens { access: Some(access), ..tokens }).await {
        Ok(actor) => {
            KnownUser::note(request, &actor);
            if let Some(session) = actor.signed_in().and_then(|person| person.session_id) {
                mode.guard(request, shop, session)?;
            }
            Ok(actor)
        }
        Err(Error::TokenNotValid) if pardons_cookies => Ok(shop.identify(tokens).await?),
        Err(error) => Err(error.into()),
    }
}

/// Returns the bearer token, if there is an `Authorization` header (RFC 6750, 2.1; the scheme is case-insensitive).
fn bearer(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' ')).and_then(|(scheme, token)| {
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    match token {
        Some(token) if values.next().is_none() => Ok(Some(token)),
        _ => Err(Error::TokenNotValid.into()),
    }
}

/// Returns a guest's token. Two of them count as an invalid one, which counts as none.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none());
    value.and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| !value.is_empty())
}

fn scheme(name: &str) -> MetaSecurityScheme {
    let bearer = MetaSecurityScheme {
        ty: "http",
        description: Some("The `access` token of a sign-in."),
        name: None,
        key_in: None,
        scheme: Some("bearer"),
        bearer_format: Some("JWT"),
        flows: None,
        openid_connect_url: None,
    };
    let key = |header, description| MetaSecurityScheme {
        ty: "apiKey",
        description: Some(description),
        name: Some(header),
        key_in: Some("header"),
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    };
    match name {
        CART_TOKEN => key("X-Cart-Token", "The `token` of a guest's cart."),
        ORDER_TOKEN => key("X-Order-Token", "The `access_token` of a guest's order."),
        _ => bearer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use poem::http::HeaderValue;

    fn read(values: &[&'static str]) -> Result<Option<String>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(|token| token.map(str::to_owned))
    }

    #[test]
    fn only_one_token_is_a_token() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["Bearer abc"]).unwrap(), Some("abc".to_owned()));
        assert_eq!(read(&["bearer  abc "]).unwrap(), Some("abc".to_owned()));
        let mut headers = HeaderMap::new();
        assert_eq!(text(&headers, "x-cart-token"), None);
        headers.append("x-cart-token", HeaderValue::from_static(" a "));
        assert_eq!(text(&headers, "x-cart-token"), Some("a"));
        headers.append("x-cart-token", HeaderValue::from_static("b"));
        assert_eq!(text(&headers, "x-cart-token"), None);
        for bad in [&["Basic abc"][..], &["Bearer"], &["Bearer "], &[""], &["Bearer a", "Bearer b"]] {
            assert_eq!(read(bad).unwrap_err().code(), "token_not_valid");
        }
    }
}
