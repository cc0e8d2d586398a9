//! Loads an operator's mail templates from a folder.

use std::fs;
use std::path::Path;

use shop_core::accounts::Templates;
use shop_core::error::Error;

use crate::config::ConfigError;

/// The variable that names the folder.
const VARIABLE: &str = "MAIL_TEMPLATES";

/// Returns the built-in templates, replaced by the files of the same name in the folder (`order_placed.html`), if one
/// is set. Names that start with a dot are ignored, because mounted volumes and file managers create such files.
///
/// # Errors
/// Names the folder, or the file in it that has an unknown name, cannot be read or cannot be rendered.
pub(crate) fn templates(folder: Option<&Path>) -> Result<Templates, ConfigError> {
    let Some(folder) = folder else { return Ok(Templates::default()) };
    let refusal =
        |path: &Path, why: &dyn std::fmt::Display| ConfigError::new(VARIABLE, format!("{}: {why}", path.display()));
    let unreadable = |why: std::io::Error| refusal(folder, &why);
    let templates = Templates::default();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        // An unknown name is rejected below, with a list of the known ones. It is not read, because it may be a folder.
        let is_known = templates.names().any(|known| known == name);
        let source =
            if is_known { fs::read_to_string(&path).map_err(|why| refusal(&path, &why))? } else { String::new() };
        found.push((name, source));
    }
    // Sorted, so that of several broken files always the same one is reported.
    found.sort();
    templates.with_all(found).map_err(|error| match error {
        Error::Invalid(invalid) => {
            let (name, why) = invalid.fields.into_iter().next().unwrap_or_default();
            refusal(&folder.join(name), &why.join(" "))
        }
        error => refusal(folder, &error),
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
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
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
        let broken: [(&str, &[u8]); 12] = [
            ("order_placed.html", b"{% if %}"),
            ("order_placed.txt", b"{{ order.numbr }}"),
            ("order_placed.subject.txt", b"{{ amuont }}"),
            ("legal.html", b"{{ details.vat }}"),
            ("layout.html", b"{% include \"footer.html\" %}"),
            // In a branch that is rarely taken.
            ("order_shipped.txt", b"{% if carrier == \"x\" %}{{ carier }}{% endif %}"),
            ("order_shiped.txt", b"hello"),
            ("verify_email.html", b"\xff\xfe"),
            ("password_changed.txt", b"{{ order.number }}"),
            ("order_placed.subject.txt", b" {# Nothing. #}\n"),
            ("README.md", b"hello"),
            ("order_placed.txt~", b"hello"),
        ];
        for file in broken {
            let why = refused(&[("order_canceled.txt", b"{{ order.number }}"), file]);
            assert!(why.contains(file.0), "{why}");
        }
        let why = refused(&[("old/order_placed.txt", b"hello")]);
        assert!(why.contains("/old: ") && why.contains("order_placed.txt"), "{why}");
        let absent = templates(Some(Path::new("/nowhere/at/all"))).unwrap_err().to_string();
        assert!(absent.contains("/nowhere/at/all"), "{absent}");
    }

    #[test]
    fn names_that_begin_with_a_dot_are_left_alone() {
        let folder = folder(&[
            ("order_placed.html", b"{% extends \"layout.html\" %}{% block content %}{{ order.total }}{% endblock %}"),
            ("layout.html", b"<html><body>{% block content %}{% endblock %}</body></html>"),
            (".order_placed.txt", b"{% if %}"),
            ("..data/order_placed.txt", b"{% if %}"),
        ]);
        templates(Some(&folder)).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        templates(None).unwrap();
    }
}
