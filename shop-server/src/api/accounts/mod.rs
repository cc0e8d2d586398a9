//! `/accounts/`: registration, sign-in, sessions, passwords, profiles, and user management for staff.
//!
//! The public routes ignore the `Authorization` header and judge only the request body. A front end that sends its
//! expired token with every request can therefore still exchange it for a new one.

mod bodies;
mod users;

use std::net::IpAddr;

use poem::http::HeaderValue;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use shop_core::Error;
use shop_core::accounts::TokenPair;
use shop_core::field::{Checks, Field};
use shop_core::secret::{Secret, decode_user_id};

use super::Context;
use crate::auth::{Guest, User};
use crate::cookies::{CookieMode, WithCookies};
use crate::devices::{Device, WithDevice};
use crate::field::JsonBody;
use crate::limits::{Attempt, Client};
use crate::problem::Result;
use crate::response::{Created, JsonResponse, NoContent};
use crate::security;

use bodies::{
    ChangePasswordRequest, Detail, EmailRequest, Login, LoginRequest, NewPasswordRequest, Nothing, PasswordChanged,
    RefreshRequest, RegisterRequest, Registered, TokenRequest, Tokens, VerifyOtpRequest, VerifyTokenRequest,
};
pub(super) use users::Users;

/// Registration, sign-in, sessions and passwords.
pub(in crate::api) struct Accounts(pub(in crate::api) Context);

#[OpenApi]
impl Accounts {
    /// Registers a user and e-mails a code to the address.
    ///
    /// The response is the same if the address already has an account; the owner of that account is notified.
    #[oai(path = "/accounts/register/", method = "post")]
    async fn register(&self, client: Client, body: JsonBody<RegisterRequest>) -> Result<Created<Registered>> {
        self.0.limits.check(Attempt::Mail, client.address(), body.email.as_str()).await?;
        let email = self.0.shop.accounts().register(body.into_inner().into()).await?;
        Ok(JsonResponse(email.into()))
    }

    /// Confirms an address with the code that was e-mailed to it.
    #[oai(path = "/accounts/verify-otp/", method = "post")]
    async fn verify_otp(&self, client: Client, body: JsonBody<VerifyOtpRequest>) -> Result<JsonResponse<Detail>> {
        let account = body.email.as_str().map(str::to_owned);
        self.0.limits.check(Attempt::Confirm, client.address(), account.as_deref()).await?;
        self.0.shop.accounts().verify_otp(body.into_inner().into()).await?;
        self.0.limits.forgive(Attempt::Confirm, client.address(), account.as_deref()).await;
        Ok(JsonResponse("The address is confirmed; you can sign in now.".into()))
    }

    /// E-mails a new code, which replaces the old one. The response is the same for every address.
    #[oai(path = "/accounts/resend-otp/", method = "post")]
    async fn resend_otp(&self, client: Client, body: JsonBody<EmailRequest>) -> Result<JsonResponse<Detail>> {
        self.0.limits.check(Attempt::Mail, client.address(), body.email.as_str()).await?;
        self.0.shop.accounts().resend_otp(body.into_inner().into()).await?;
        Ok(JsonResponse("If the address waits to be confirmed, a new code was sent to it.".into()))
    }

    /// Signs in by e-mail address or username. With `X-Cart-Token`, the guest's cart is merged into the user's.
    ///
    /// The response has a header `X-Device-Token` (a cookie in cookie mode). A client that sends it with the next
    /// sign-in has its own limit on failed attempts there.
    #[oai(path = "/accounts/login/", method = "post")]
    async fn login(
        &self,
        guest: Guest,
        client: Client,
        device: Device,
        body: JsonBody<LoginRequest>,
    ) -> Result<WithDevice<WithCookies<JsonResponse<Login>>>> {
        let counted = self.count_sign_in(client, &device, body.email.as_str().or(body.username.as_str())).await?;
        let sign_in = self.0.shop.accounts().login(&guest, body.into_inner().into()).await?;
        self.0.limits.forgive(Attempt::SignIn, counted.address, counted.account.as_deref()).await;
        let answer = JsonResponse(Login::new(self.shown(&sign_in.tokens), sign_in.user));
        Ok(self.signed_in(answer, &sign_in.tokens, &device))
    }

