//! The inputs of the account calls, and their checked forms.

use super::view::Profile;
use crate::error::Result;
use crate::field::{Checks, Field};
use crate::secret::Secret;
use crate::validate::{self, Email, Username};

/// A request to register an account.
#[derive(Debug, Clone, Default)]
pub struct RegisterInput {
    /// The e-mail address; required.
    pub email: Field<String>,
    /// The password; required, see [`validate::new_password`].
    pub password: Field<Secret>,
    /// The user name; optional.
    pub username: Field<String>,
    /// The given name; optional.
    pub first_name: Field<String>,
    /// The family name; optional.
    pub last_name: Field<String>,
    /// The phone number; optional.
    pub phone: Field<String>,
}

/// A request to verify an e-mail address.
#[derive(Debug, Clone, Default)]
pub struct VerifyOtpInput {
    /// The e-mail address; required.
    pub email: Field<String>,
    /// The one-time password of six digits; required.
    pub otp: Field<Secret>,
}

/// A request that consists of an e-mail address.
#[derive(Debug, Clone, Default)]
pub struct EmailInput {
    /// The e-mail address; required.
    pub email: Field<String>,
}

/// A request to sign in, by `email` or else by `username`, which may also be an e-mail address.
#[derive(Debug, Clone, Default)]
pub struct SignInInput {
    /// The e-mail address.
    pub email: Field<String>,
    /// The user name or the e-mail address.
    pub username: Field<String>,
    /// The password; required.
    pub password: Field<Secret>,
}

/// A signed-in user's request to change the password.
#[derive(Debug, Clone, Default)]
pub struct ChangePasswordInput {
    /// The current password; required.
    pub old_password: Field<Secret>,
    /// The new password; required, see [`validate::new_password`].
    pub new_password: Field<Secret>,
}

/// A partial change of the caller's own profile. It does not include the e-mail address, since a new one has to be
/// verified.
#[derive(Debug, Clone, Default)]
pub struct ProfileInput {
    /// The user name; null or blank removes it.
    pub username: Field<String>,
    /// The given name; blank clears it.
    pub first_name: Field<String>,
    /// The family name; blank clears it.
    pub last_name: Field<String>,
    /// The phone number; blank clears it.
    pub phone: Field<String>,
}

/// A partial change of a user's status and rights, by staff.
#[derive(Debug, Clone, Default)]
pub struct UserFlagsInput {
    /// Whether the user may sign in; false also ends their sessions.
    pub is_active: Field<bool>,
    /// Whether the user is staff; only a superuser may change it.
    pub is_staff: Field<bool>,
}

/// A request to create a superuser.
#[derive(Debug, Clone, Default)]
pub struct SuperuserInput {
    /// The e-mail address; required.
    pub email: Field<String>,
    /// The password; required, see [`validate::new_password`].
    pub password: Field<Secret>,
}

/// The message for a user name that another user has (Django's).
pub(super) const USERNAME_TAKEN: &str = "A user with that username already exists.";

/// A checked [`RegisterInput`].
#[derive(Debug, Clone)]
pub(super) struct Registration {
    pub(super) email: Email,
    pub(super) username: Option<Username>,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) phone: String,
}

impl RegisterInput {
    /// The folded address, if one is given.
    pub(super) fn email_key(&self) -> Option<String> {
        self.email.given().map(|email| identity_key(email))
    }

    /// Checks everything but the user name, which the caller has checked and looked up.
    pub(super) fn check(self, mut checks: Checks, username: Option<Username>) -> Result<(Registration, Secret)> {
        let email = checks.required("email", self.email, validate::email);
        let first_name = checks.optional("first_name", self.first_name, validate::person_name).unwrap_or_default();
        let last_name = checks.optional("last_name", self.last_name, validate::person_name).unwrap_or_default();
        let phone = checks.optional("phone", self.phone, validate::or_blank(validate::phone)).flatten();
        let personal = [
            email.as_ref().map_or("", |email| &email.address),
            username.as_ref().map_or("", |username| &username.name),
            &first_name,
            &last_name,
        ];
        let password = validate::new_password(&mut checks, "password", self.password, &personal);
        let (Some(email), Some(password), true) = (email, password, checks.is_clean()) else {
            return Err(checks.into_error());
        };
        let phone = phone.unwrap_or_default();
        Ok((Registration { email, username, first_name, last_name, phone }, password))
    }
}

