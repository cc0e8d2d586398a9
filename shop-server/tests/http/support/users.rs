//! A whole shop over HTTP with a folder for its mails, and users who sign in to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use shop_core::accounts::SuperuserInput;
use shop_core::clock::{Random as _, SystemRandom};
use shop_core::secret::Secret;
use shop_core::shop::ShopBuilder;
use shop_core::store::Store;
use shop_core::{Actor, Shop};

use super::{Server, TestResponse, empty_store};

/// A password that is strong enough.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// The timeout for a mail, which is written right after the request, but other tests may load the machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running shop, empty except for its default location.
pub(crate) struct TestShop {
    pub(crate) server: Server,
    pub(crate) shop: Shop,
    store: Arc<dyn Store>,
    mails: PathBuf,
}

/// A signed-in user.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

fn borrowed(variables: &[(String, String)]) -> Vec<(&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

impl TestShop {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a shop with further variables set.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_as(variables, |builder| builder).await
    }

    /// The same with a changed builder.
    pub(crate) async fn start_as(variables: &[(&str, &str)], change: impl FnOnce(ShopBuilder) -> ShopBuilder) -> Self {
        let (mails, all) = Self::with_mails(variables);
        let store = empty_store().await;
        let (server, shop) = Server::start_shop_over(Arc::clone(&store), &borrowed(&all), change).await;
        Self { server, shop, store, mails }
    }

    /// Starts a second server on the same data, with other variables set.
    pub(crate) async fn beside(&self, variables: &[(&str, &str)]) -> Self {
        self.beside_as(variables, |builder| builder).await
    }

    /// The same with a changed builder.
    pub(crate) async fn beside_as(
        &self,
        variables: &[(&str, &str)],
        change: impl FnOnce(ShopBuilder) -> ShopBuilder,
    ) -> Self {
        let (mails, all) = Self::with_mails(variables);
        let store = Arc::clone(&self.store);
        let (server, shop) = Server::start_shop_over(Arc::clone(&store), &borrowed(&all), change).await;
        Self { server, shop, store, mails }
    }

    /// Returns the variables, and a folder for the mails.
    fn with_mails(variables: &[(&str, &str)]) -> (PathBuf, Vec<(String, String)>) {
        let number = u64::from_be_bytes(*SystemRandom.seed().first_chunk().unwrap());
        let mails = std::env::temp_dir().join(format!("shop-test-{number:016x}"));
        let folder = mails.to_str().unwrap().to_owned();
        let all = [("EMAIL_BACKEND", "file"), ("EMAIL_FILE_PATH", folder.as_str())].into_iter();
        let all = all.chain(variables.iter().copied());
        (mails, all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Sends a JSON request (null: without a body), with an access token or anonymously.
    pub(crate) async fn call(&self, method: &str, path: &str, access: Option<&str>, body: &Value) -> TestResponse {
        let bearer = access.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|value| ("Authorization", value.as_str())).collect();
        self.call_with(method, path, &headers, body).await
    }

    /// The same with any headers.
    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> TestResponse {
        if body.is_null() {
            return self.server.send(method, path, headers, "").await;
        }
        let mut headers = headers.to_vec();
        headers.push(("Content-Type", "application/json"));
        self.server.send(method, path, &headers, &body.to_string()).await
    }

    pub(crate) async fn get(&self, path: &str, access: Option<&str>) -> TestResponse {
        self.call("GET", path, access, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, access: Option<&str>, body: &Value) -> TestResponse {
        self.call("POST", path, access, body).await
    }

    /// A customer `{name}@example.com` with [`PASSWORD`] who has registered, verified the address and signed in over
    /// HTTP.
    pub(crate) async fn customer(&self, name: &str) -> Person {
        let email = self.registered(name).await;
        self.login(&email, PASSWORD).await
    }

    /// The address of a customer who has registered and verified it.
    pub(crate) async fn registered(&self, name: &str) -> String {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": PASSWORD});
        assert_eq!(self.post("/accounts/register/", None, &body).await.status, 201);
        let body = json!({"email": email, "otp": self.otp(&email, 1).await});
        assert_eq!(self.post("/accounts/verify-otp/", None, &body).await.status, 200);
        email
    }

    /// A signed-in superuser `{name}@example.com` with [`PASSWORD`], who may do everything that staff may.
    pub(crate) async fn staff(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        let input = SuperuserInput { email: email.as_str().into(), password: Secret::from(PASSWORD).into() };
        self.shop.accounts().create_superuser(&Actor::system(), input).await.unwrap();
        self.login(&email, PASSWORD).await
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Person {
        let answer = self.post("/accounts/login/", None, &json!({"email": email, "password": password})).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Person {
            id: text(&body["user"]["id"]),
            email: text(&body["user"]["email"]),
            access: text(&body["access"]),
            refresh: text(&body["refresh"]),
        }
    }

    /// The text of every mail to an address, oldest first, once there are `count`.
    pub(crate) async fn mails(&self, email: &str, count: usize) -> Vec<String> {
        let started = tokio::time::Instant::now();
        loop {
            let mails = self.mails_now(email);
            if mails.len() >= count {
                return mails;
            }
            assert!(started.elapsed() < TIMEOUT, "{count} mails to {email} were expected: {mails:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The oldest mail to an address that contains this text, once there is one.
    pub(crate) async fn mail_with(&self, email: &str, text: &str) -> String {
        let mut count = 1;
        loop {
            let mails = self.mails(email, count).await;
            count = mails.len() + 1;
            if let Some(mail) = mails.into_iter().find(|mail| mail.contains(text)) {
                return mail;
            }
        }
    }

    /// The text of every mail to an address so far, oldest first.
    pub(crate) fn mails_now(&self, email: &str) -> Vec<String> {
        let mut files: Vec<_> = std::fs::read_dir(&self.mails).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
        // The files are named by ids that sort by time.
        files.sort();
        let mails = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
        let to = format!("To: {email}\r\n");
        // Quoted-printable: long lines are broken after an equals sign.
        mails.filter(|mail| mail.contains(&to)).map(|mail| mail.replace("=\r\n", "")).collect()
    }

    /// The `number`-th mail to an address about an account (from 1).
    async fn account_mail(&self, email: &str, number: usize) -> String {
        let mut count = number;
        loop {
            let mut mails = self.mails(email, count).await;
            count = mails.len() + 1;
            let is_of_order = |line: &str| line.starts_with("Subject: ") && line.to_lowercase().contains(" order ");
            mails.retain(|mail| !mail.lines().any(is_of_order));
            if mails.len() >= number {
                return mails.remove(number - 1);
            }
        }
    }

    /// The code in the `number`-th mail to an address about an account (from 1).
    pub(crate) async fn otp(&self, email: &str, number: usize) -> String {
        let mail = self.account_mail(email, number).await;
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
        mail.lines().map(str::trim).find(is_code).unwrap_or_else(|| panic!("no code: {mail}")).to_owned()
    }

    /// The two parts of the reset link in the `number`-th mail to an address about an account (from 1).
    pub(crate) async fn reset_link(&self, email: &str, number: usize) -> (String, String) {
        let mail = self.account_mail(email, number).await;
        let link = mail.split("http://localhost:3000/reset-password/").nth(1).expect("a link");
        let link = link.split(|letter: char| letter.is_whitespace() || letter == '"').next().unwrap();
        let (uidb64, token) = link.split_once('/').unwrap();
        (uidb64.to_owned(), token.to_owned())
    }
}

impl Drop for TestShop {
    fn drop(&mut self) {
        // A leftover folder does no harm.
        let _ = std::fs::remove_dir_all(&self.mails);
    }
}
