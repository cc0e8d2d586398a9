//! Mail into a folder, one file each.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use lettre::message::Mailbox;
use shop_core::accounts::{Mailer, Message};
use shop_core::error::BoxError;

use super::compose;

/// Writes each mail to `<id>.eml`; a mail that is sent again replaces itself.
///
/// A file has its name only once it is whole, so that a reader never sees half of one.
#[derive(Debug)]
pub struct FileMailer {
    folder: PathBuf,
    from: Mailbox,
}

impl FileMailer {
    /// Writes into `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
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

/// Only the owner may read it: a mail may hold a code or a link that opens an account.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    // What an earlier try left behind has its own mode.
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