    /// Signs in and returns only the tokens.
    #[oai(path = "/accounts/token/", method = "post")]
    async fn token(
        &self,
        guest: Guest,
        client: Client,
        device: Device,
        body: JsonBody<TokenRequest>,
    ) -> Result<WithDevice<WithCookies<JsonResponse<Tokens>>>> {
        let counted = self.count_sign_in(client, &device, body.email.as_str().or(body.username.as_str())).await?;
        let tokens = self.0.shop.accounts().token(&guest, body.into_inner().into()).await?;
        self.0.limits.forgive(Attempt::SignIn, counted.address, counted.account.as_deref()).await;
        Ok(self.signed_in(JsonResponse(self.shown(&tokens)), &tokens, &device))
    }

    /// Exchanges a refresh token for a new pair. Reuse within 10 seconds returns the same pair; later reuse ends the
    /// session.
    #[oai(path = "/accounts/token/refresh/", method = "post")]
    async fn token_refresh(
        &self,
        request: &poem::Request,
        body: JsonBody<RefreshRequest>,
    ) -> Result<WithCookies<JsonResponse<Tokens>>> {
        let (token, _) = self.refresh_token(request, body.into_inner())?;
        let tokens = self.0.shop.accounts().refresh(&token).await?;
        Ok(WithCookies { answer: JsonResponse(self.shown(&tokens)), cookies: self.held(&tokens) })
    }

    /// Checks whether a token would be accepted.
    #[oai(path = "/accounts/token/verify/", method = "post")]
    async fn token_verify(&self, body: JsonBody<VerifyTokenRequest>) -> Result<JsonResponse<Nothing>> {
        let token = required("token", body.into_inner().token.into_field())?;
        self.0.shop.accounts().verify_token(&token).await?;
        Ok(JsonResponse(Nothing {}))
    }

    /// Ends the session of a refresh token.
    #[oai(path = "/accounts/logout/", method = "post")]
    async fn logout(&self, request: &poem::Request, body: JsonBody<RefreshRequest>) -> Result<WithCookies<NoContent>> {
        let (token, is_cookie) = self.refresh_token(request, body.into_inner())?;
        match self.0.shop.accounts().logout(&token).await {
            // Even if the session has already ended, the browser must lose its cookies.
            Err(Error::TokenNotValid) if is_cookie => {}
            ended => ended?,
        }
        let cookies = self.0.cookies.as_deref().map(CookieMode::clear).unwrap_or_default();
        Ok(WithCookies { answer: NoContent, cookies })
    }

    /// Changes the caller's password. Every session ends; the token pair in the response starts a new one.
    #[oai(path = "/accounts/change-password/", method = "post")]
    async fn change_password(
        &self,
        user: User,
        client: Client,
        body: JsonBody<ChangePasswordRequest>,
    ) -> Result<WithCookies<JsonResponse<PasswordChanged>>> {
        let account = user.caller();
        self.0.limits.check(Attempt::SignIn, client.address(), account.as_deref()).await?;
        let tokens = self.0.shop.accounts().change_password(&user, body.into_inner().into()).await?;
        self.0.limits.forgive(Attempt::SignIn, client.address(), account.as_deref()).await;
        security::password_changed(user.signed_in().map(|person| person.user_id));
        Ok(WithCookies { answer: JsonResponse(self.shown(&tokens).into()), cookies: self.held(&tokens) })
    }

    /// E-mails a link that resets the password. The response is the same for every address.
    #[oai(path = "/accounts/request-reset-email/", method = "post")]
    async fn request_reset_email(&self, client: Client, body: JsonBody<EmailRequest>) -> Result<JsonResponse<Detail>> {
        self.0.limits.check(Attempt::Mail, client.address(), body.email.as_str()).await?;
        self.0.shop.accounts().request_password_reset(body.into_inner().into()).await?;
        Ok(JsonResponse("If the address has an account, a link that resets its password was sent to it.".into()))
    }

