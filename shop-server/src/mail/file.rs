//! Writes each mail to a file in a folder.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::message::Mailbox;
use shop_core::accounts::{Mailer, Message};
use shop_core::error::BoxError;

use super::compose;

/// Writes each mail to `<id>.eml`; sending a mail again replaces its file.
///
/// A file gets its name only when it is complete, so that a reader never sees a partial mail.
#[derive(Debug)]
pub struct FileMailer {
    folder: PathBuf,
    from: Mailbox,
}

impl FileMailer {
    /// Writes to `folder`, which is created if it does not exist.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn new(folder: PathBuf, from: Mailbox) -> std::io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, from })
    }
}

#[async_trait]
impl Mailer for FileMailer {
    async fn send(&self, message: &Message) -> Result<(), BoxError> {
        let mail = compose(&self.from, message)?.formatted();
        let whole = self.folder.join(format!("{}.eml", message.id));
        let draft = self.folder.join(format!("{}.draft", message.id));
        tokio::task::spawn_blocking(move || {
            write_private(&draft, &mail)?;
            fs::rename(&draft, &whole)
        })
        .await??;
        Ok(())
    }
}

/// Writes a file that only its owner can read: a mail may contain a code or a link that gives access to an account.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    // A file left by an earlier attempt has its own mode.
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content)
}
