//! The prompts of `createsuperuser`, and its error messages.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use shop_core::accounts::SuperuserInput;
use shop_core::error::{BoxError, Error};
use shop_core::secret::Secret;

/// The variable that holds the password when prompting is not possible.
const PASSWORD: &str = "SUPERUSER_PASSWORD";

/// The credentials of the new superuser.
#[derive(Debug)]
pub(crate) struct PromptAnswers {
    email: String,
    password: Secret,
}

impl From<PromptAnswers> for SuperuserInput {
    fn from(answers: PromptAnswers) -> Self {
        Self { email: answers.email.into(), password: answers.password.into() }
    }
}

impl PromptAnswers {
    /// Takes what the command line and the environment provide, and prompts for the rest if allowed.
    ///
    /// # Errors
    /// A sentence that says what is missing, or that the two passwords differ.
    pub(crate) fn gather(email: Option<String>, ask: bool) -> Result<Self, BoxError> {
        let email = match email {
            Some(email) => email,
            None if ask => answer("E-mail address: ")?,
            None => return Err("--email must be given with --noinput".into()),
        };
        // Empty counts as unset, as for every variable.
        let given = std::env::var(PASSWORD).ok().filter(|password| !password.is_empty());
        let password = match given {
            Some(password) => password.into(),
            None if ask => twice()?,
            None => return Err(format!("{PASSWORD} must be set with --noinput").into()),
        };
        Ok(Self { email, password })
    }
}

/// Formats the core's error for a terminal: every field with its reasons.
pub(crate) fn explained(error: Error) -> BoxError {
    match error {
        Error::Invalid(invalid) => {
            let lines = invalid.fields.iter().map(|(field, reasons)| format!("{field}: {}", reasons.join(" ")));
            lines.collect::<Vec<_>>().join("\n").into()
        }
        Error::AlreadyExists { .. } => "email: This address has an account already.".into(),
        other => other.into(),
    }
}

fn twice() -> Result<Secret, BoxError> {
    let _hidden = Hidden::start();
    let first = Secret::from(answer("Password: ")?);
    let second = Secret::from(answer("Password (again): ")?);
    if first.matches(second.expose()) { Ok(first) } else { Err("The two passwords differ.".into()) }
}

/// Prompts for one line and reads it from standard input, without its line end.
fn answer(question: &str) -> io::Result<String> {
    let mut terminal = io::stderr();
    terminal.write_all(question.as_bytes())?;
    terminal.flush()?;
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "no answer was given"));
    }
    if Hidden::is_on() {
        terminal.write_all(b"\n")?;
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Turns off the terminal's echo until dropped.
struct Hidden {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

#[cfg(unix)]
impl Hidden {
    fn start() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = io::stdin().is_terminal().then(|| tcgetattr(io::stdin()).ok()).flatten();
        if let Some(before) = &before {
            let mut hidden = before.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            // If the terminal refuses, only the typing user sees the password: no reason to stop.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &hidden);
        }
        Self { before }
    }

    /// Whether echo is off, so that the line end was hidden too.
    fn is_on() -> bool {
        use rustix::termios::{LocalModes, tcgetattr};
        let modes = io::stdin().is_terminal().then(|| tcgetattr(io::stdin()).ok()).flatten();
        modes.is_some_and(|modes| !modes.local_modes.contains(LocalModes::ECHO))
    }
}

#[cfg(unix)]
impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, before);
        }
    }
}

#[cfg(not(unix))]
impl Hidden {
    fn start() -> Self {
        Self {}
    }

    fn is_on() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_asking_everything_must_be_given() {
        assert!(PromptAnswers::gather(None, false).unwrap_err().to_string().contains("--email"));
    }

    #[test]
    fn every_field_is_explained() {
        let mut invalid = shop_core::error::Invalid::default();
        invalid.add("email", "Enter a valid email address.");
        invalid.add("password", "Too short.");
        invalid.add("password", "Too plain.");
        let text = explained(Error::Invalid(invalid)).to_string();
        assert_eq!(text, "email: Enter a valid email address.\npassword: Too short. Too plain.");
    }
}