    /// Sets a new password with the two parts of an e-mailed link. The link works once, within an hour.
    #[oai(path = "/accounts/password-reset-confirm/:uidb64/:token/", method = "post")]
    async fn password_reset_confirm(
        &self,
        client: Client,
        uidb64: Path<String>,
        token: Path<String>,
        body: JsonBody<NewPasswordRequest>,
    ) -> Result<JsonResponse<Detail>> {
        let account = decode_user_id(&uidb64).map(|user| format!("user:{}", user.0));
        self.0.limits.check(Attempt::Confirm, client.address(), account.as_deref()).await?;
        let password = body.into_inner().new_password.into_field();
        self.0.shop.accounts().reset_password(&uidb64, &token, password).await?;
        self.0.limits.forgive(Attempt::Confirm, client.address(), account.as_deref()).await;
        security::password_reset(decode_user_id(&uidb64));
        Ok(JsonResponse("The password was changed; you can sign in with it now.".into()))
    }
}

/// The keys that an attempt was counted under, to be forgiven if it succeeds.
struct CountedKeys {
    address: Option<IpAddr>,
    account: Option<String>,
}

impl Accounts {
    /// The tokens for the response body: none in cookie mode, where scripts must not see them.
    fn shown(&self, tokens: &TokenPair) -> Tokens {
        if self.0.cookies.is_some() { Tokens::default() } else { tokens.into() }
    }

    /// Counts a sign-in attempt; all names of an account share one limit. A device on which the owner signed in before
    /// has its own limit instead of those of the account and the address, so that strangers cannot lock the owner out
    /// there, even from the same address.
    async fn count_sign_in(&self, client: Client, device: &Device, name: Option<&str>) -> Result<CountedKeys> {
        let (limits, accounts) = (&self.0.limits, self.0.shop.accounts());
        if !limits.is_on() {
            return Ok(CountedKeys { address: None, account: None });
        }
        if let (Some(name), Some(shown)) = (name, device.shown())
            && let Some(device) = accounts.known_device(name, shown).await?
        {
            limits.check(Attempt::SignIn, None, Some(&device)).await?;
            return Ok(CountedKeys { address: None, account: Some(device) });
        }
        limits.check(Attempt::SignIn, client.address(), None).await?;
        let account = match name {
            Some(name) => Some(accounts.sign_in_key(name).await?),
            None => None,
        };
        limits.check(Attempt::SignIn, None, account.as_deref()).await?;
        Ok(CountedKeys { address: client.address(), account })
    }

    /// The response to a sign-in, with the device token and, in cookie mode, the cookies.
    fn signed_in<R>(&self, answer: R, tokens: &TokenPair, device: &Device) -> WithDevice<WithCookies<R>> {
        let mode = self.0.cookies.as_deref();
        let token = self.0.shop.accounts().device_token(tokens.user_id, device.shown());
        let mut cookies = self.held(tokens);
        let header = match mode {
            Some(mode) => {
                cookies.extend(mode.hold_device(&token));
                None
            }
            None => HeaderValue::try_from(token.expose()).ok(),
        };
        WithDevice { answer: WithCookies { answer, cookies }, token: header }
    }

    /// The cookies for a new pair of tokens; none outside cookie mode.
    fn held(&self, tokens: &TokenPair) -> Vec<poem::http::HeaderValue> {
        self.0.cookies.as_deref().map(|mode| mode.hold(&self.0.shop, tokens)).unwrap_or_default()
    }

    /// The refresh token of the body, or else of the cookie (true), whose sender must then pass the CSRF guard.
    fn refresh_token(&self, request: &poem::Request, body: RefreshRequest) -> Result<(Secret, bool)> {
        let given: Field<Secret> = body.refresh.into_field();
        if let (Field::Missing, Some(mode)) = (&given, self.0.cookies.as_deref())
            && let Some(token) = mode.refresh(request)
        {
            let session = self.0.shop.accounts().session_of(&token)?;
            mode.guard(request, &self.0.shop, session)?;
            return Ok((token, true));
        }
        Ok((required("refresh", given)?, false))
    }
}

fn required(name: &str, field: Field<Secret>) -> Result<Secret> {
    let mut checks = Checks::new();
    let given = checks.required(name, field, Ok);
    Ok(given.ok_or_else(|| checks.into_error())?)
}