impl VerifyOtpInput {
    /// Returns the folded address and the code.
    pub(super) fn check(self) -> Result<(String, Secret)> {
        let mut checks = Checks::new();
        let email = checks.required("email", self.email, validate::email);
        let otp = checks.required("otp", self.otp, |otp| {
            let code = Secret::from(otp.expose().trim());
            let digits = code.expose().len() == 6 && code.expose().bytes().all(|byte| byte.is_ascii_digit());
            if digits { Ok(code) } else { Err("Enter the six digits of the code.".to_owned()) }
        });
        match (email, otp) {
            (Some(email), Some(otp)) => Ok((email.key, otp)),
            _ => Err(checks.into_error()),
        }
    }
}

impl EmailInput {
    /// Returns the folded address.
    pub(super) fn check(self) -> Result<String> {
        let mut checks = Checks::new();
        let email = checks.required("email", self.email, validate::email);
        email.map(|email| email.key).ok_or_else(|| checks.into_error())
    }
}

/// Folds an e-mail address or user name, as typed, into the key under which its account is found. Rate limits on
/// sign-ins must use this key, because it is the same for all spellings that lead to one account.
#[must_use]
pub fn identity_key(text: &str) -> String {
    // No account has a longer name; this avoids folding a megabyte.
    let text = text.trim();
    validate::email_key(text.get(..text.floor_char_boundary(MAX_LOGIN_LENGTH)).unwrap_or_default())
}

/// The folded name by which a user signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// An e-mail address.
    Email(String),
    /// An e-mail address or, if it matches no account, a user name.
    Either {
        /// The name folded as an address.
        email_key: String,
        /// The name folded as a user name.
        username_key: String,
    },
}

/// The maximum length of a login name in bytes: longer than any e-mail address or user name.
const MAX_LOGIN_LENGTH: usize = 1_000;

impl SignInInput {
    /// Returns the login name and the password. `field` is reported when no name is given.
    pub(super) fn check(self, field: &str) -> Result<(Login, Secret)> {
        let mut checks = Checks::new();
        let (name, given) = match (self.email, self.username) {
            (Field::Missing | Field::Null, Field::Missing | Field::Null) => (field, Field::Missing),
            (Field::Missing | Field::Null, username) => ("username", username),
            (email, unused) => {
                checks.unreadable("username", &unused);
                ("email", email)
            }
        };
        let login = checks.required(name, given, |text| match text.trim() {
            "" => Err("This field may not be blank.".to_owned()),
            text if text.len() > MAX_LOGIN_LENGTH => Err("This is too long for a name.".to_owned()),
            text if name == "email" => Ok(Login::Email(validate::email_key(text))),
            text => {
                Ok(Login::Either { email_key: validate::email_key(text), username_key: validate::username_key(text) })
            }
        });
        let password = checks.required("password", self.password, given_password);
        match (login, password) {
            (Some(login), Some(password)) if checks.is_clean() => Ok((login, password)),
            _ => Err(checks.into_error()),
        }
    }
}

/// Accepts a password for comparison, whether or not it would be accepted as a new one.
pub(super) fn given_password(password: Secret) -> Result<Secret, String> {
    if password.expose().is_empty() { Err("This field may not be blank.".to_owned()) } else { Ok(password) }
}

/// A checked [`ProfileInput`]. `None` ([`Field::Missing`] for the user name) keeps the stored value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ProfileChange {
    pub(super) username: Field<Username>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) phone: Option<String>,
}

impl ProfileInput {
    /// Checks every field into `checks`, except whether the user name is taken.
    pub(super) fn check(self, checks: &mut Checks) -> ProfileChange {
        let username = checks.change("username", self.username, validate::or_blank(validate::username));
        let first_name = checks.replace("first_name", self.first_name, validate::person_name);
        let last_name = checks.replace("last_name", self.last_name, validate::person_name);
        let phone = checks.replace("phone", self.phone, validate::or_blank(validate::phone));
        ProfileChange {
            username: match username {
                None => Field::Missing,
                Some(username) => username.flatten().map_or(Field::Null, Field::Given),
            },
            first_name,
            last_name,
            phone: phone.map(Option::unwrap_or_default),
        }
    }
}

/// A checked [`UserFlagsInput`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct UserFlagsChange {
    pub(super) is_active: Option<bool>,
    pub(super) is_staff: Option<bool>,
}

impl UserFlagsInput {
    pub(super) fn check(self) -> Result<UserFlagsChange> {
        let mut checks = Checks::new();
        let change = UserFlagsChange {
            is_active: checks.replace("is_active", self.is_active, Ok),
            is_staff: checks.replace("is_staff", self.is_staff, Ok),
        };
        checks.finish()?;
        Ok(change)
    }
}

