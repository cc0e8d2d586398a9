//! The command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use shop_core::error::{BoxError, with_causes};

use crate::api::Api;
use crate::config::Config;
use crate::openapi::Document;
use crate::sheet::{Export, Import};
use crate::superuser::Answers;
use crate::{commands, logging, sheet, transfer};

/// The shop as one binary: configured by environment variables and a `.env` file.
#[derive(Debug, Parser)]
#[command(name = "shop-server", version)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve the shop (the default); makes and migrates its database.
    Serve,
    /// Make or migrate the database, and stop.
    Migrate,
    /// Make an active, verified superuser; the password is asked for twice, or SUPERUSER_PASSWORD.
    Createsuperuser {
        /// The e-mail address; asked for when it is not given.
        #[arg(long)]
        email: Option<String>,
        /// Ask nothing: --email and SUPERUSER_PASSWORD must be given.
        #[arg(long)]
        noinput: bool,
    },
    /// Print the OpenAPI document.
    Openapi {
        /// As YAML instead of JSON.
        #[arg(long)]
        yaml: bool,
    },
    /// Fill an empty database with a small sample shop, print its staff account, then serve.
    Demo,
    /// Copy an SQLite database to a new file while the server runs.
    Backup {
        /// The file to make.
        file: PathBuf,
    },
    /// Verify the invariants of the data; exits non-zero with what is wrong.
    Check,
    /// Go on with another SECRET_KEY than the one that the data was made with; its tokens and links become invalid.
    AdoptKey,
    /// Move a whole shop to another storage: every row as it is. Run again, it goes on where it was stopped.
    Transfer {
        /// The shop: `sqlite:FILE` or `postgres://…`. Its servers must be stopped.
        #[arg(long)]
        from: String,
        /// Where it goes: a file that is not there, or an empty database.
        #[arg(long)]
        to: String,
    },
    /// Take products or counts of stock from a CSV file; run again, the same file changes nothing.
    Import {
        /// What the rows are.
        what: Import,
        /// The file to read.
        file: PathBuf,
        /// Judge every row as the import would, after the rows before it, and write nothing.
        #[arg(long)]
        dry_run: bool,
        /// What is between cells: one character, or `tab`. Found out from the first line when it is not given.
        #[arg(long, value_parser = delimiter)]
        delimiter: Option<u8>,
        /// Pass over columns that have no meaning here.
        #[arg(long)]
        ignore_unknown_columns: bool,
    },
    /// Write products or orders to a CSV file.
    Export {
        /// What the rows are.
        what: Export,
        /// The file to make.
        file: PathBuf,
        /// Begin the file with a byte order mark, by which Excel knows that it is in UTF-8.
        #[arg(long)]
        excel: bool,
    },
}

/// A separator of cells.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii_punctuation() && *byte != b'"' || matches!(byte, b'\t' | b' ') => Ok(*byte),
        _ => {
            Err("must be one character of ASCII that is no letter, digit or quotation mark, or the word tab".to_owned())
        }
    }
}

/// Reads the command line and does what it says.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command.unwrap_or(Command::Serve) {
        Command::Openapi { yaml } => openapi(yaml),
        command => run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Nobody is left to tell when even this cannot be written.
            let _ = writeln!(std::io::stderr(), "shop-server: {}", with_causes(&*why));
            ExitCode::FAILURE
        }
    }
}

/// Everything that needs the configuration.
fn run(command: Command) -> Result<(), BoxError> {
    let config = Config::load()?;
    logging::start(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        Command::Serve => runtime.block_on(commands::serve(&config, false)),
        Command::Migrate => runtime.block_on(commands::migrate(&config)),
        Command::Createsuperuser { email, noinput } => {
            let answers = Answers::gather(email, !noinput)?;
            runtime.block_on(commands::create_superuser(&config, answers))
        }
        Command::Backup { file } => commands::backup(&config, &file),
        Command::AdoptKey => runtime.block_on(commands::adopt_key(&config)),
        Command::Check => runtime.block_on(commands::check(&config)),
        Command::Transfer { from, to } => runtime.block_on(transfer::transfer(&config, &from, &to)),
        Command::Import { what, file, dry_run, delimiter, ignore_unknown_columns } => {
            let format = sheet::Format { delimiter, ignores_unknown: ignore_unknown_columns };
            runtime.block_on(sheet::import(&config, &file, sheet::Options { what, format, dry_run }))
        }
        Command::Export { what, file, excel } => runtime.block_on(sheet::export(&config, what, &file, excel)),
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
