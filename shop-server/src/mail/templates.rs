//! Templates of mails that an operator has put into a folder.

use std::fs;
use std::path::Path;

use shop_core::accounts::Templates;
use shop_core::error::Error;

use crate::config::ConfigError;

/// The variable that names the folder.
const VARIABLE: &str = "MAIL_TEMPLATES";

/// The templates that come with the shop, replaced by those in the folder, if there is one: files named as the templates
/// are (`order_placed.html`). Hidden files, and those that end neither in `.html` nor in `.txt`, are no templates.
///
/// # Errors
/// Naming the folder, or the file that is unknown, cannot be read or cannot be rendered.
pub(crate) fn templates(folder: Option<&Path>) -> Result<Templates, ConfigError> {
    let Some(folder) = folder else { return Ok(Templates::default()) };
    let told =
        |path: &Path, why: &dyn std::fmt::Display| ConfigError::new(VARIABLE, format!("{}: {why}", path.display()));
    let unreadable = |why: std::io::Error| told(folder, &why);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let is_template = path.extension().is_some_and(|end| end == "html" || end == "txt");
        if !is_template || name.starts_with('.') {
            continue;
        }
        let source = fs::read_to_string(&path).map_err(|why| told(&path, &why))?;
        found.push((name, source));
    }
    // In one order, so that of several broken ones always the same is named.
    found.sort();
    Templates::default().with_all(found).map_err(|error| match error {
        Error::Invalid(invalid) => {
            let (name, why) = invalid.fields.into_iter().next().unwrap_or_default();
            told(&folder.join(name), &why.join(" "))
        }
        error => told(folder, &error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> std::path::PathBuf {
        let number = uuid::Uuid::from_bytes(
            *shop_core::clock::Random::seed(&shop_core::clock::SystemRandom).first_chunk().unwrap(),
        );
        let folder = std::env::temp_dir().join(format!("shop-templates-{number}"));
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
        folder
    }

    fn refused(files: &[(&str, &[u8])]) -> String {
        let folder = folder(files);
        let why = templates(Some(&folder)).unwrap_err().to_string();
        fs::remove_dir_all(&folder).unwrap();
        assert!(why.starts_with("MAIL_TEMPLATES: "), "{why}");
        why
    }

    #[test]
    fn a_broken_template_is_named_with_its_file() {
        let broken: [(&str, &[u8]); 9] = [
            ("order_placed.html", b"{% if %}"),
            ("order_placed.txt", b"{{ order.numbr }}"),
            ("order_placed.subject.txt", b"{{ amuont }}"),
            ("legal.html", b"{{ details.vat }}"),
            ("layout.html", b"{% include \"footer.html\" %}"),
            // In a branch that is seldom taken.
            ("order_shipped.txt", b"{% if carrier == \"x\" %}{{ carier }}{% endif %}"),
            ("order_shiped.txt", b"hello"),
            ("verify_email.html", b"\xff\xfe"),
            ("password_changed.txt", b"{{ order.number }}"),
        ];
        for file in broken {
            let why = refused(&[("order_canceled.txt", b"{{ order.number }}"), file]);
            assert!(why.contains(file.0), "{why}");
        }
        let absent = templates(Some(Path::new("/nowhere/at/all"))).unwrap_err().to_string();
        assert!(absent.contains("/nowhere/at/all"), "{absent}");
    }

    #[test]
    fn what_is_no_template_is_left_alone() {
        let folder = folder(&[
            ("order_placed.html", b"{% extends \"layout.html\" %}{% block content %}{{ order.total }}{% endblock %}"),
            ("layout.html", b"<html><body>{% block content %}{% endblock %}</body></html>"),
            ("README.md", b"{% if %}"),
            (".order_placed.txt", b"{% if %}"),
            ("order_placed.txt~", b"{% if %}"),
        ]);
        templates(Some(&folder)).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        templates(None).unwrap();
    }
}
