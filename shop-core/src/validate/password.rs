//! The strength of new passwords.

use zxcvbn::{Score, zxcvbn};

use crate::field::{Checks, Field};
use crate::secret::Secret;

/// The minimum length of a password, in characters (NIST SP 800-63B).
pub const MIN_PASSWORD_LENGTH: usize = 8;
/// The maximum length of a password, in characters: longer than anyone types, and still cheap to hash.
pub const MAX_PASSWORD_LENGTH: usize = 128;
/// Only this many characters are rated: the time that zxcvbn takes grows at least with the square of the length.
const JUDGED_LENGTH: usize = 100;

/// Checks the field of a new password and records every problem. `personal` is what others know about the user: the
/// e-mail address and names.
///
/// The password is kept as given, spaces included.
pub fn new_password(checks: &mut Checks, name: &str, field: Field<Secret>, personal: &[&str]) -> Option<Secret> {
    let password = checks.required(name, field, Ok)?;
    let problems = password_problems(&password, personal);
    let fine = problems.is_empty();
    for problem in problems {
        checks.refuse::<()>(name, problem);
    }
    fine.then_some(password)
}

/// Lists what is wrong with a new password, one sentence per problem; empty when the password is good.
///
/// Besides its length, a password is judged by the number of guesses it withstands (zxcvbn: at least 10^8), not by the
/// kinds of characters it has (NIST SP 800-63B, OWASP).
#[must_use]
pub fn password_problems(password: &Secret, personal: &[&str]) -> Vec<String> {
    let password = password.expose();
    if password.is_empty() {
        return vec![super::BLANK.into()];
    }
    if password.chars().nth(MAX_PASSWORD_LENGTH).is_some() {
        return vec![format!("This password is too long. It must contain at most {MAX_PASSWORD_LENGTH} characters.")];
    }
    let mut problems = Vec::new();
    if password.contains('\0') {
        problems.push("Null characters are not allowed.".into());
    }
    if password.chars().nth(MIN_PASSWORD_LENGTH - 1).is_none() {
        problems
            .push(format!("This password is too short. It must contain at least {MIN_PASSWORD_LENGTH} characters."));
    }
    if password.chars().all(char::is_numeric) {
        problems.push("This password is entirely numeric.".into());
    }
    // The parts of an address count too: the password of ada.lovelace@example.com should not be "ada.lovelace".
    let known: Vec<&str> = personal
        .iter()
        .flat_map(|text| [*text].into_iter().chain(text.split(['@', '.', '+', '-', '_', ' '])))
        .filter(|text| text.chars().count() > 2)
        .map(|text| first(text, JUDGED_LENGTH))
        .collect();
    let judged = zxcvbn(first(password, JUDGED_LENGTH), &known);
    if judged.score() < Score::Two {
        let advice = judged.feedback();
        let why = advice.and_then(zxcvbn::feedback::Feedback::warning).map(|why| why.to_string());
        problems.push(why.map_or_else(
            || "This password is too easy to guess.".into(),
            |why| format!("This password is too easy to guess: {why}"),
        ));
    }
    problems
}

fn first(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::error::Error;

    fn problems(password: &str) -> Vec<String> {
        password_problems(&password.into(), &["ada.lovelace@example.com", "Countess", ""])
    }

    #[test]
    fn good_passwords_pass() {
        for good in [
            "correct horse battery",
            "Tr0ub4dor&3x",
            "S3cure-Passw0rd!",
            "пароль от сейфа",
            "  leading spaces",
            "静夜思床前明月光疑是",
        ] {
            assert_eq!(problems(good), Vec::<String>::new(), "{good}");
        }
        assert!(problems(&"x7#Kq".repeat(25)).is_empty());
    }

    #[test]
    fn weak_passwords_are_told_why() {
        assert_eq!(problems(""), ["This field may not be blank."]);
        for (weak, why) in [
            ("Xk#9q", "too short"),
            ("4819205736", "entirely numeric"),
            ("password", "too easy to guess"),
            ("password1", "too easy to guess"),
            ("aaaaaaaaaaaaaaaa", "too easy to guess"),
            ("qwertyuiop", "too easy to guess"),
            ("lovelace", "too easy to guess"),
            ("Countess1", "too easy to guess"),
            ("ada.lovelace@example.com", "too easy to guess"),
            ("x7#Kq\0zz91w", "Null"),
            (&"é".repeat(129), "too long"),
        ] {
            assert!(problems(weak).iter().any(|problem| problem.contains(why)), "{weak}: {:?}", problems(weak));
        }
        assert_eq!(problems("12345").len(), 3, "{:?}", problems("12345"));
    }

    #[test]
    fn every_problem_is_noted_under_the_field() {
        let mut checks = Checks::new();
        assert!(new_password(&mut checks, "password", Field::Given("12345".into()), &[]).is_none());
        let Err(Error::Invalid(invalid)) = checks.finish() else { panic!("it must be refused") };
        assert_eq!(invalid.fields["password"].len(), 3);
        let mut checks = Checks::new();
        assert!(new_password(&mut checks, "password", Field::Missing, &[]).is_none());
        assert!(!checks.is_clean());
        let mut checks = Checks::new();
        let good = new_password(&mut checks, "password", Field::Given("correct horse battery".into()), &[]);
        assert!(good.is_some_and(|password| password.matches("correct horse battery")) && checks.is_clean());
    }

    #[test]
    fn judging_takes_no_time_to_speak_of() {
        let long = "a1b2".repeat(250_000);
        let started = Instant::now();
        for hostile in
            ["password".repeat(16), "aB1!".repeat(32), "\u{1F600}".repeat(128), "1/1/2020".repeat(16), long.clone()]
        {
            let _ = password_problems(&hostile.into(), &[&long, "a", &"b c ".repeat(50)]);
        }
        // For an unoptimized build on a busy machine; an optimized build takes some milliseconds for each.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}
