//! The images of a product, which its rows may give together or one by one.

use super::{describes_variant, differs};
use crate::catalog::ImageInput;
use crate::cells::{CellError, Cells};
use crate::field::Field;

/// Collects the images of all rows, and the row that gave each. A JSON list is given in the first row, or repeated in
/// all. A single URL, and the images of a row without a variant, are added to it.
pub(super) fn images(rows: &[Cells], wrong: &mut Vec<CellError>) -> (Field<Vec<ImageInput>>, Vec<usize>) {
    let mut all: Vec<ImageInput> = Vec::new();
    let mut given_by = Vec::new();
    let mut listed = None;
    for (row, cells) in rows.iter().enumerate() {
        let Some(text) = cells.get("images").map(str::trim) else { continue };
        if listed == Some(text) {
            continue;
        }
        if row > 0 && !is_address(text) && describes_variant(cells) {
            wrong.push(differs(row, "images"));
            continue;
        }
        listed = listed.or(Some(text));
        let images = if is_address(text) {
            Ok(vec![ImageInput { url: text.into(), ..ImageInput::default() }])
        } else {
            serde_json::from_str(text)
        };
        let Ok(images) = images else {
            let why = "Must be an address, or a JSON array of objects with url and alt.".to_owned();
            wrong.push(CellError { row, column: "images".to_owned(), why });
            continue;
        };
        for image in images {
            if row == 0 || all.iter().all(|other| other.url != image.url) {
                all.push(image);
                given_by.push(row);
            }
        }
    }
    (listed.map_or(Field::Missing, |_| Field::Given(all)), given_by)
}

fn is_address(text: &str) -> bool {
    let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
    begins("http://") || begins("https://")
}