impl SuperuserInput {
    pub(super) fn check(self) -> Result<(Email, Secret)> {
        let mut checks = Checks::new();
        let email = checks.required("email", self.email, validate::email);
        let personal = [email.as_ref().map_or("", |email| &email.address)];
        let password = validate::new_password(&mut checks, "password", self.password, &personal);
        match (email, password) {
            (Some(email), Some(password)) => Ok((email, password)),
            _ => Err(checks.into_error()),
        }
    }
}

/// Checks the new password of an existing user.
pub(super) fn new_password(checks: &mut Checks, name: &str, field: Field<Secret>, person: &Profile) -> Option<Secret> {
    let username = person.username.as_deref().unwrap_or_default();
    validate::new_password(checks, name, field, &[&person.email, username, &person.first_name, &person.last_name])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn fields(error: Error) -> Vec<String> {
        match error {
            Error::Invalid(invalid) => invalid.fields.into_keys().collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_registration_names_all_wrong_fields() {
        let input = RegisterInput {
            email: "nobody".into(),
            password: Secret::from("abc").into(),
            first_name: "\u{7}".into(),
            phone: "call me".into(),
            ..RegisterInput::default()
        };
        let refused = input.check(Checks::new(), None).unwrap_err();
        assert_eq!(fields(refused), ["email", "first_name", "password", "phone"]);
    }

    #[test]
    fn sign_in_takes_an_address_or_a_name() {
        let check = |email: Field<String>, username: Field<String>, field: &str| {
            SignInInput { email, username, password: Secret::from("x").into() }.check(field).map(|(login, _)| login)
        };
        assert_eq!(check("A@B.c".into(), "x".into(), "email").unwrap(), Login::Email("a@b.c".into()));
        assert!(matches!(check(Field::Null, " Ada ".into(), "email").unwrap(),
            Login::Either { username_key, .. } if username_key == "ada"));
        assert_eq!(fields(check(Field::Missing, Field::Missing, "email").unwrap_err()), ["email"]);
        assert_eq!(fields(check(Field::Missing, Field::Null, "username").unwrap_err()), ["username"]);
        assert_eq!(fields(check(Field::Missing, "  ".into(), "email").unwrap_err()), ["username"]);
        assert_eq!(fields(SignInInput::default().check("email").unwrap_err()), ["email", "password"]);
        let unreadable = Field::Wrong("Must be a string.".to_owned());
        assert_eq!(fields(check("a@b.cd".into(), unreadable, "email").unwrap_err()), ["username"]);
    }

    #[test]
    fn the_key_of_an_identity_is_that_of_sign_in() {
        for text in
            ["Ada@Example.com", " ａｄａ@ｅｘａｍｐｌｅ.com\u{3000}", "Straße", "STRASSE", "e\u{301}ve", "Éve", "ﬁnn"]
        {
            let key = identity_key(text);
            let input =
                SignInInput { username: text.into(), password: Secret::from("x").into(), ..SignInInput::default() };
            let (Login::Either { email_key, username_key }, _) = input.check("username").unwrap() else { panic!() };
            assert_eq!((&email_key, &username_key), (&key, &key), "{text}");
            assert_eq!(identity_key(&key), key, "{text}");
        }
    }

    #[test]
    fn a_code_is_six_digits() {
        let check = |otp: &str| VerifyOtpInput { email: "a@b.cd".into(), otp: Secret::from(otp).into() }.check();
        assert!(check(" 012345 ").is_ok());
        for wrong in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert_eq!(fields(check(wrong).unwrap_err()), ["otp"], "{wrong}");
        }
    }

    #[test]
    fn a_profile_keeps_what_is_not_named_and_clears_what_may_be_empty() {
        let mut checks = Checks::new();
        let input = ProfileInput { username: Field::Null, phone: "".into(), ..ProfileInput::default() };
        let change = input.check(&mut checks);
        assert!(checks.is_clean());
        let cleared = ProfileChange { username: Field::Null, phone: Some(String::new()), ..ProfileChange::default() };
        assert_eq!(change, cleared);
        let input = ProfileInput {
            first_name: Field::Null,
            last_name: Field::Null,
            phone: Field::Null,
            ..ProfileInput::default()
        };
        let mut checks = Checks::new();
        input.check(&mut checks);
        assert_eq!(fields(checks.into_error()), ["first_name", "last_name", "phone"]);
    }
}
