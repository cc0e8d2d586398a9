//! The command line: parses the arguments and runs the subcommand.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shop_core::error::{BoxError, with_causes};

use crate::api::Api;
use crate::config::Config;
use crate::csv_file::{Export, Import};
use crate::openapi::Document;
use crate::superuser::PromptAnswers;
use crate::{commands, csv_file, logging, transfer};

/// The shop as one binary, configured by environment variables and a `.env` file.
#[derive(Debug, Parser)]
#[command(name = "shop-server", version)]
pub struct Cli {
    /// The subcommand to run; `serve` by default.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The subcommand to run.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve the shop (the default); creates and migrates its database.
    Serve,
    /// Create or migrate the database, then exit.
    Migrate,
    /// Create an active, verified superuser; prompts twice for the password unless SUPERUSER_PASSWORD is set.
    Createsuperuser {
        /// The e-mail address; prompted for when absent.
        #[arg(long)]
        email: Option<String>,
        /// Do not prompt: requires --email and SUPERUSER_PASSWORD.
        #[arg(long)]
        noinput: bool,
    },
    /// Print the OpenAPI document.
    Openapi {
        /// Print YAML instead of JSON.
        #[arg(long)]
        yaml: bool,
    },
    /// Fill an empty database with a small sample shop, print its staff account, then serve.
    Demo,
    /// Copy an SQLite database to a new file while the server runs.
    Backup {
        /// The file to create.
        file: PathBuf,
    },
    /// Verify the invariants of the data; prints what is wrong and exits non-zero.
    Check,
    /// Switch to a SECRET_KEY other than the one that the data was made with; existing tokens and links become invalid.
    AdoptKey,
    /// Copy a whole shop to another storage, with every row unchanged. Run it again to resume after an interruption.
    Transfer {
        /// The source: `sqlite:FILE` or `postgres://…`. Its servers must be stopped.
        #[arg(long)]
        from: String,
        /// The target: a file that does not exist, or an empty database.
        #[arg(long)]
        to: String,
    },
    /// Import products or stock counts from a CSV file; importing the same file again changes nothing.
    Import {
        /// What the rows contain.
        what: Import,
        /// The file to read.
        file: PathBuf,
        /// Check every row as the import would, after the rows before it, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// The cell separator: one character, or `tab`. Detected from the first line when absent.
        #[arg(long, value_parser = delimiter)]
        delimiter: Option<u8>,
        /// Skip columns that the import does not know.
        #[arg(long)]
        ignore_unknown_columns: bool,
    },
    /// Export products or orders to a CSV file.
    Export {
        /// What the rows contain.
        what: Export,
        /// The file to create.
        file: PathBuf,
        /// Start the file with a byte order mark, by which Excel recognizes UTF-8.
        #[arg(long)]
        excel: bool,
    },
}

/// Parses a cell separator.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii_punctuation() && *byte != b'"' || matches!(byte, b'\t' | b' ') => Ok(*byte),
        _ => {
            Err("must be one character of ASCII that is no letter, digit or quotation mark, or the word tab".to_owned())
        }
    }
}

/// Parses the command line and runs the subcommand.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command.unwrap_or(Command::Serve) {
        Command::Openapi { yaml } => openapi(yaml),
        command => run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // If this write fails, there is no one left to tell.
            let _ = writeln!(std::io::stderr(), "shop-server: {}", with_causes(&*why));
            ExitCode::FAILURE
        }
    }
}

/// Runs a subcommand that needs the configuration.
fn run(command: Command) -> Result<(), BoxError> {
    let config = Config::load()?;
    logging::start(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        Command::Serve => runtime.block_on(commands::serve(&config, false)),
        Command::Migrate => runtime.block_on(commands::migrate(&config)),
        Command::Createsuperuser { email, noinput } => {
            let answers = PromptAnswers::gather(email, !noinput)?;
            runtime.block_on(commands::create_superuser(&config, answers))
        }
        Command::Backup { file } => commands::backup(&config, &file),
        Command::AdoptKey => runtime.block_on(commands::adopt_key(&config)),
        Command::Check => runtime.block_on(commands::check(&config)),
        Command::Transfer { from, to } => runtime.block_on(transfer::transfer(&config, &from, &to)),
        Command::Import { what, file, dry_run, delimiter, ignore_unknown_columns } => {
            let format = csv_file::Format { delimiter, ignores_unknown: ignore_unknown_columns };
            runtime.block_on(csv_file::import(&config, &file, csv_file::ImportOptions { what, format, dry_run }))
        }
        Command::Export { what, file, excel } => runtime.block_on(csv_file::export(&config, what, &file, excel)),
        Command::Openapi { yaml } => openapi(yaml),
        Command::Demo => runtime.block_on(commands::serve(&config, true)),
    }
}

fn openapi(yaml: bool) -> Result<(), BoxError> {
    let document = Document::of::<Api>();
    let text = if yaml { document.yaml() } else { document.json().to_owned() };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Command> {
        Cli::try_parse_from(line.split(' ')).unwrap().command
    }

    #[test]
    fn every_subcommand_is_understood() {
        assert_eq!(parse("shop-server"), None);
        assert_eq!(parse("shop-server serve"), Some(Command::Serve));
        assert_eq!(parse("shop-server migrate"), Some(Command::Migrate));
        assert_eq!(parse("shop-server demo"), Some(Command::Demo));
        assert_eq!(parse("shop-server check"), Some(Command::Check));
        assert_eq!(parse("shop-server adopt-key"), Some(Command::AdoptKey));
        assert_eq!(parse("shop-server openapi --yaml"), Some(Command::Openapi { yaml: true }));
        assert_eq!(parse("shop-server backup copy.db"), Some(Command::Backup { file: "copy.db".into() }));
        let transfer = Command::Transfer { from: "sqlite:a".into(), to: "sqlite:b".into() };
        assert_eq!(parse("shop-server transfer --from sqlite:a --to sqlite:b"), Some(transfer));
        let import = |dry_run, delimiter, ignore_unknown_columns| {
            let (what, file) = (Import::Stock, "a.csv".into());
            Some(Command::Import { what, file, dry_run, delimiter, ignore_unknown_columns })
        };
        assert_eq!(parse("shop-server import stock a.csv --dry-run"), import(true, None, false));
        for (given, delimiter) in [(";", b';'), (",", b','), ("tab", b'\t'), ("\\t", b'\t'), ("|", b'|')] {
            let line = format!("shop-server import stock a.csv --ignore-unknown-columns --delimiter {given}");
            assert_eq!(parse(&line), import(false, Some(delimiter), true));
        }
        for wrong in ["a", "\"", "", ";;", "€", "\n"] {
            assert!(Cli::try_parse_from(["shop-server", "import", "stock", "a.csv", "--delimiter", wrong]).is_err());
        }
        let export = |excel| Some(Command::Export { what: Export::OrderLines, file: "a.csv".into(), excel });
        assert_eq!(parse("shop-server export order-lines a.csv"), export(false));
        assert_eq!(parse("shop-server export order-lines a.csv --excel"), export(true));
        let superuser = Command::Createsuperuser { email: Some("a@b.c".into()), noinput: true };
        assert_eq!(parse("shop-server createsuperuser --email a@b.c --noinput"), Some(superuser));
        assert!(Cli::try_parse_from(["shop-server", "fly"]).is_err());
    }
}
